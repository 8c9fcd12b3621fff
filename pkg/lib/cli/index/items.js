// The items that a catalog is built from: rows of a file, and their vectors.
import { readFileSync } from "node:fs";
import { CoromError, invalid, messageOf } from "../../errors.js";
import { loadModel } from "../model.js";
import { assertExists, openRows } from "../records.js";
import { promptOf } from "../../search/prompts.js";

/** Vectors are those that `corom index` of the native command computes. */
const QUALITY = "exact";

/** Reads a file; `parse` makes a value of its text. */
export function readText(file, parse = (text) => text) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new CoromError(cause?.code === "ENOENT" ? "MISSING_FILE" : "FETCH_FAILED", `${file}: ${messageOf(cause)}`, { cause });
  }
  try {
    return parse(text);
  } catch (cause) {
    throw cause instanceof CoromError ? new CoromError(cause.code, `${file}: ${cause.message}`, { cause }) : cause;
  }
}

/** Opens a file of items. Nothing is read yet. */
export function openItems(file, signal) {
  const source = { file, ...openRows(file, signal) };
  assertExists(file);
  return source;
}

/** Adds the items of an opened file to a CatalogBuilder of the binding. */
export async function addItems(instance, builder, { file, size, rows, isTable }, { bar, signal }) {
  for await (const { number, json, fields, bytes } of rows) {
    try {
      instance.call(() => builder.add(json ?? JSON.stringify(fields), isTable, `line ${number}`));
    } catch (error) {
      if (error?.code !== "INVALID_ARGUMENT") throw error;
      throw new CoromError(error.code, `${file}: line ${number}: ${error.message}`, { cause: error });
    }
    bar.update("reading", bytes, size, () => `${number} lines`);
  }
  signal.throwIfAborted();
  bar.clear();
}

/**
 * Embeds the items of a builder with the model of the options, if there is one. `codes` is that of a new catalog; undefined
 * for items that are added.
 */
export async function embedItems(instance, builder, { codes, ...values }, { bar, signal }) {
  if (values.model === undefined) return;
  const { model, batchSize } = await loadModel({ ...values, quality: QUALITY }, { bar, signal });
  try {
    useModel(instance, builder, model);
    const prompt = { text: await useText(instance, builder, values, model) };
    const texts = instance.call(() => builder.texts());
    for (let at = 0; at < texts.length; at += batchSize) {
      const onProgress = ({ done, rate }) => bar.update("embedding", at + done, texts.length, () => `${at + done} texts, ${rate?.toFixed(0) ?? 0} texts/s`);
      const batch = await model.embed(texts.slice(at, at + batchSize), { prompt, signal, onProgress });
      instance.call(() => builder.setVectors(at, batch.data));
    }
    const queries = instance.call(() => builder.queryTexts(codes));
    if (queries.length > 0) {
      const { data } = await model.embed(queries, { prompt: promptOf(model.info, "query"), signal });
      instance.call(() => builder.setQueries(data));
    }
    signal.throwIfAborted();
  } finally {
    bar.clear();
    model.free();
  }
}

/** Embeds a query for a catalog with the model of the options; undefined without one, and for an empty query, which browses. */
export async function embedQuery(instance, builder, query, values, { bar, signal }) {
  if (values.model === undefined || query.trim() === "") return undefined;
  if (!instance.call(() => builder.hasVectors())) throw invalid("--model: the catalog has no vectors; build it with --model");
  const { model } = await loadModel({ ...values, quality: QUALITY }, { bar, signal });
  try {
    compare(model, (dimension, { lineage, distilledFrom }) =>
      instance.call(() => builder.checkQueryModel(dimension, lineage, distilledFrom)),
    );
    return await model.embed(query, { prompt: values.prompt ?? promptOf(model.info, "query"), signal });
  } finally {
    bar.clear();
    model.free();
  }
}

/** Tells the builder which text of an item is embedded. Returns the prompt before it. */
async function useText(instance, builder, { text, prompt }, model) {
  await model.embed([], { prompt }); // checks the name of a prompt
  const { prompts = {} } = model.info;
  const named = (name) => (Object.hasOwn(prompts, name) ? prompts[name] : name);
  const own = promptOf(model.info, "document");
  const chosen = prompt === undefined ? undefined : named(prompt);
  const used = instance.call(() => builder.useText(text, chosen, own?.name === undefined ? "" : prompts[own.name]));
  const warning = instance.call(() => builder.textWarning());
  if (warning !== undefined) process.stderr.write(`warning: ${warning}\n`);
  return used;
}

/** Compares a model with the vectors of a catalog, which get others from it. */
function useModel(instance, builder, model) {
  compare(model, (dimension, { metric, lineage, distilledFrom }) =>
    instance.call(() => builder.useModel(dimension, metric, lineage, distilledFrom)),
  );
}

/** Warns if a comparison would not have noticed another model. */
function compare({ info }, isCompared) {
  const { dimension, lineage } = info;
  if (isCompared(dimension, info)) return;
  const which = lineage === undefined ? "the model folder" : "the catalog";
  process.stderr.write(
    `warning: ${which} has no lineage, so vectors of another model with ${dimension} dimensions would not be noticed; ` +
      "`corom convert` writes the lineage of a model\n",
  );
}
