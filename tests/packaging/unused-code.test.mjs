// Bundles of the installed tarball contain only what the program uses: one that only catches CoromError has neither the
// class Corom nor, with corom/inline, the WebAssembly binary.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { build as esbuild } from "esbuild";
import { rolldown } from "rolldown";
import { rollup } from "rollup";
import { build as vite } from "vite";
import webpack from "webpack";
import { INSTALLED, project } from "./support/places.mjs";

const ENTRIES = { corom: "browser.js", "corom/inline": "inline.js", "corom/worker": "worker.js" };
/** The class CoromError, minified, takes about 100 bytes; a bundler adds some of its own. */
const MAX_BYTES = 400;

/** Rollup resolves no packages by itself. */
const resolvePackage = { name: "resolve", resolveId: (id) => (ENTRIES[id] ? path.join(INSTALLED, ENTRIES[id]) : null) };

/** Each bundler writes the minified bundle of `main.js` in `cwd` to the folder `out`. */
const BUNDLERS = {
  esbuild: (cwd) =>
    esbuild({ absWorkingDir: cwd, entryPoints: ["main.js"], outdir: "out", bundle: true, minify: true, format: "esm", logLevel: "error" }),
  async rollup(cwd) {
    const bundle = await rollup({ input: `${cwd}/main.js`, plugins: [resolvePackage], onwarn: failing });
    await bundle.write({ dir: `${cwd}/out`, format: "es" });
  },
  async rolldown(cwd) {
    const bundle = await rolldown({ input: `${cwd}/main.js`, platform: "browser", cwd, onwarn: failing });
    await bundle.write({ dir: `${cwd}/out`, format: "es", minify: true });
  },
  vite: (cwd) =>
    vite({
      root: cwd,
      configFile: false,
      logLevel: "error",
      build: { outDir: "out", modulePreload: false, lib: { entry: "main.js", formats: ["es"], fileName: "main" }, minify: true },
    }),
  webpack: (cwd) =>
    new Promise((resolve, reject) => {
      const settings = { mode: "production", context: cwd, entry: "./main.js", devtool: false, output: { path: `${cwd}/out` } };
      webpack(settings, (error, stats) => {
        if (error ?? stats.hasErrors()) reject(error ?? new Error(stats.toString()));
        else resolve();
      });
    }),
};

const failing = (warning) => assert.fail(String(warning.message ?? warning));

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  describe(name, () => {
    for (const [index, entry] of Object.keys(ENTRIES).entries()) {
      test(`leaves all of ${entry} out of a bundle that uses only CoromError`, async () => {
        const cwd = project(`unused/${name}-${index}`, {
          "package.json": { type: "module" },
          "main.js": `import { CoromError } from ${JSON.stringify(entry)};\nconsole.log(new CoromError("FREED", "x").code);\n`,
        });
        await bundle(cwd);
        const files = readdirSync(`${cwd}/out`, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
        assert.equal(files.length, 1, files.map((file) => file.name).join(", "));
        const text = readFileSync(path.join(files[0].parentPath ?? files[0].path, files[0].name), "utf8");
        assert.match(text, /CoromError/);
        const code = name === "rollup" ? text.replace(/^\s+|\/\*[^]*?\*\/|\/\/.*$/gm, "") : text; // rollup does not minify
        assert.ok(code.length <= MAX_BYTES, `${code.length} bytes: ${code.slice(0, 600)}`);
      });
    }
  });
}
