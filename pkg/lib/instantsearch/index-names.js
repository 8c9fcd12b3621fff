// Index names: with InstantSearch an order of the hits is an index of its own.
import { unexpected } from "../arguments.js";
import { invalid } from "../errors.js";
import { nearestName, readOptions } from "../option-names.js";

const ORDER = /^[^:]*((?::[^:]+:(?:asc|desc))+)$/;

export class IndexNames {
  #indices;
  #common;

  /** `indices` maps names to options of `Catalog.search`; `search` has the options of all searches. */
  constructor({ indices, search = {} }) {
    this.#common = copyOf(search, "search");
    if (indices === undefined) return;
    const names = Object.keys(copyOf(indices, "indices"));
    this.#indices = new Map(names.map((name) => [name, copyOf(indices[name] ?? {}, `indices.${name}`)]));
  }

  /** Returns the options of `Catalog.search` that belong to an index name. */
  options(name, info) {
    const listed = this.#indices?.get(name);
    if (listed !== undefined) return { ...this.#common, ...listed };
    const [, order] = ORDER.exec(name) ?? [];
    if (order === undefined && this.#indices === undefined && !name.includes(":")) return { ...this.#common };
    if (order !== undefined) return { ...this.#common, sort: keysOf(order, name, info) };
    throw invalid(`indexName: "${name}" ${this.#advice(name)}`);
  }

  #advice(name) {
    if (this.#indices === undefined) return 'is no order; write it as "name:attribute:asc" or "name:attribute:desc"';
    const names = [...this.#indices.keys()];
    const nearest = nearestName(name, names);
    const next = nearest === undefined ? `the option indices has ${names.join(", ") || "no name"}` : `did you mean "${nearest}"?`;
    return `is not in the option indices; ${next}`;
  }
}

/** Returns `["price:asc"]` of `:price:asc`. */
function keysOf(order, name, { attributes }) {
  const keys = order.slice(1).match(/[^:]+:(?:asc|desc)/g);
  for (const key of keys) {
    const attribute = key.replace(/:(asc|desc)$/, "");
    if (attributes.some((one) => one.name === attribute)) continue;
    throw invalid(`indexName: "${name}" sorts by "${attribute}", which is no attribute of the catalog`);
  }
  return keys;
}

function copyOf(value, name) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw unexpected(name, value, "an object");
  return readOptions(value, Object.keys(value), { call: "createSearchClient", argument: name });
}
