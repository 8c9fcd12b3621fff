// Reads the JSON body of a request, up to a size limit.
import { HttpError } from "./http-error.js";

/** Reads the JSON object in the body. Throws 413 if the body is longer than `limit` bytes, 400 if it is not JSON. */
export async function readJson(request, limit) {
  const bytes = await readBytes(request, limit);
  let body;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new HttpError(400, "invalid_json", "the body is not valid JSON in UTF-8", { cause });
  }
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new HttpError(400, "invalid_json", "the body: expected a JSON object");
  }
  return body;
}

async function readBytes(request, limit) {
  const tooLarge = () => new HttpError(413, "too_large", `the body is too large; expected at most ${limit} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  const chunks = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
