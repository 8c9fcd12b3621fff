import assert from "node:assert/strict";
import { test } from "node:test";
import { cosine, drift, mean, median, minimum, total } from "../statistics.mjs";

test("median, minimum, total and mean", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 100]), 10, "sorted as numbers, not as texts");
  assert.ok(Number.isNaN(median([])) && Number.isNaN(minimum([])));
  assert.equal(minimum([2, 1, 3]), 1);
  assert.equal(total([1, 2, 3]), 6);
  assert.equal(mean([1, 2, 6]), 3);
});

test("median does not sort its argument", () => {
  const list = [3, 1, 2];
  median(list);
  assert.deepEqual(list, [3, 1, 2]);
});

test("drift compares the last third with the first", () => {
  assert.equal(drift([1, 1, 1, 1, 1, 1]), 1);
  assert.equal(drift([2, 2, 5, 9, 1, 1]), 0.5);
  assert.equal(drift([1, 9]), 1, "too few samples");
});

test("cosine is NaN for a vector of zeros", () => {
  assert.equal(cosine([1, 0], [0, 2]), 0);
  assert.ok(Math.abs(cosine([1, 2], [2, 4]) - 1) < 1e-15);
  assert.ok(Number.isNaN(cosine([0, 0], [1, 1])), "a vector without direction");
});
