// Browsers, and hosts like them: everything comes by fetch.
import { invalid } from "./errors.js";
import { request } from "./fetch.js";
import { memorySource } from "./source-memory.js";
import { isMirrors, urlSource } from "./source-url.js";

/** A URL, relative ones against the page, or a list of them; or files in memory. */
export function openSource(source) {
  const url = (given) => (given instanceof URL ? given : resolveUrl(given, "source"));
  if (isMirrors(source)) return urlSource(...source.map(url));
  return typeof source === "string" || source instanceof URL ? urlSource(url(source)) : memorySource(source);
}

/** What is at a URL: `input` is a Response (or bytes, on other hosts), `size` its length where known. */
export async function fetchUrl(url, signal) {
  const input = await request(url.href, signal);
  const length = Number(input.headers.get("content-length")) || undefined;
  return { input, size: input.headers.has("content-encoding") ? undefined : length };
}

/** The URL that a string means here. */
export function resolveUrl(text, name) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(text, base);
  } catch (cause) {
    throw invalid(`${name} is not a URL: ${JSON.stringify(text)}`, { cause });
  }
}
