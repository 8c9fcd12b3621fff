// The commands `corom index …`: their arguments, options and examples.
import { choice, UsageError, wholeNumber } from "../usage.js";

const MAX_WORKERS = 32;
const CATALOG = "the catalog folder";
const ITEMS = "the items: records (.jsonl, .ndjson, or - for standard input), or a table with a header (.tsv, .csv)";
const MODEL = {
  model: { short: "m", value: "MODEL", help: "the model folder: embeds the texts, so that searches find what they mean" },
  prompt: { value: "NAME|TEXT", help: "one of the model's prompts, or a text before each text [default: for items that of the catalog, or else the model's; for queries the model's]" },
};
const ITEM_MODEL = {
  ...MODEL,
  text: { value: "FIELD", help: "the field that is embedded [default: that of the catalog, or else the first one]" },
  workers: { value: "N", parse: wholeNumber(1, MAX_WORKERS), help: "workers that embed at the same time [default: 1]" },
};
const MAX_HITS = 10_000;
const TOP_K = { short: "k", value: "N", parse: wholeNumber(1, MAX_HITS), help: "the number of hits [default: 10]" };
const HINTS = { threads: "write --workers" };

/** Returns a loader of the code that runs a command. */
const load = (name) => async () => ({ run: (await import("./run.js"))[name] });

/** Throws a UsageError if options need a model, and there is none. */
function checkModel({ model, ...values }) {
  const given = ["prompt", "text", "workers"].find((name) => values[name] !== undefined);
  if (model === undefined && given !== undefined) throw new UsageError(`--${given} needs --model`);
}

export const INDEX_COMMANDS = {
  build: {
    summary: "Build a catalog folder from items",
    positionals: ["ITEMS", "CATALOG"],
    arguments: { ITEMS, CATALOG: "the catalog folder to write" },
    options: {
      schema: { value: "FILE", required: true, help: 'JSON with "fields", "attributes", "stored" and "vectors" (required)' },
      ...ITEM_MODEL,
      synonyms: { value: "FILE", help: "synonyms: one group per line, words separated by commas" },
      codes: {
        value: "auto|yes|no",
        parse: choice("auto", "yes", "no"),
        help: "write codes of one bit per dimension, for a first pass [default: auto, from 100,000 items on]",
      },
      vectors: {
        value: "int8|int4|1bit",
        parse: choice("int8", "int4", "1bit"),
        help: "bits per dimension of the vectors: int8; int4 in half the bytes; 1bit: codes alone [default: int8]",
      },
      force: { type: "boolean", help: "replace the catalog if there is one" },
    },
    hints: HINTS,
    check: checkModel,
    examples: [
      ["npx corom index build items.jsonl catalog --schema schema.json", "keywords, filters and facets"],
      ["npx corom index build items.tsv catalog --schema schema.json -m models/corom --workers 4", "vectors too"],
    ],
    load: load("build"),
  },
  add: {
    summary: "Add items, or replace those with the same ids",
    positionals: ["CATALOG", "ITEMS"],
    arguments: { CATALOG, ITEMS },
    options: ITEM_MODEL,
    hints: HINTS,
    check: checkModel,
    examples: [["npx corom index add catalog new.jsonl -m models/corom", "new products"]],
    load: load("add"),
  },
  patch: {
    summary: "Change attributes: a price, a stock",
    positionals: ["CATALOG", "PATCHES"],
    arguments: { CATALOG, PATCHES: 'JSON: {"id": {"attribute": value}}; null removes a value' },
    options: {},
    examples: [["npx corom index patch catalog prices.json", "new prices"]],
    load: load("patch"),
  },
  remove: {
    summary: "Remove items",
    positionals: ["CATALOG", "ID"],
    isVariadic: true,
    arguments: { CATALOG, ID: "the ids of the items" },
    options: {},
    examples: [["npx corom index remove catalog p7 p8", "two products"]],
    load: load("remove"),
  },
  compact: {
    summary: "Merge the changes into one file",
    positionals: ["CATALOG"],
    arguments: { CATALOG },
    options: {},
    examples: [["npx corom index compact catalog", "one file again"]],
    load: load("compact"),
  },
  info: {
    summary: "Show the schema and the size of each section",
    positionals: ["CATALOG"],
    arguments: { CATALOG },
    options: {},
    examples: [["npx corom index info catalog", "what the catalog has"]],
    load: load("info"),
  },
  search: {
    summary: "Search: print the result as JSON",
    positionals: ["CATALOG", "QUERY"],
    arguments: { CATALOG, QUERY: "the text to search for" },
    options: { ...MODEL, "top-k": TOP_K, request: { value: "JSON", help: 'more of the request: {"filter": {"price": {"lt": 100}}}' } },
    check: checkModel,
    examples: [
      ["npx corom index search catalog 阔腿裤", "by keywords"],
      [`npx corom index search catalog 阔腿裤 -m models/corom --top-k 3`, "by keywords and vectors"],
    ],
    load: load("search"),
  },
  export: {
    summary: "Print every item, one JSON record per line",
    positionals: ["CATALOG"],
    arguments: { CATALOG },
    options: {},
    examples: [["npx corom index export catalog", "the items, without vectors"]],
    load: load("exported"),
  },
};
