// Calls the caller's `fetch` in the page from the worker. Each request has a MessageChannel of its own:
//
//   page -> worker   { head }      status, headers and so on
//                    { chunk }     one chunk of the body, as the reply to "pull"
//                    {}            the end of the body
//                    { error }     the request or its body failed
//   worker -> page   "pull"        requests the next chunk
//                    "cancel"      ends the request
import { childController, onAbort } from "../abort.js";
import { describeValue } from "../arguments.js";
import { isBytes, uint8ArrayOf } from "../bytes.js";
import { checkedResponse } from "../fetch.js";
import { serializeError, deserializeError } from "./serialize-error.js";

const NULL_BODY_STATUSES = [204, 205, 304];
/** Headers that are copied if the headers of a response are not iterable. */
const RESPONSE_HEADERS =
  "content-encoding content-length content-range content-type etag last-modified retry-after".split(" ");

/**
 * Runs in the worker. Returns a function like `fetch` that calls function number `shared` in the page. `post` sends a
 * message to the page.
 */
export function remoteFetch(shared, post) {
  return (input, { signal, headers, ...rest } = {}) => {
    const { port1: port, port2 } = new MessageChannel();
    return new Promise((resolve, reject) => {
      let chunks; // of the body
      let release = () => {};
      const end = () => {
        release();
        port.close();
      };
      const cancel = () => {
        port.postMessage("cancel");
        end();
      };
      const fail = (error) => {
        end();
        chunks.error(error);
        reject(error); // has no effect after the head has arrived
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
            fail(error); // for example a status that Response does not accept
          }
        } else if (chunk) chunks.enqueue(chunk);
        else {
          end();
          chunks.close();
        }
      };
      const init = { ...rest, headers: [...new Headers(headers)] };
      post({ fetch: { shared, input: String(input?.url ?? input), init, port: port2 } }, [port2]);
      release = onAbort(signal, abort);
    });
  };
}

function responseOf({ url, redirected, type, hasBody, ...init }, body) {
  if (init.status < 200) return Response.error(); // an opaque response has no readable properties either
  const response = new Response(hasBody ? body : null, init);
  for (const [key, value] of Object.entries({ url, redirected, type })) Object.defineProperty(response, key, { value });
  return response;
}

/** Runs in the page. Answers one request with the caller's function. `signal` aborts when the worker ends. */
export async function answerFetch(fetch, { input, init, port }, signal) {
  const { controller, release } = childController(signal);
  let reader;
  controller.signal.addEventListener("abort", () => {
    release();
    reader?.cancel().catch(() => {});
    port.close();
  });
  const head = async () => {
    const response = checkedResponse(await fetch(input, { ...init, signal: controller.signal }), input);
    const { status, statusText, url, redirected, type } = response;
    const hasBody = response.body !== null && !NULL_BODY_STATUSES.includes(status);
    if (hasBody) reader = readerOf(response);
    else release();
    port.postMessage({ head: { status, statusText, headers: headersOf(response), url, redirected, type, hasBody } });
  };
  const chunk = async () => {
    const { done, value } = await reader.read();
    if (done) return (release(), port.postMessage({}));
    if (!isBytes(value)) {
      throw new TypeError(`the body contains ${describeValue(value)}; expected a stream of Uint8Array`);
    }
    // A copy is transferred, because the buffer may belong to the caller, or be much larger than the chunk.
    const copy = new Uint8Array(uint8ArrayOf(value, "body")); // not slice(), which returns a view for a Node Buffer
    port.postMessage({ chunk: copy }, [copy.buffer]);
  };
  const answer = (work) =>
    work().catch((error) => {
      release();
      port.postMessage({ error: serializeError(error) });
    });
  port.onmessage = ({ data }) => (data === "cancel" ? controller.abort() : answer(chunk));
  port.unref?.(); // in Node, a body that nobody reads must not keep the program running
  await answer(head);
}

function headersOf({ headers }) {
  if (typeof headers[Symbol.iterator] === "function") return [...headers];
  return RESPONSE_HEADERS.map((name) => [name, headers.get(name)]).filter(([, value]) => value != null);
}

/** Returns a reader of the body. Some functions used as `fetch` return a body that is no ReadableStream, or none. */
function readerOf(response) {
  if (typeof response.body?.getReader === "function") return response.body.getReader();
  let done = false;
  return {
    async read() {
      if (done) return { done };
      done = true;
      return { done: false, value: await response.arrayBuffer() };
    },
    async cancel() {},
  };
}
