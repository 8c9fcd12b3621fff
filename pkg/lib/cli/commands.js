// The commands: their arguments, options and examples. The code of a command is loaded when it runs.
import { HIDDEN_POOLINGS } from "../load-options.js";
import { INDEX_COMMANDS } from "./index/commands.js";
import { choice, flag, UsageError, wholeNumber } from "./usage.js";

const MAX_WORKERS = 32;
const METRICS = ["dot", "cosine", "l2", "l1"];

/** Parses names of poolings with commas between them. */
function poolings(value, option) {
  const names = value.split(",");
  names.forEach((name) => choice(...HIDDEN_POOLINGS)(name, option));
  if (new Set(names).size < names.length) throw new UsageError(`${option}: got \`${value}\`; expected each name once`);
  return names;
}

/** Names of transformers.js and of ONNX files for the number types of weights. */
const DTYPES = { fp32: "f32", float32: "f32", q8: "int8", uint8: "int8", quantized: "int8", q4: "int4", uint4: "int4" };

/** Parses the number type that weights are converted to. */
function dtype(value, option) {
  if (Object.hasOwn(DTYPES, value)) throw new UsageError(`${option}: got \`${value}\`; write ${DTYPES[value]}`);
  return choice("f32", "int8", "int4")(value, option);
}

/** Options of `corom convert`, which the commands that use a model are asked for. */
const CONVERT_ONLY = Object.fromEntries(
  ["dtype", "pooling", "normalize", "max-length", "ignore-head"].map((name) => [name, `it is decided by corom convert --${name}`]),
);

const MODEL = {
  model: { short: "m", value: "MODEL", help: "the model folder: a path, the URL of a folder, or nano, the model in the package (required, but in rank)" },
  quality: {
    value: "NAME",
    parse: choice("balanced", "exact", "float"),
    help: "balanced, exact (the same bits on every machine) or float (slower, f32 products)",
  },
  "max-length": {
    value: "N",
    parse: wholeNumber(2),
    help: "the number of tokens that texts are cut to [default: the model's own]",
  },
  device: {
    value: "NAME",
    parse: choice("cpu", "auto", "gpu"),
    help: "cpu, gpu, or auto: the GPU if there is one that is faster. A GPU needs the npm package webgpu [default: cpu]",
  },
};
const TEXTS = {
  column: { value: "N|NAME", help: "TSV: the column with the texts, by number, or by name with --header [default: the only one]" },
  columns: {
    value: "N",
    parse: wholeNumber(1, 99999),
    help: "TSV: split each line in N columns at its first tabs, so that the last column may have tabs",
  },
  header: { type: "boolean", help: "TSV: the first line has the names of the columns" },
  field: { value: "NAME", help: "JSONL: the field with the text [default: text]" },
  input: {
    value: "FORMAT",
    parse: choice("txt", "tsv", "jsonl"),
    help: "txt (one text per line), tsv or jsonl [default: by the file's name]",
  },
};
const TOP_K = { "top-k": { short: "k", value: "N", parse: wholeNumber(1), help: "how many texts to print [default: 10]" } };
/** The arguments of the commands that print the best texts of a file. */
const BEST = {
  positionals: ["QUERY", "FILE"],
  arguments: { QUERY: "the query", FILE: "texts, as in `corom embed`; - reads standard input" },
  hints: CONVERT_ONLY,
};
const WORKERS = {
  workers: { value: "N", parse: wholeNumber(1, MAX_WORKERS), help: "workers that compute at the same time [default: 1]" },
};

