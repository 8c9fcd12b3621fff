// The types of `corom/instantsearch` and `corom/ai` fit those of the real libraries.
import { mkdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { MODULES, project } from "./support/places.mjs";
import { output } from "./support/programs.mjs";

const PROGRAM = `
import { BaseRetriever } from "@langchain/core/retrievers";
import type { EmbeddingsInterface } from "@langchain/core/embeddings";
import { create } from "@orama/orama";
import { embedMany } from "ai";
import instantsearch from "instantsearch.js";
import { Corom } from "corom";
import { embeddingModel, langchainEmbeddings, langchainRetriever, oramaPlugin } from "corom/ai";
import { createSearchClient } from "corom/instantsearch";
import { Catalog } from "corom/search";

export async function all(corom: Corom, catalog: Catalog): Promise<unknown> {
  const search = instantsearch({ indexName: "a", searchClient: createSearchClient(catalog, { indices: { a: { sort: "price" } } }) });
  const { embeddings } = await embedMany({ model: embeddingModel(corom), values: ["a"] });
  const langchain: EmbeddingsInterface = langchainEmbeddings(corom, { queryPrompt: "query" });
  const retriever = langchainRetriever(BaseRetriever, catalog, { search: { topK: 5 }, pageContent: ({ id }) => id });
  const documents = await retriever.invoke("a");
  const text: string = documents[0]!.pageContent;
  const db = create({ schema: { title: "string", embedding: "vector[64]" }, plugins: [oramaPlugin(corom, { text: ({ title }) => title })] });
  // @ts-expect-error no such option
  createSearchClient(catalog, { indexes: {} });
  // @ts-expect-error the function is required
  oramaPlugin(corom, {});
  return [search, embeddings, langchain, text, db];
}
`;

test("tsc accepts a program that uses the adapters with the real libraries", () => {
  const folder = project("adapter-types", {
    "main.ts": PROGRAM,
    "package.json": { name: "adapter-types", private: true, type: "module" },
    "tsconfig.json": {
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: true, // the libraries' own types
        target: "es2022",
        lib: ["es2023", "dom", "dom.iterable"],
        module: "esnext",
        moduleResolution: "bundler",
        types: [],
      },
      files: ["main.ts"],
    },
  });
  for (const name of ["@langchain/core", "@orama/orama", "ai", "instantsearch.js"]) {
    const link = path.join(folder, "node_modules", name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(MODULES, name), link);
  }
  output(process.execPath, [path.join(MODULES, "typescript/bin/tsc"), "-p", folder]);
});
