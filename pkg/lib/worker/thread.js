// Runs in the worker. Holds the model and answers the messages of the page (see connection.js), one at a time.
import { contentOf } from "../corom.js";
import { serializeError } from "./serialize-error.js";
import { remoteFetch } from "./fetch.js";
import { deserialize } from "./serialize.js";

/** The methods that the page can call. Each returns `[value, transferred]`: plain data, and its buffers to transfer. */
const METHODS = {
  embed: async (corom, args) => {
    const { data, tokens, truncated, unknown } = await corom.embed(...args);
    const report = { tokens, truncated, unknown };
    return [{ data, report }, [data.buffer, tokens.buffer, unknown.buffer]];
  },
  score: async (corom, args) => transferring(await corom.score(...args)),
  pipeline: async (corom, args) => {
    const output = await corom.pipeline(...args);
    return [output, [output.text_embedding[0].buffer]]; // all rows are views of one buffer
  },
  rank: async (corom, args) => [await corom.rank(...args), []],
  tokenize: async (corom, [text]) => [corom.tokenize(text), []],
};

const transferring = (data) => [data, [data.buffer]];

/**
 * Answers messages on `port`: the worker's global scope, or Node's parentPort. `Corom` is the class of lib/corom.js.
 */
export async function serve(Corom, port) {
  const post = (message, transferred = []) => port.postMessage(message, transferred);
  let corom;
  let running; // AbortController of the current call

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

/**
 * Acquires a Web Lock and holds it until the worker ends, so that the page detects the end. Returns the name of the
 * lock; undefined if there are no locks.
 */
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
      .catch(() => resolve(undefined)); // a sandboxed page is not allowed to use locks
  });
}
