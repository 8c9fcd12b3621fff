// .ci/count-tests.mjs: what it makes of the logs of cargo and of Node's test runner.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { countTests } from "../../.ci/count-tests.mjs";
import { ROOT } from "./support/paths.mjs";

const result = (passed, failed = 0, ignored = 0, filtered = 0) =>
  `test result: ${failed ? "FAILED" : "ok"}. ${passed} passed; ${failed} failed; ${ignored} ignored; 0 measured; ` +
  `${filtered} filtered out; finished in 0.10s`;
const cargo = (binary, ...counts) => `     Running ${binary} (target/debug/deps/x-0123)\n${result(...counts)}\n`;
const node = ({ pass = 3, fail = 0, cancelled = 0, skipped = 0, todo = 0 } = {}) =>
  `✔ one (1.2ms)
ℹ tests ${pass + fail + cancelled + skipped + todo}
ℹ suites 1
ℹ pass ${pass}
ℹ fail ${fail}
ℹ cancelled ${cancelled}
ℹ skipped ${skipped}
ℹ todo ${todo}
ℹ duration_ms 12.5
`;
const totals = (log) => {
  const { passed, failed } = countTests(log);
  return [passed, failed];
};

describe("countTests", () => {
  test("adds what every runner passed", () => {
    const log = cargo("unittests src/lib.rs", 10) + cargo("tests/bits.rs", 2, 0, 0, 7) + node() + node({ pass: 4 });
    assert.deepEqual(countTests(log), { passed: 19, failed: 0, problems: [] });
  });

  test("counts cargo's failed and ignored tests as failed, and names the binary", () => {
    const { passed, failed, problems } = countTests(cargo("tests/bits.rs", 5, 2, 1));
    assert.deepEqual([passed, failed], [5, 3]);
    assert.deepEqual(problems, ["tests/bits.rs: 2 failed", "tests/bits.rs: 1 ignored"]);
  });

  test("counts Node's failed, cancelled, skipped and todo tests as failed", () => {
    for (const kind of ["fail", "cancelled", "skipped", "todo"]) assert.deepEqual(totals(node({ [kind]: 2 })), [3, 2]);
  });

  test("counts a runner that ran no test as failed", () => {
    assert.deepEqual(totals(cargo("tests/bits.rs", 0)), [0, 1]);
    assert.deepEqual(totals(cargo("tests/bits.rs", 0, 0, 0, 5)), [0, 1], "a filter left nothing");
    assert.deepEqual(totals(cargo("unittests src/lib.rs", 0)), [0, 1]);
    assert.deepEqual(totals(`   Doc-tests corom\n${result(0)}\n`), [0, 1]);
    assert.deepEqual(totals(node({ pass: 0 })), [0, 1]);
  });

  test("lets the command's own binary be empty", () => {
    assert.deepEqual(totals(cargo("unittests src/bin/corom/main.rs", 0) + cargo("tests/a.rs", 1)), [1, 0]);
  });

  test("counts a file of Node's that defines no test as failed", () => {
    const { failed, problems } = countTests(`✔ /checkout/tests/js/empty.test.mjs (463.5ms)\n${node()}`);
    assert.deepEqual([failed, problems], [1, ["/checkout/tests/js/empty.test.mjs: ran no test"]]);
    assert.deepEqual(totals(`  ✔ a test about x.test.mjs (3ms)\n${node()}`), [3, 0]);
  });

  test("counts a log that no runner wrote to as failed", () => {
    assert.deepEqual(totals("error: could not compile `corom`\n"), [0, 1]);
  });

  test("reads logs with colors", () => {
    assert.deepEqual(totals("\x1b[34mℹ tests 1\x1b[39m\n\x1b[34mℹ pass 0\x1b[39m\n\x1b[34mℹ skipped 1\x1b[39m\n"), [0, 1]);
  });
});

describe("the program", () => {
  let folder;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), "corom-logs-"))));
  after(() => rmSync(folder, { recursive: true }));

  const run = (...logs) => {
    const files = logs.map((log, i) => {
      const file = path.join(folder, `${i}.log`);
      writeFileSync(file, log);
      return file;
    });
    const { status, stdout } = spawnSync(process.execPath, [path.join(ROOT, ".ci/count-tests.mjs"), ...files], {
      encoding: "utf8",
    });
    return { status, last: stdout.trimEnd().split("\n").at(-1) };
  };

  test("prints the sum of all logs last and exits with 0 if nothing failed", () => {
    assert.deepEqual(run(cargo("tests/a.rs", 2) + node(), node()), { status: 0, last: "8 passed, 0 failed" });
  });

  test("exits with 1 if a test failed or did not run, or without a log", () => {
    assert.deepEqual(run(node(), node({ skipped: 1 })), { status: 1, last: "6 passed, 1 failed" });
    assert.deepEqual(run(cargo("tests/a.rs", 0)), { status: 1, last: "0 passed, 1 failed" });
    assert.deepEqual(run(), { status: 1, last: "0 passed, 1 failed" });
  });
});
