// Measures each kernel and shape in GMAC/s, or checks the golden hashes. `./build.sh bench --only kernels` builds this
// folder's crate for wasm32 and leaves target/bench/kernels/plain.wasm and relaxed.wasm:
//
//   node [--experimental-wasm-relaxed-simd] benches/kernels/bench.mjs KERNELS.wasm [options]
//
//   --relaxed          measure the relaxed kernels too; the file must be built with the feature relaxed-simd
//   --golden           check the golden hashes instead. For a relaxed build, Node 20 needs `--no-liftoff`: its baseline
//                      compiler compiles i32x4.relaxed_dot_i8x16_i7x16_add_s wrongly
//   --only REGEXP      measure matching names and shapes only, such as "int8 exact 16x768x768"
//   --json FILE        write the results to FILE
//   --chromium FILE    run in this browser, through playwright-core, instead of in Node
//
// Compare the "best" figures: other work on the machine only makes a run slower.
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
