// Runs in the worker. Holds the model and answers the messages of the page (see connection.js), one at a time.
import { GPU_HISTORY, GpuHistory } from "../device/history.js";
import { engineOf } from "../model-instance.js";
import { LIVE_INFO } from "../live-info.js";
import { LOAD_RECORD, LoadRecord } from "../load-record.js";
import { serializeError } from "./serialize-error.js";
import { remoteFetch } from "./fetch.js";
import { holdLock } from "./lock.js";
import { deserialize } from "./serialize.js";

/** Least time between two reports of a call's progress. */
const REPORT_INTERVAL_MS = 20;

/**
 * The methods of the engines that the page can call. Each returns `[value, transferred]`: plain data, and its buffers to
 * transfer.
 */
const METHODS = {
  embed: async (engine, [texts, prompt], options) => {
    const { data, report } = await engine.embed(texts, prompt, options);
    return [{ data, report }, [data.buffer, ...Object.values(report).map(({ buffer }) => buffer)]];
  },
  score: async (engine, args, options) => {
    const values = await engine.score(...args, options);
    return values ? transferring(values) : [undefined, []]; // the page sends the vectors
  },
  order: async (engine, args) => transferring(await engine.order(...args)),
  tokenize: async (engine, [text], options) => [await engine.tokenize(text, options), []],
  rerank: async (engine, args, options) => {
    const { logits, scores } = await engine.rerank(...args, options);
    return [{ logits, scores }, [logits.buffer, scores.buffer]];
  },
  tokenizePair: async (engine, args, options) => [await engine.tokenizePair(...args, options), []],
};

const transferring = (data) => [data, [data.buffer]];

/**
 * Answers messages on `port`: the worker's global scope, or Node's parentPort. `classes` has `Corom` and `CoromReranker`
 * of an entry.
 */
export async function serve(classes, port) {
  const post = (message, transferred = []) => port.postMessage(message, transferred);
  let instance;
  let running; // AbortController of the current call

  const load = async ({ name, source, options, handsOn, isQuiet, gpuHistory }) => {
    const remote = (shared) => remoteFetch(shared, post);
    const onProgress = ({ cause, ...event }) => post({ progress: event, cause: cause && serializeError(cause) });
    const record = handsOn ? new LoadRecord() : undefined;
    instance = await classes[name].load(deserialize(source, remote), {
      ...deserialize(options, remote),
      onProgress: (event) => (!isQuiet || event.code === "GPU_FALLBACK") && onProgress(event),
      [LOAD_RECORD]: record,
      [GPU_HISTORY]: new GpuHistory(gpuHistory, (state) => post({ gpuHistory: state })),
    });
    return [{ info: instance.info, content: engineOf(instance).content, handed: record?.handed }, []];
  };

  /** Returns a function that reports how many texts are done, or undefined if the page does not listen. */
  const reporter = (id, reports) => {
    let last = -Infinity;
    const report = (done) => {
      if (performance.now() - last < REPORT_INTERVAL_MS) return;
      last = performance.now();
      post({ done, id });
    };
    return reports ? report : undefined;
  };

  const call = async ({ method, args, reports, kept, call }, id) => {
    if (kept) engineOf(instance).retain(kept);
    running = new AbortController();
    try {
      return await METHODS[method](engineOf(instance), args, { signal: running.signal, onDone: reporter(id, reports), call });
    } finally {
      running = undefined;
    }
  };

  port.onmessage = async ({ data }) => {
    if (data.abort) return running?.abort();
    const { id } = data;
    const answer = data.load ? load(data.load) : call(data.call, id);
    const [message, transferred] = await answer.then(
      ([value, transferred]) => [{ value }, transferred],
      (thrown) => [{ error: serializeError(thrown) }, []],
    );
    const { info } = instance ?? {};
    const live = info && Object.fromEntries(LIVE_INFO.map((name) => [name, info[name]]));
    post({ answer: { id, ...message, memory: info?.wasmMemory ?? 0, live } }, transferred);
  };
  post({ ready: { lock: await holdLock() } });
}