export const COMMANDS = {
  convert: {
    summary: "Convert a ModelScope or Hugging Face checkpoint, or an ONNX export, to a model folder",
    positionals: ["CHECKPOINT", "OUT"],
    arguments: {
      CHECKPOINT: "the folder of the checkpoint or the ONNX export, or an .onnx file: with config.json, vocab.txt or tokenizer.json",
      OUT: "the model folder to write",
    },
    options: {
      dtype: {
        value: "DTYPE",
        parse: dtype,
        help: "the number type of the weights: f32 (as in the checkpoint), int8 (a quarter of the size) or int4 (a sixth) [default: f32]",
      },
      pooling: {
        value: "NAME[,NAME]",
        parse: poolings,
        help:
          `how hidden states become one vector per text: ${HIDDEN_POOLINGS.join(", ")}, or several with commas, whose ` +
          "vectors are concatenated [default: what the checkpoint says, or cls for ModelScope's sentence embeddings]",
      },
      "max-length": {
        value: "N",
        parse: wholeNumber(2),
        help: "the number of tokens that texts are cut to [default: what the checkpoint says]",
      },
      normalize: {
        value: "true|false",
        optional: "true",
        parse: flag,
        help: "L2-normalize vectors [default: what the checkpoint says, else false]",
      },
      from: {
        value: "checkpoint|onnx",
        parse: choice("checkpoint", "onnx"),
        help: "what to convert if the folder has a checkpoint and an ONNX export [default: the checkpoint]",
      },
      "ignore-head": {
        type: "boolean",
        help: "leave out the layers after the pooling, or a head in the checkpoint that corom does not run",
      },
      "keep-vocab": {
        value: "TEXTS",
        multiple: true,
        help: "keep only the tokens that the lines of this file use, so that the model is smaller; may be repeated",
      },
      "max-shard-size": { value: "BYTES", parse: wholeNumber(65536), help: "the most bytes of a file model.onnx_data_… [default: 25165824]" },
      force: { type: "boolean", help: "replace the model folder if it exists" },
    },
    examples: [
      ["npx corom convert nlp_corom_sentence-embedding_chinese-base-ecom models/corom --dtype int8", "a checkpoint from ModelScope"],
      ["npx corom convert my-bert models/my-bert --pooling mean --dtype int8", "a checkpoint that does not state its pooling"],
      ["npx corom convert export/onnx/model.onnx models/export --dtype int4", "an ONNX export"],
    ],
    load: () => import("./convert.js"),
  },
  inspect: {
    summary: "Show the manifest of a model folder and check its files",
    positionals: ["FOLDER"],
    arguments: { FOLDER: "a model folder that `corom convert` wrote, or another tool's folder with an ONNX export" },
    options: { check: { type: "boolean", help: "also embed texts: run the self-test" } },
    examples: [
      ["npx corom inspect models/corom", "what the folder is, and the hash of every file"],
      ["npx corom inspect models/corom --check", "the same, and the self-test"],
    ],
    load: () => import("./inspect.js"),
  },
  verify: {
    summary: "Compare a model with the numbers that its model card prints",
    positionals: ["FOLDER"],
    arguments: { FOLDER: "a model folder that `corom convert` wrote, or another tool's folder with an ONNX export" },
    options: {
      numbers: { value: "FILE", help: "numbers of your own, in the format of docs/guides/models.md [default: those of CoROM's model cards]" },
    },
    examples: [["npx corom verify models/corom", "whether these are CoROM's weights, and whether they give its numbers"]],
    load: () => import("./verify.js"),
  },
  embed: {
    summary: "Embed a file of texts of any size",
    positionals: ["IN", "OUT"],
    arguments: {
      IN: "texts in UTF-8: one per line (.txt), a column of a table (.tsv) or records (.jsonl, .ndjson); - reads standard input",
      OUT: "vectors as an array of NumPy, [texts, dimension] (.npy), or records with a field `embedding` (.jsonl); - writes JSONL to standard output",
    },
    hints: CONVERT_ONLY,
    options: {
      ...MODEL,
      ...TEXTS,
      prompt: { value: "NAME|TEXT", help: "one of the model's prompts, or a text before each text" },
      ...WORKERS,
      force: { type: "boolean", help: "replace OUT if it exists" },
    },
    examples: [
      ["npx corom embed titles.txt titles.npy -m models/corom", "one title per line"],
      ["npx corom embed items.tsv items.npy -m models/corom --header --column title --quality exact", "one column of a table"],
      ["npx corom embed items.jsonl out.jsonl -m models/corom --field title --workers 4", "records, with four workers"],
    ],
    load: () => import("./embed.js"),
  },
  rank: {
    summary: "Print the texts of a file that are nearest to a query, best first",
    ...BEST,
    options: {
      ...MODEL,
      ...TEXTS,
      ...TOP_K,
      metric: { value: "NAME", parse: choice(...METRICS), help: `${METRICS.join(", ")} [default: the model's own]` },
      json: { type: "boolean", help: "print JSONL: { rank, line, score, text }" },
      ...WORKERS,
    },
    examples: [
      ["npx corom rank 阔腿裤女冬牛仔 titles.txt -m models/corom", "the ten best titles"],
      ["npx corom rank 耳机 items.jsonl -m models/corom --field title -k 3 --metric cosine --json", "three best as JSONL"],
    ],
    load: () => import("./rank.js"),
  },
  rerank: {
    summary: "Print the texts of a file that fit a query best by a reranker (cross-encoder), best first",
    ...BEST,
    options: {
      ...MODEL,
      ...TEXTS,
      ...TOP_K,
      json: { type: "boolean", help: "print JSONL: { rank, line, score, logit, text }; score is a probability" },
      ...WORKERS,
    },
    examples: [
      ["npx corom rerank 阔腿裤女冬牛仔 found.txt -m models/ranking", "the best of the titles that a search found"],
      ["npx corom rerank 耳机 found.jsonl -m models/ranking --field title -k 3 --json", "three best as JSONL"],
    ],
    load: () => import("./rerank.js"),
  },
  index: {
    summary: "Build and change catalogs of products, and search them: build, add, patch, remove, compact, info, search, export",
    commands: INDEX_COMMANDS,
  },
  serve: {
    summary: "Serve the demo page on this machine, with any model",
    positionals: ["[MODEL]"],
    arguments: { "[MODEL]": "the model folder [default: corom's nano model, for a first try]" },
    options: {
      catalog: { value: "DIR", help: "a catalog that the model embedded: opens the shop, a search page" },
      reranker: { value: "DIR", help: "a reranker, for the shop" },
      port: { value: "N", parse: wholeNumber(0, 65535), help: "the port [default: 8080, or a free port]" },
    },
    examples: [
      ["npx corom serve models/corom", "then open the printed address"],
      ["npx corom serve models/corom --catalog catalog", "the shop with a catalog of your own"],
    ],
    load: () => import("./serve.js"),
  },
};
