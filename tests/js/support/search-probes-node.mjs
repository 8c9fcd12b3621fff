// The catalog of tests/fixtures/search-probes, built by the native command, and the hits that every host has to give.
import { readFileSync } from "node:fs";
import path from "node:path";
import { native, scratch } from "./converter.mjs";
import { FIXTURES } from "./paths.mjs";
import { rowsOf } from "./search-probes.mjs";

const FOLDER = path.join(FIXTURES, "search-probes");
const read = (name) => readFileSync(path.join(FOLDER, name), "utf8");

export const PROBES = read("probes.tsv");
/** The lines of hits.tsv. `tests/index/probes.rs` writes them. */
export const GOLDEN_HITS = rowsOf(read("hits.tsv")).map(([query, hits = ""]) => `${query}\t${hits}`);

/** Builds the catalog in a folder that is deleted after the test `t`. Returns the folder. */
export function probeCatalog(t) {
  const catalog = path.join(scratch(t), "catalog");
  const file = (name) => path.join(FOLDER, name);
  const { status, stderr } = native(
    ...["index", "build", file("items.tsv"), catalog],
    ...["--schema", file("schema.json"), "--synonyms", file("synonyms.txt")],
  );
  if (status !== 0) throw new Error(stderr);
  return catalog;
}
