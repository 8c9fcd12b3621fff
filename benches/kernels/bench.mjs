// GMAC/s of each kernel and shape, and the golden hashes. This folder's crate, built for wasm32, is KERNELS.wasm:
//
//   node [--experimental-wasm-relaxed-simd] benches/kernels/bench.mjs KERNELS.wasm [options]
//
//   --relaxed          it was built with `--features relaxed-simd`: measure those kernels too
//   --golden           only check the golden hashes (of a relaxed build in Chromium, or in Node 20 with
//                      `--no-liftoff`: its baseline compiler gets i32x4.relaxed_dot_i8x16_i7x16_add wrong,
//                      and so cases 5 and 8)
//   --only REGEXP      only these, as in "int8 exact 16x768x768"
//   --json FILE        write the results
//   --chromium FILE    in this browser, through playwright-core, instead of Node
//
// Other work on the machine only ever makes a run slower: "best" is the figure to compare.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import * as suite from "./suite.mjs";

const argv = process.argv.slice(2);
const flag = (name) => argv.includes(name);
const value = (name) => (flag(name) ? argv[argv.indexOf(name) + 1] : undefined);
const bytes = readFileSync(argv[0]);
const options = { relaxed: flag("--relaxed"), only: value("--only") ?? "." };
const task = flag("--golden") ? "golden" : "run";

async function inChromium(executablePath) {
  // playwright-core is one of the benchmarks' packages.
  const require = createRequire(new URL("../peers/package.json", import.meta.url));
  const { chromium } = require("playwright-core");
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage();
    page.on("console", (message) => console.log(message.text()));
    const source = readFileSync(new URL("./suite.mjs", import.meta.url), "utf8");
    const result = await page.evaluate(
      async ({ source, task, base64, options }) => {
        const suite = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        return suite[task]({ bytes, ...options, log: console.log });
      },
      { source, task, base64: bytes.toString("base64"), options },
    );
    return { host: `Chromium ${browser.version()}`, result };
  } finally {
    await browser.close();
  }
}

const chromium = value("--chromium");
const { host, result } = chromium
  ? await inChromium(chromium)
  : { host: `Node ${process.version}`, result: await suite[task]({ bytes, ...options, log: console.log }) };
if (value("--json")) writeFileSync(value("--json"), `${JSON.stringify({ host, result }, null, 1)}\n`);
if (task === "golden") {
  console.log(`${host}: ${result.cases - result.wrong.length} of ${result.cases} golden cases; wrong: ${result.wrong}`);
  process.exitCode = result.wrong.length ? 1 : 0;
}
