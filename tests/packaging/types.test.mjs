// The installed tarball's types under `tsc --strict`, with every module resolution of TypeScript.
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { MODULES, project } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const TSC = path.join(MODULES, "typescript/bin/tsc");

const USE = `
import { Corom, CoromError, type CoromErrorCode, type Embeddings, type Info, type Progress, type Ranked } from "corom";

export async function use(source: string | URL, signal: AbortSignal): Promise<Ranked[]> {
  const corom = await Corom.load(source, { maxLength: 64, signal, onProgress: (event: Progress) => void event.phase });
  const embeddings: Embeddings = await corom.embed(["a", "b"]);
  const rows: Float32Array[] = [...embeddings];
  const info: Info = corom.info;
  if (rows.length !== info.dimension) corom.free();
  return corom.rank("a", ["b"], { topK: 1, metric: "cosine" });
}

export const codeOf = (error: unknown): CoromErrorCode | undefined =>
  error instanceof CoromError ? error.code : undefined;

// @ts-expect-error a number is no text
export const wrong = async (corom: Corom) => corom.embed(42);
`;
/** The entries of the exports map beside the main one. */
const SUBPATHS = `
import { Corom, CoromError, CoromReranker, type Reranked } from "corom";
import { Corom as Inline, CoromError as InlineError, CoromReranker as InlineReranker } from "corom/inline";
import { textRanking } from "corom/modelscope";
import { Corom as InWorker, CoromError as WorkerError, CoromReranker as RerankerInWorker } from "corom/worker";
import plain from "corom/corom.wasm";
import relaxed from "corom/corom-relaxed.wasm";
import unfused from "corom/corom-unfused.wasm";

export const loads = [
  Inline.load("./model/"),
  Corom.load("./model/", { wasm: plain, advanced: { simd: "plain" } }),
  Corom.load("./model/", { wasm: relaxed, advanced: { simd: "relaxed" } }),
  Corom.load("./model/", { wasm: unfused, advanced: { fused: false } }),
];
export const same: (typeof CoromError)[] = [InlineError, WorkerError];
export const worker: Promise<InWorker> = InWorker.load("./model/", { abortTimeout: 1000 });

export async function reranked(query: string, texts: string[]): Promise<Reranked[]> {
  await InlineReranker.load("./ranking/", { wasm: plain, pairCache: 0 });
  const reranker = await RerankerInWorker.load("./ranking/", { workers: 2 });
  const { scores } = await textRanking(await CoromReranker.load("./ranking/"))({ source_sentence: query, sentences_to_compare: texts });
  return scores.length > 0 ? reranker.rerank(query, texts, { topK: 5, onPartial: (list) => void list.length }) : [];
}
`;

const MODES = [
  { module: "node16", moduleResolution: "node16", type: "module", library: "node" },
  { module: "nodenext", moduleResolution: "nodenext", type: "module", library: "node" },
  { module: "nodenext", moduleResolution: "nodenext", type: "commonjs", library: "node" },
  { module: "esnext", moduleResolution: "bundler", type: "module", library: "web" },
  { module: "preserve", moduleResolution: "bundler", type: "commonjs", library: "web" },
  { module: "esnext", moduleResolution: "node10", type: "module", library: "web", noExportsMap: true },
];
const LIBRARIES = { node: { lib: ["ES2022"], types: ["node"] }, web: { lib: ["ES2022", "DOM"], types: [] } };

for (const { module, moduleResolution, type, library, noExportsMap } of MODES) {
  test(`tsc accepts a ${type} package with module ${module}, moduleResolution ${moduleResolution}`, () => {
    const cwd = project(`types/${module}-${moduleResolution}-${type}`, {
      "package.json": { type },
      "use.ts": USE,
      ...(!noExportsMap && { "subpaths.ts": SUBPATHS }),
      "tsconfig.json": {
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          noEmit: true,
          skipLibCheck: false, // the declarations themselves are checked,
          skipDefaultLibCheck: true, // TypeScript's own are not
          target: "ES2022",
          module,
          moduleResolution,
          typeRoots: [path.join(MODULES, "@types")],
          ...LIBRARIES[library],
        },
        include: ["*.ts"],
      },
    });
    output(process.execPath, [TSC, "-p", cwd], { cwd });
  });
}

test("tsc rejects a program with a wrong call", () => {
  const cwd = project("types/wrong", {
    "wrong.ts": `import { Corom } from "corom";\nCorom.load(42);\n`,
    "tsconfig.json": { compilerOptions: { strict: true, noEmit: true, module: "nodenext", types: [], skipLibCheck: true } },
  });
  assert.throws(() => output(process.execPath, [TSC, "-p", cwd], { cwd }), /TS2345/);
});
