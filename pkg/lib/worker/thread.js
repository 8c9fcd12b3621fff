// Inside the worker: holds the model and does what the page asks, one thing at a time.
import { contentOf } from "../corom.js";
import { serializeError } from "./serialize-error.js";
import { remoteFetch } from "./fetch.js";
import { deserialize } from "./serialize.js";

/** What each call gives, as plain data, and the buffers of it that are transferred over. */
const METHODS = {
  embed: async (corom, args) => transferring((await corom.embed(...args)).data),
  score: async (corom, args) => transferring(await corom.score(...args)),
  pipeline: async (corom, args) => {
    const output = await corom.pipeline(...args);
    return [output, [output.text_embedding[0].buffer]]; // all rows are views of one buffer
  },
  rank: async (corom, args) => [await corom.rank(...args), []],
  tokenize: async (corom, [text]) => [corom.tokenize(text), []],
};

const transferring = (data) => [data, [data.buffer]];

/** `port` is the worker's global scope, or Node's parentPort; `Corom` the class that does the work. */
export async function serve(Corom, port) {
  const post = (message, transferred = []) => port.postMessage(message, transferred);
  let corom;
  let running; // AbortController of the call in hand

  const load = async ({ source, options }) => {
    const remote = (shared) => remoteFetch(shared, post);
    const onProgress = ({ cause, ...event }) => post({ progress: event, cause: cause && serializeError(cause) });
    corom = await Corom.load(deserialize(source, remote), { ...deserialize(options, remote), onProgress });
    return [{ info: corom.info, content: contentOf(corom) }, []];
  };

  const call = async ({ method, args: [...args], options }) => {
    running = new AbortController();
    if (options) args.push({ ...options, signal: running.signal });
    try {
      return await METHODS[method](corom, args);
    } finally {
      running = undefined;
    }
  };

  port.onmessage = async ({ data }) => {
    if (data.abort) return running?.abort();
    const answer = data.load ? load(data.load) : call(data.call);
    const [message, transferred] = await answer.then(
      ([value, transferred]) => [{ value }, transferred],
      (thrown) => [{ error: serializeError(thrown) }, []],
    );
    const { wasmMemory: memory = 0, kernel } = corom?.info ?? {};
    post({ answer: { ...message, memory, kernel } }, transferred);
  };
  post({ ready: { lock: await holdLock() } });
}

/** The name of a lock that this worker holds as long as it lives, so that the page sees it go; undefined without. */
function holdLock() {
  const { locks } = globalThis.navigator ?? {};
  if (!locks) return undefined;
  const name = `corom worker ${Date.now()} ${Math.random()}`;
  return new Promise((resolve) => {
    locks
      .request(name, () => {
        resolve(name);
        return new Promise(() => {});
      })
      .catch(() => resolve(undefined)); // a sandboxed page has locks that it may not use
  });
}
