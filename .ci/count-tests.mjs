// Counts the tests in logs of cargo and of Node's test runner:
//
//   node .ci/count-tests.mjs LOG…
//
// Prints one line for each problem, then "N passed, M failed". A test that did not run counts as failed: cargo's
// "ignored", Node's "skipped", "cancelled" and "todo". So does a runner that ran no test, and a log without any runner.
// Exits with status 1 if anything failed.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Test binaries that may be empty: those of the commands. */
const MAY_BE_EMPTY = /^unittests src\/bin\//;
const NOT_RUN = ["cancelled", "skipped", "todo"];

/** Returns `{ passed, failed, problems }` for the text of one log. */
export function countTests(log) {
  const lines = log.replace(/\x1b\[[0-9;]*m/g, "").split(/\r?\n/);
  const total = { passed: 0, failed: 0, problems: [] };
  const fail = (count, problem) => {
    total.failed += count;
    total.problems.push(problem);
  };
  let runners = 0;
  let binary = "cargo"; // the test binary that cargo named last
  let node; // the counts of the summary that Node's runner is printing
  for (const line of lines) {
    const started = /^\s+(?:Running (.+) \(.+\)|(Doc-tests .+))$/.exec(line);
    if (started) binary = started[1] ?? started[2];

    const cargo = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/.exec(line);
    if (cargo) {
      const [passed, failed, ignored] = cargo.slice(1).map(Number);
      runners++;
      total.passed += passed;
      if (failed > 0) fail(failed, `${binary}: ${failed} failed`);
      if (ignored > 0) fail(ignored, `${binary}: ${ignored} ignored`);
      if (passed + failed + ignored === 0 && !MAY_BE_EMPTY.test(binary)) fail(1, `${binary}: ran no test`);
    }

    // Node counts a file without any test as one test that passed, named after the file.
    const empty = /^✔ (\S+\.test\.mjs) \([\d.]+ms\)$/.exec(line);
    if (empty) {
      total.passed -= 1;
      fail(1, `${empty[1]}: ran no test`);
    }

    const summary = /^[^\w\s]+ (tests|pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line);
    if (!summary) continue;
    const [name, count] = [summary[1], Number(summary[2])];
    if (name === "tests") {
      runners++;
      node = `Node's runner ${runners}`;
      if (count === 0) fail(1, `${node}: ran no test`);
    } else if (name === "pass") total.passed += count;
    else if (name === "fail" && count > 0) fail(count, `${node}: ${count} failed`);
    else if (NOT_RUN.includes(name) && count > 0) fail(count, `${node}: ${count} ${name}`);
  }
  if (runners === 0) fail(1, "the log names no test runner");
  return total;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const logs = process.argv.slice(2);
  const counts = logs.map((log) => ({ log, ...countTests(readFileSync(log, "utf8")) }));
  for (const { log, problems } of counts) for (const problem of problems) console.log(`${log}: ${problem}`);
  const sum = (field) => counts.reduce((total, count) => total + count[field], 0);
  const failed = logs.length === 0 ? 1 : sum("failed");
  console.log(`${sum("passed")} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
