// Clusters and pictures of vectors: `cluster` and `project2d` of `corom/search`.
import { optional, readArgument, unexpected, wholeNumber } from "../arguments.js";
import { invalid } from "../errors.js";
import { Instance, instantiate } from "../instance.js";
import { searchModule } from "../module.js";
import { readOptions } from "../option-names.js";
import { textClasses } from "../text.js";
import { toFloat32 } from "../vectors.js";
import { createBindings } from "../../wasm/corom-search.js";
import { clusters, projection } from "./analysis-results.js";
import { numbersOfClusters } from "./options.js";

/** Returns the function `cluster` of a host: the exports of host-web.js or host-node.js, and `searchBinary`. */
export function createCluster(functions, searchBinary) {
  const host = { ...functions, searchBinary };
  return async function cluster(vectors, given) {
    const { k, seed, dimension, wasm } = readArgument("options", () => clusterOptions(given));
    const list = readVectors(vectors, dimension);
    return withBindings(host, wasm, ({ clusterVectors }) => clusters(clusterVectors(list.values, list.dimension, k, seed)));
  };
}

/** Returns the function `project2d` of a host. */
export function createProject2d(functions, searchBinary) {
  const host = { ...functions, searchBinary };
  return async function project2d(vectors, given) {
    const { dimension, wasm } = readArgument("options", () => commonOptions(given, [], "project2d"));
    const list = readVectors(vectors, dimension);
    return withBindings(host, wasm, ({ projectVectors }) => projection(projectVectors(list.values, list.dimension)));
  };
}

function commonOptions(given, names, call) {
  const options = readOptions(given, ["dimension", "wasm", ...names], { call });
  optional(options.dimension, (dimension) => wholeNumber(dimension, "dimension", 1));
  return options;
}

const clusterOptions = (given) => numbersOfClusters(commonOptions(given, ["k", "seed"], "cluster"));

async function withBindings(host, wasm, work) {
  const compiled = await searchModule(host, { wasm });
  const { bindings, memory } = await instantiate(createBindings(textClasses()), compiled, undefined);
  const instance = new Instance(bindings, memory, "the clusters");
  try {
    return instance.call(work);
  } finally {
    instance.drop();
  }
}

/** Returns vectors as one array: `Embeddings`, a list of vectors, or with `dimension` a flat array. */
function readVectors(vectors, dimension) {
  // Of any realm, and also what JSON or a structured clone made of them.
  if (vectors?.data !== undefined && Number.isInteger(vectors.dimension)) {
    if (dimension !== undefined && dimension !== vectors.dimension) {
      throw invalid(`dimension: found ${dimension}; the vectors have ${vectors.dimension}`);
    }
    return { values: toFloat32(vectors.data, "vectors"), dimension: vectors.dimension };
  }
  if (dimension !== undefined) return { values: toFloat32(vectors, "vectors"), dimension };
  if (!Array.isArray(vectors)) throw unexpected("vectors", vectors, "Embeddings, a list of vectors, or one array and `dimension`");
  const list = vectors.map((vector, i) => toFloat32(vector, `vectors[${i}]`));
  const length = list[0]?.length ?? 1;
  const odd = list.findIndex((vector) => vector.length !== length);
  if (odd >= 0) throw invalid(`vectors[${odd}]: ${list[odd].length} values; the first vector has ${length}`);
  const values = new Float32Array(list.length * length);
  list.forEach((vector, i) => values.set(vector, i * length));
  return { values, dimension: length };
}
