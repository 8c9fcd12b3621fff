// Serves files correctly (ranges, ETags) except for the faults that a test asks for.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { serveWith } from "./server.mjs";

const PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><form>…</form></body></html>";

/**
 * Starts the server. `fault({ name, count, range })` returns the fault of a request, or nothing; `count` is the number of
 * earlier requests for the file. The fields of a fault:
 *
 * | field | effect |
 * |---|---|
 * | cut: bytes | sends so many bytes of the body, then closes the connection after `linger` ms (50), or when the promise that `linger` returns is fulfilled |
 * | cut, clean | sends so many bytes as if they were the whole body |
 * | chunked | sends no content-length |
 * | part: bytes | answers a range with at most so many bytes |
 * | stall: bytes | sends so many bytes, then nothing more |
 * | slow: ms | sends eight parts with pauses |
 * | status, headers | answers with the status alone; further headers |
 * | gone | closes the connection without an answer |
 * | page, redirect | answers with HTML and status 200; redirects there |
 * | length: bytes | adds to the content-length |
 * | preflight | the status of the answer to OPTIONS (405) |
 * | noRange, noTag | ignores ranges; sends no ETag |
 * | tag, weak | sends another ETag, a weak ETag |
 * | other: bytes | sends other bytes in place of the file's |
 * | gzip | compresses the body |
 * | damage: index | changes the byte at the index |
 */
export async function faultServer(files, fault = () => undefined) {
  const log = [];
  const counts = new Map();
  const self = { files, fault, log };
  const server = await serveWith(async (target, response, request) => {
    const name = decodeURIComponent(target.split("?")[0]);
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    const { range, "if-range": ifRange } = request.headers;
    const entry = { name, method: request.method, range, ifRange, status: 0, sent: 0 };
    log.push(entry);
    const asked = self.fault?.({ name, count, range }) ?? {};
    await answer({ name, request, response, entry }, asked, self.files).catch(() => response.destroy());
  });
  return Object.assign(self, server, {
    /** Returns the requests since the last call; counts of requests start again at 0. */
    take() {
      counts.clear();
      return log.splice(0);
    },
  });
}

export const tagOf = (bytes) => `"${createHash("sha1").update(bytes).digest("hex").slice(0, 16)}"`;

async function answer({ name, request, response, entry }, fault, files) {
  const send = (status, headers) => {
    entry.status = status;
    response.writeHead(status, headers);
  };
  if (name === "login") fault = { page: true };
  if (fault.gone) return response.destroy();
  if (fault.status) {
    send(fault.status, fault.headers);
    return response.end("busy");
  }
  if (fault.redirect) {
    send(302, { location: "/login" });
    return response.end();
  }
  if (fault.page) {
    send(200, { "content-type": "text/html; charset=utf-8", "content-length": Buffer.byteLength(PAGE) });
    return response.end(PAGE);
  }
  if (request.method === "OPTIONS") {
    send(fault.preflight ?? 405, fault.headers);
    return response.end();
  }
  const file = files[name]; // bytes, or with headers of their own: { bytes, headers }
  let bytes = fault.other ?? file?.bytes ?? file;
  if (bytes === undefined) {
    send(404);
    return response.end("no such file");
  }
  if (fault.damage !== undefined) {
    bytes = bytes.slice();
    bytes[fault.damage] ^= 1;
  }
  const tag = fault.tag ?? (fault.weak ? `W/${tagOf(bytes)}` : tagOf(bytes));
  const headers = {
    "content-type": "application/octet-stream",
    ...(fault.noTag ? {} : { etag: tag }),
    ...file?.headers,
    ...fault.headers,
  };
  let [status, from] = [200, 0];
  const asked = !fault.noRange && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const held = request.headers["if-range"];
  if (asked && (held === undefined || (held === tag && !tag.startsWith("W/")))) {
    from = Number(asked[1]);
    if (from >= bytes.length) {
      send(416, { "content-range": `bytes */${bytes.length}` });
      return response.end();
    }
    status = 206;
  }
  const to = status === 206 && asked[2] !== "" ? Math.min(bytes.length, Number(asked[2]) + 1) : bytes.length;
  const end = status === 206 && fault.part ? Math.min(to, from + fault.part) : to;
  if (status === 206) headers["content-range"] = `bytes ${from}-${end - 1}/${bytes.length}`;
  let body = bytes.subarray(from, end);
  if (fault.gzip) {
    body = gzipSync(body);
    headers["content-encoding"] = "gzip";
  }
  const until = fault.cut ?? fault.stall ?? body.length;
  if (!fault.chunked)
    headers["content-length"] = (fault.clean ? Math.min(until, body.length) : body.length) + (fault.length ?? 0);
  send(status, headers);
  response.flushHeaders();
  const step = fault.slow === undefined ? 16 << 10 : Math.ceil(body.length / 8);
  for (let at = 0; at < Math.min(until, body.length); at += step) {
    const part = body.subarray(at, Math.min(at + step, until));
    await new Promise((resolve, reject) => response.write(part, (error) => (error ? reject(error) : resolve())));
    entry.sent += part.length;
    if (fault.slow !== undefined) await new Promise((resolve) => setTimeout(resolve, fault.slow));
  }
  if (fault.stall !== undefined) return;
  if (fault.clean || (fault.cut === undefined && fault.length === undefined)) return response.end();
  // Bytes in flight are lost when a connection closes. The pause lets them arrive, so that tests can count them.
  const { linger = 50 } = fault;
  await (typeof linger === "function" ? linger() : new Promise((resolve) => setTimeout(resolve, linger)));
  response.destroy();
}
