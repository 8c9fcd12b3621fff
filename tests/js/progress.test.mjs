// ProgressReporter: sums over files, and the rate of a download. The test controls the clock.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { ProgressReporter } from "../../pkg/lib/progress.js";

describe("ProgressReporter", () => {
  let now;
  let events;
  let progress;
  let loaded;
  beforeEach(() => {
    [now, events, loaded] = [1000, [], 0];
    progress = new ProgressReporter((event) => events.push(event));
    progress.expect("a", 1_000_000);
  });

  /** Reports `count` times that so many bytes more have arrived, in steps of so many milliseconds. */
  const arrive = (count, bytes, ms) => {
    for (let i = 0; i < count; i++) {
      now += ms;
      progress.update("download", "a", (loaded += bytes));
    }
    return events.at(-1);
  };

  test("gives the rate in bytes per second, once bytes have arrived for a tenth of a second", (t) => {
    t.mock.method(performance, "now", () => now);
    assert.equal(arrive(1, 500, 10).rate, undefined);
    const { rate } = arrive(20, 1000, 100);
    assert.ok(Math.abs(rate - 10_000) < 1000, `${rate}`);
  });

  test("forgets times that are more than three seconds ago", (t) => {
    t.mock.method(performance, "now", () => now);
    arrive(30, 10_000, 100);
    const { rate } = arrive(40, 1000, 100);
    assert.ok(rate > 9000 && rate < 11_500, `${rate}`);
  });

  test("sums bytes and totals over files, and gives no total while a size is unknown", () => {
    progress.expect("b", undefined);
    progress.update("download", "b", 10);
    assert.deepEqual([events.at(-1).loaded, events.at(-1).total], [10, undefined]);
    progress.update("download", "b", 20, 50);
    assert.deepEqual([events.at(-1).loaded, events.at(-1).total], [20, 1_000_050]);
    assert.deepEqual([events.at(-1).file, events.at(-1).fileLoaded, events.at(-1).fileTotal], ["b", 20, 50]);
    progress.remove("b");
    progress.update("download", "a", 30);
    assert.deepEqual([events.at(-1).loaded, events.at(-1).total], [30, 1_000_000]);
  });
});
