// The installed tarball in Bun: run, bundled, and compiled into one executable.
import { test } from "node:test";
import { assertWorks, cliText } from "./support/app.mjs";
import { MODEL, binary, project } from "./support/places.mjs";
import { output, outputJson } from "./support/programs.mjs";

const bun = binary("@oven", "bun");
const cwd = project("bun", { "app.mjs": cliText(), "inline.mjs": cliText("corom/inline") });

test("bun run", () => assertWorks(outputJson(bun, ["run", "app.mjs", MODEL], { cwd })));

test("bun run, corom/inline", () =>
  assertWorks(outputJson(bun, ["run", "inline.mjs", MODEL], { cwd }), { simd: "plain" }));

test("bun run, corom/worker", () => {
  project("bun", { "worker.mjs": cliText("corom/worker") });
  assertWorks(outputJson(bun, ["run", "worker.mjs", MODEL], { cwd }));
});

test("bun build takes the .wasm along, and the bundle runs from another folder", () => {
  output(bun, ["build", "app.mjs", "--target=bun", "--outdir=out"], { cwd });
  assertWorks(outputJson(bun, ["run", `${cwd}/out/app.js`, MODEL], { cwd: project("elsewhere") }));
});

test("bun build --compile makes one executable", () => {
  output(bun, ["build", "app.mjs", "--compile", "--outfile=one"], { cwd });
  assertWorks(outputJson(`${cwd}/one`, [MODEL], { cwd: project("elsewhere") }));
});
