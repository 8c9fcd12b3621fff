// .ci/times.mjs: the longest steps, test binaries and tests of a log.
import assert from "node:assert/strict";
import { test } from "node:test";
import { timesOf } from "../../.ci/times.mjs";

test("steps, test binaries and tests are listed, the longest first", () => {
  const log = [
    "==> format",
    "    format: 1 s",
    "    clippy for wasm, relaxed SIMD: 52 s",
    "    48 of 55 crates after 60 s; compiling serde",
    "     Running tests/index.rs (target/debug/deps/index-0a)",
    "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.85s",
    "   Doc-tests corom",
    "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 12.50s",
    "✔ a page runs (250.5ms)",
    "  ✔ an inner test (6100ms)",
    "✖ failed (9000ms)",
  ].join("\n");
  assert.deepEqual(timesOf(log), {
    steps: [
      { name: "clippy for wasm, relaxed SIMD", seconds: 52 },
      { name: "format", seconds: 1 },
    ],
    binaries: [
      { name: "Doc-tests corom", seconds: 12.5 },
      { name: "tests/index.rs", seconds: 2.85 },
    ],
    tests: [
      { name: "an inner test", seconds: 6.1 },
      { name: "a page runs", seconds: 0.2505 },
    ],
  });
});
