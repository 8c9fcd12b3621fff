// The installed tarball in Bun: as a program, bundled, and compiled into an executable.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertWorks, cliText } from "./support/app.mjs";
import { MODEL, binary, project } from "./support/places.mjs";
import { output, outputJson } from "./support/programs.mjs";

const bun = binary("@oven", "bun");
const cwd = project("bun", { "app.mjs": cliText(), "inline.mjs": cliText("corom/inline") });

test("bun run gives the golden vectors with corom", () => assertWorks(outputJson(bun, ["run", "app.mjs", MODEL], { cwd })));

test("bun run gives the golden vectors with corom/inline", () =>
  assertWorks(outputJson(bun, ["run", "inline.mjs", MODEL], { cwd }), { simd: "plain" }));

test("bun run gives the golden vectors with corom/worker and two workers", () => {
  project("bun", { "worker.mjs": cliText("corom/worker", "{ workers: 2 }") });
  const outcome = outputJson(bun, ["run", "worker.mjs", MODEL], { cwd });
  assertWorks(outcome);
  assert.equal(outcome.workers, 2);
});

test("bun build copies the .wasm, so that the bundle runs in another folder", () => {
  output(bun, ["build", "app.mjs", "--target=bun", "--outdir=out"], { cwd });
  assertWorks(outputJson(bun, ["run", `${cwd}/out/app.js`, MODEL], { cwd: project("elsewhere") }));
});

test("bun build --compile makes an executable that runs in another folder", () => {
  output(bun, ["build", "app.mjs", "--compile", "--outfile=one"], { cwd });
  assertWorks(outputJson(`${cwd}/one`, [MODEL], { cwd: project("elsewhere") }));
});
