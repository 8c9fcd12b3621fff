// `corom index …`: the files and the words of the native command.
import { invalid } from "../../errors.js";
import { ProgressBar } from "../progress-bar.js";
import { loadBinding } from "./binding.js";
import { CatalogFolder } from "./catalog-folder.js";
import { withCatalogLock } from "./catalog-lock.js";
import { addItems, embedItems, embedQuery, openItems, readText } from "./items.js";

const print = (text) => process.stdout.write(`${text}\n`);

/** Runs `work` with the binding, and removes the progress bar after a failure. */
async function withTools(signal, work) {
  const bar = new ProgressBar();
  try {
    await work(await loadBinding(signal), { bar, signal });
  } finally {
    bar.clear();
  }
}

/** Runs `work`, which changes an existing catalog, while no other command does. */
const changing = (catalog, signal, work) =>
  withTools(signal, (instance, tools) => {
    CatalogFolder.open(catalog); // the lock is for existing ones
    return withCatalogLock(catalog, signal, () => work(instance, tools));
  });

export const build = ({ positionals: [items, catalog], values }, signal) =>
  withTools(signal, async (instance, tools) => {
    const { schema, synonyms, codes = "auto", vectors = "int8", force } = values;
    const source = openItems(items, signal);
    const builder = readText(schema, (text) => instance.call(({ CatalogBuilder }) => new CatalogBuilder(text, values.model !== undefined, values.text)));
    const hasVectors = values.model !== undefined || instance.call(() => builder.hasVectors());
    if (!hasVectors && (codes === "yes" || vectors !== "int8")) throw invalid("--codes, --vectors: the catalog has no vectors; add --model");
    CatalogFolder.create(catalog, force);
    await withCatalogLock(catalog, signal, async () => {
      const folder = CatalogFolder.create(catalog, force);
      await addItems(instance, builder, source, tools);
      const check = (text) => (instance.call(({ checkSynonyms }) => checkSynonyms(text)), text);
      const groups = synonyms === undefined ? "" : readText(synonyms, check);
      await embedItems(instance, builder, { ...values, codes }, tools);
      const file = instance.call(() => builder.build(groups, codes, vectors));
      folder.replace(instance, file, instance.call(() => builder.stored()));
      const warning = instance.call(() => builder.warning());
      if (warning !== undefined) process.stderr.write(`warning: ${items}: ${warning}\n`);
      print(`${catalog}: ${instance.call(() => builder.items())} items, ${file.length} bytes`);
    });
  });

export const add = ({ positionals: [catalog, items], values }, signal) =>
  changing(catalog, signal, async (instance, tools) => {
    const source = openItems(items, signal);
    const place = opened(instance, catalog, values.model !== undefined);
    const { current, builder } = place;
    const isRefused = values.model !== undefined && !instance.call(() => builder.hasVectors());
    if (isRefused) throw invalid("--model: the catalog has no vectors; build it with --model");
    await addItems(instance, builder, source, tools);
    await embedItems(instance, builder, values, tools);
    const first = instance.call(() => builder.firstBuild());
    if (first === undefined) append(instance, place, instance.call(() => builder.delta(current)));
    else replace(instance, catalog, place.folder, first);
  });

export const patch = ({ positionals: [catalog, patches] }, signal) =>
  changing(catalog, signal, async (instance) => {
    const place = opened(instance, catalog);
    append(instance, place, readText(patches, (text) => instance.call(({ patchesOf }) => patchesOf(place.current, text))));
  });

export const remove = ({ positionals: [catalog, ...ids] }, signal) =>
  changing(catalog, signal, async (instance) => {
    const place = opened(instance, catalog);
    append(instance, place, instance.call(({ removalsOf }) => removalsOf(place.current, ids)));
  });

export const compact = ({ positionals: [catalog] }, signal) =>
  changing(catalog, signal, async (instance) => {
    const { folder, current } = opened(instance, catalog);
    const file = instance.call(({ compact }) => compact(current));
    replace(instance, catalog, folder, file);
  });

export const info = ({ positionals: [catalog] }, signal) =>
  withTools(signal, async (instance) => {
    const { current } = opened(instance, catalog);
    print(instance.call(({ describe }) => describe(current)));
  });

export const search = ({ positionals: [catalog, query], values }, signal) =>
  withTools(signal, async (instance, tools) => {
    const { current, builder } = opened(instance, catalog);
    const vector = await embedQuery(instance, builder, query, values, tools);
    const { request = "{}", "top-k": topK } = values;
    print(instance.call(({ searchText }) => searchText(current, query, topK, request, vector)));
  });

export const exported = ({ positionals: [catalog] }, signal) =>
  withTools(signal, async (instance) => {
    const { current } = opened(instance, catalog);
    for (const id of instance.call(({ idsOf }) => idsOf(current))) {
      signal.throwIfAborted();
      const record = instance.call(({ recordOf }) => recordOf(current, id));
      // A reader that is slower than the catalog must not make the output pile up.
      if (!process.stdout.write(`${record}\n`)) await new Promise((resolve) => process.stdout.once("drain", resolve));
    }
  });

/** Opens a catalog. Returns its folder, the Catalog of the binding, and a builder of items for it. */
function opened(instance, catalog, hasModel = false) {
  const folder = CatalogFolder.open(catalog);
  const current = folder.read(instance);
  const builder = instance.call(({ CatalogBuilder }) => CatalogBuilder.forCatalog(current, folder.stored, hasModel));
  return { folder, current, builder };
}

function replace(instance, catalog, folder, file) {
  folder.replace(instance, file, folder.stored);
  print(`${catalog}: ${file.length} bytes`);
}

function append(instance, { folder, current }, file) {
  if (file.length > 0) folder.append(instance, current, file);
  print(`${file.length} bytes added`);
}
