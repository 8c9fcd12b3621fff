// Prints where the time went, for a reader who has the end of the output alone:
//
//   node .ci/times.mjs LOG…
//
// Reads the lines "NAME: N s" of build.sh's steps, the times of cargo's test binaries, and those of Node's tests. Prints
// the longest of each kind. Steps that ran beside others are in the list too, so the times do not add up to the whole.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SHOWN = 15;

/** Returns `{ steps, binaries, tests }` of the text of logs: lists of `{ name, seconds }`, the longest first. */
export function timesOf(log) {
  const found = { steps: [], binaries: [], tests: [] };
  let binary = "cargo";
  for (const line of log.replace(/\x1b\[[0-9;]*m/g, "").split(/\r?\n/)) {
    const started = /^\s+(?:Running (.+) \(.+\)|(Doc-tests .+))$/.exec(line);
    if (started) binary = started[1] ?? started[2];
    const step = /^ {4}(\S.*): (\d+) s$/.exec(line);
    if (step) found.steps.push({ name: step[1], seconds: Number(step[2]) });
    const cargo = /^test result: .*; finished in ([\d.]+)s$/.exec(line);
    if (cargo) found.binaries.push({ name: binary, seconds: Number(cargo[1]) });
    const test = /^\s*✔ (.+) \(([\d.]+)ms\)$/.exec(line);
    if (test) found.tests.push({ name: test[1], seconds: Number(test[2]) / 1000 });
  }
  for (const list of Object.values(found)) list.sort((a, b) => b.seconds - a.seconds);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = timesOf(process.argv.slice(2).map((log) => readFileSync(log, "utf8")).join("\n"));
  for (const [kind, list] of Object.entries(found)) {
    console.log(`longest ${kind}, seconds:`);
    for (const { name, seconds } of list.slice(0, SHOWN)) console.log(`  ${seconds.toFixed(0).padStart(5)}  ${name}`);
  }
}
