// A model folder at a URL, or at several URLs (mirrors, in the order in which they are tried).
import { hasPreflights } from "./fetch.js";
import { openHttpFile } from "./http-file.js";
import { modelUrls } from "./model-url.js";

/**
 * Opens a model folder at each URL, or the model folder of an .onnx file. The query is appended to the URL of each
 * file. If the query has a parameter `FilePath`, as the addresses of ModelScope's API have, the path of each file is
 * written there.
 */
export function urlSource(...urls) {
  const { folders, ...source } = modelUrls(urls);
  return { ...source, mirrors: folders.map(({ urlOf }) => mirrorOf(urlOf)) };
}

function mirrorOf(urlOf) {
  return {
    remote: true,
    // True if the browser sends a CORS preflight for requests with extra headers.
    preflights: hasPreflights() && new URL(urlOf("")).origin !== globalThis.location?.origin,
    open: (path, options) => openHttpFile(urlOf(path), options),
  };
}
