// Loads a model with the option `device`: "auto" or "webgpu".
import { untilAborted } from "../abort.js";
import { openCache } from "../cache.js";
import { CoromError, messageOf } from "../errors.js";
import { isSameModel } from "../same-model.js";
import { findGpu } from "./adapter.js";
import { Choices } from "./choices.js";
import { Devices, slower } from "./devices.js";
import { GpuHistory, isGpuLoadError, isLoss } from "./history.js";
import { Pace } from "./pace.js";

/** The first texts of a device, and for a reranker their query. */
const FIRST_TEXTS = ["阔腿裤女高腰显瘦", "a red cotton shirt"];
const FIRST_QUERY = "阔腿裤";
/** How much the numbers of the GPU may differ from the CPU's, which may compute in int8. */
const MIN_COSINE = 0.99;
const MAX_LOGIT_ERROR = 0.3;
/**
 * Returns the engine. `load(gpu, options)` loads the model once, for the CPU if `gpu` is undefined. `first` has the signal
 * and the record of the first load. `history` has the failures of the GPU in earlier workers.
 */
export async function loadOnDevice({ kind, host, options, load, first, history = new GpuHistory() }) {
  const isRequired = options.device === "webgpu" && history.reason === undefined;
  const finding = findGpu(host, { given: options.webgpu, isRequired });
  const warn = (code, message, cause) => options.onProgress?.({ phase: "warning", code, message, cause });
  const { engine, found, fallback, mayRetry, auto, numbers } = await (options.device === "webgpu"
    ? loadForGpu({ finding, load, first, warn, history })
    : loadForBoth({ finding, load, first, host, options, history }));
  const device = engine.info.device;
  const loadAgain = async (device, signal) => {
    const other = await (device === "webgpu" ? loadAside(load, { found, numbers, signal }) : load(undefined, { signal }));
    if (isSameModel({ content: other.content, info: other.info }, engine)) return other;
    other.free();
    throw new CoromError("INTEGRITY_MISMATCH", "the source now contains another model; load it again to use it");
  };
  const parts = { engines: { [device]: engine }, load: loadAgain, warn, gpu: found.name, fallback, mayRetry, auto, history };
  return kind.createDeviceEngine(new Devices(parts));
}

/**
 * Loads the model for the GPU while the CPU computes. Nobody waits for it, so it reports no progress. `numbers` are those of
 * the CPU, in `auto`.
 */
async function loadAside(load, { found, numbers, signal }) {
  const engine = await load(found, { signal, onProgress: undefined });
  try {
    // The first texts take longer: shaders are compiled, and the device is checked. `auto` must not measure that.
    const own = await firstNumbers(engine, signal);
    if (!numbers || areClose(own, numbers, engine)) return engine;
    throw new CoromError("GPU_FAILED", "the GPU's results are not those of the CPU");
  } catch (error) {
    engine.free();
    throw error;
  }
}

/** Returns the vectors of the first texts, or their logits. */
async function firstNumbers(engine, signal) {
  if (engine.embed) return (await engine.embed(FIRST_TEXTS, undefined, { signal })).data;
  return (await engine.rerank(FIRST_QUERY, FIRST_TEXTS, { signal })).logits;
}

/** Models without a self-test are otherwise checked by the products of their layers alone. */
function areClose(a, b, { info: { dimension }, embed }) {
  if (!embed) return a.every((logit, i) => Math.abs(logit - b[i]) <= MAX_LOGIT_ERROR);
  const dot = (x, y) => x.reduce((sum, number, i) => sum + number * y[i], 0);
  return FIRST_TEXTS.every((_, i) => {
    const [x, y] = [a, b].map((rows) => rows.subarray(i * dimension, (i + 1) * dimension));
    return dot(x, y) >= MIN_COSINE * Math.sqrt(dot(x, x) * dot(y, y)) && dot(x, x) > 0;
  });
}

async function loadForGpu({ finding, load, first, warn, history }) {
  const found = await untilAborted(finding, first.signal);
  const onCpu = async (error) => {
    const engine = await load(undefined, first);
    warn("GPU_FALLBACK", `the CPU runs the model: ${messageOf(error)}`, error);
    const mayRetry = isLoss(error) && history.isFirst;
    if (mayRetry) history.forgive();
    return { engine, found, fallback: messageOf(error), mayRetry };
  };
  if (history.reason !== undefined) return onCpu(new CoromError("GPU_FAILED", history.reason));
  if (!found.gpu && history.isRestart) {
    history.failed(found.reason);
    history.forgive();
    return onCpu(new CoromError("GPU_FAILED", found.reason));
  }
  if (!found.gpu) {
    const advice = 'device: "auto" computes on the CPU where there is no GPU';
    throw new CoromError("GPU_FAILED", `device: "webgpu": ${found.reason}; ${advice}`);
  }
  try {
    return { engine: await load(found, first), found };
  } catch (error) {
    if (!isGpuLoadError(error)) throw error;
    history.failed(messageOf(error));
    return onCpu(error);
  }
}

async function loadForBoth({ finding, load, first, host, options, history }) {
  const engine = await load(undefined, first);
  const found = await untilAborted(finding, first.signal);
  const pace = new Pace();
  const fallback = history.reason ?? found.reason ?? reasonAgainstGpu(found, engine, options);
  if (fallback !== undefined) return { engine, found, fallback, auto: { pace, onLearned() {} } };
  // Without the signal of the load, because it is also written to later. A load of files in memory needs no cache.
  const opening = openCache(host, { ...options, signal: undefined }, () => {}).catch(() => undefined);
  const choices = new Choices(await untilAborted(opening, first.signal), { found, engine });
  const known = await untilAborted(choices.read(), first.signal);
  const isRestored = pace.restore(known?.pace);
  const isSlower = isRestored && pace.isGpuUseless;
  return {
    engine,
    found: { ...found, variants: known?.variants },
    numbers: isSlower ? undefined : await firstNumbers(engine, first.signal),
    fallback: isSlower ? slower(found.name) : undefined,
    auto: { pace, onLearned: (...learned) => void choices.store(...learned).catch(() => {}) },
  };
}

/** Returns why `auto` does not use a GPU that there is; undefined if it does. */
function reasonAgainstGpu({ isEmulated, name }, { info }, { loader }) {
  if (isEmulated) return `the processor emulates the GPU (${name})`;
  if (!info.fused) return "the model's graph is not recognized as a BERT; the GPU runs no others";
  if (loader.kernel === "exact") return "quality: \"exact\" promises the same bits on every machine, which a GPU does not give";
  return undefined;
}
