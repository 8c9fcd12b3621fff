// A `fetch` of the caller's, used by the worker: each request has a channel of its own, on which the head of the
// answer comes first and then, one by one as they are asked for, the chunks of its body.
import { childController } from "../abort.js";
import { describeValue } from "../arguments.js";
import { invalid } from "../errors.js";
import { serializeError, deserializeError } from "./serialize-error.js";

const NULL_BODY_STATUSES = [204, 205, 304];
/** What is looked at, where the headers of an answer can only be asked for one by one. */
const RESPONSE_HEADERS = ["content-encoding", "content-length", "content-range", "content-type", "etag", "retry-after"];

/** In the worker: a function like fetch that calls number `shared` of the page; `post` sends to the page. */
export function remoteFetch(shared, post) {
  return (input, { signal, headers, ...rest } = {}) => {
    const { port1: port, port2 } = new MessageChannel();
    return new Promise((resolve, reject) => {
      let chunks; // of the body
      const end = () => {
        signal?.removeEventListener("abort", abort);
        port.close();
      };
      const cancel = () => {
        port.postMessage("cancel");
        end();
      };
      const fail = (error) => {
        end();
        chunks.error(error);
        reject(error); // of no effect when the head has come
      };
      const abort = () => {
        cancel();
        fail(signal.reason);
      };
      const source = {
        start: (controller) => void (chunks = controller),
        pull: () => port.postMessage("pull"),
        cancel,
      };
      const body = new ReadableStream(source, { highWaterMark: 0 });
      port.onmessage = ({ data: { error, head, chunk } }) => {
        if (error) fail(deserializeError(error));
        else if (head) {
          if (!head.hasBody) end();
          try {
            resolve(responseOf(head, body));
          } catch (error) {
            cancel();
            fail(error); // a status that no Response may have, for one
          }
        } else if (chunk) chunks.enqueue(chunk);
        else {
          end();
          chunks.close();
        }
      };
      const init = { ...rest, headers: [...new Headers(headers)] };
      post({ fetch: { shared, input: String(input?.url ?? input), init, port: port2 } }, [port2]);
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  };
}

function responseOf({ url, redirected, type, hasBody, ...init }, body) {
  if (init.status < 200) return Response.error(); // an opaque one tells as little
  const response = new Response(hasBody ? body : null, init);
  for (const [key, value] of Object.entries({ url, redirected, type })) Object.defineProperty(response, key, { value });
  return response;
}

/** In the page: answers one request by the caller's function. `signal` aborts when the worker is no more. */
export async function answerFetch(fetch, { input, init, port }, signal) {
  const { controller, release } = childController(signal);
  let reader;
  controller.signal.addEventListener("abort", () => {
    release();
    reader?.cancel().catch(() => {});
    port.close();
  });
  const head = async () => {
    const response = await fetch(input, { ...init, signal: controller.signal });
    if (typeof response?.status !== "number" || typeof response.headers?.get !== "function")
      throw invalid(`fetch must give a Response, not ${describeValue(response)}`);
    const { status, statusText, url, redirected, type } = response;
    const hasBody = response.body != null && !NULL_BODY_STATUSES.includes(status);
    if (hasBody) reader = readerOf(response);
    else release();
    port.postMessage({ head: { status, statusText, headers: headersOf(response), url, redirected, type, hasBody } });
  };
  const chunk = async () => {
    const { done, value } = await reader.read();
    if (done) return (release(), port.postMessage({}));
    if (!(value instanceof Uint8Array)) throw new TypeError(`the body of the Response holds ${describeValue(value)}`);
    // A copy is transferred: the buffer may be the caller's own, or much larger than the chunk.
    const copy = new Uint8Array(value); // not slice(), by which Node's Buffer gives a view
    port.postMessage({ chunk: copy }, [copy.buffer]);
  };
  const answer = (work) =>
    work().catch((error) => {
      release();
      port.postMessage({ error: serializeError(error) });
    });
  port.onmessage = ({ data }) => (data === "cancel" ? controller.abort() : answer(chunk));
  port.unref?.(); // in Node: a body that no one reads keeps no program running
  await answer(head);
}

function headersOf({ headers }) {
  if (typeof headers[Symbol.iterator] === "function") return [...headers];
  return RESPONSE_HEADERS.map((name) => [name, headers.get(name)]).filter(([, value]) => value != null);
}

/** Some functions that stand in for fetch give a body that is no stream of the web's. */
function readerOf(response) {
  if (typeof response.body.getReader === "function") return response.body.getReader();
  let done = false;
  return {
    async read() {
      if (done) return { done };
      done = true;
      return { done: false, value: new Uint8Array(await response.arrayBuffer()) };
    },
    async cancel() {},
  };
}
