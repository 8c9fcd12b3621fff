// The JSON body of a request, read no further than it may be long.
import { Refusal } from "./refusal.js";

/** The object that was sent. */
export async function bodyOf(request, limit) {
  const bytes = await read(request, limit);
  let body;
  try {
    body = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new Refusal(400, "invalid_json", "the body is not JSON in UTF-8", { cause });
  }
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new Refusal(400, "invalid_json", "the body must be a JSON object");
  }
  return body;
}

async function read(request, limit) {
  const tooLarge = () => new Refusal(413, "too_large", `the body may have ${limit} bytes`);
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
