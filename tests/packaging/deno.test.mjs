// The installed tarball in Deno, with the fewest permissions.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertWorks, cliText } from "./support/app.mjs";
import { MODEL, WORKSPACE, binary, project } from "./support/places.mjs";
import { output, outputJson } from "./support/programs.mjs";

const deno = binary("@deno", "deno");
const env = { DENO_NO_UPDATE_CHECK: "1", DENO_DIR: `${WORKSPACE}/deno` };
const run = ["run", "--no-lock", "--no-prompt", "--node-modules-dir=manual"];
const cwd = project("deno", { "app.mjs": cliText(), "inline.mjs": cliText("corom/inline") });

test("deno run --allow-read gives the golden vectors with corom", () => {
  assertWorks(outputJson(deno, [...run, "--allow-read", "app.mjs", MODEL], { cwd, env }));
});

test("deno run gives the golden vectors with corom/inline, with permission to read the model alone", () => {
  assertWorks(outputJson(deno, [...run, `--allow-read=${MODEL}`, "inline.mjs", MODEL], { cwd, env }), {
    simd: "plain",
  });
});

test("deno run --allow-read gives the golden vectors with corom/worker and two workers", () => {
  project("deno", { "worker.mjs": cliText("corom/worker", "{ workers: 2 }") });
  const outcome = outputJson(deno, [...run, "--allow-read", "worker.mjs", MODEL], { cwd, env });
  assertWorks(outcome);
  assert.equal(outcome.workers, 2);
});

test("Corom.load rejects with FETCH_FAILED without permission to read", () => {
  const program = `import { Corom } from "corom";
    console.log(await Corom.load(Deno.args[0]).catch((error) => error.code));`;
  project("deno", { "refused.mjs": program });
  assert.equal(output(deno, [...run, "refused.mjs", MODEL], { cwd, env }).trim(), "FETCH_FAILED");
});

test("deno check accepts a program that uses the types", () => {
  project("deno", {
    "app.ts": `import { Corom, type RankedText } from "corom";
export const rank = async (): Promise<RankedText[]> => (await Corom.load("./model")).rank("a", ["b"]);
`,
  });
  output(deno, ["check", "--no-lock", "--node-modules-dir=manual", "app.ts"], { cwd, env });
});
