// A model folder behind a URL.
import { CoromError, invalid } from "./errors.js";
import { bodyOf, request } from "./fetch.js";

/** Files below `url`, or beside it when it names an .onnx file. A query string goes to every file. */
export function urlSource(url) {
  const { folder, model } = split(url);
  return {
    model,
    async read(path, { size, required, signal, moved }) {
      const address = new URL(path.split("/").map(encodeURIComponent).join("/"), folder);
      address.search = url.search;
      const response = await request(address.href, signal);
      // Storage in the manner of S3 answers 403 for what is not there. A folder that is truly
      // forbidden is told by the files that every model has.
      const absent = [404, 410].includes(response.status) || (response.status === 403 && !required);
      if (absent) {
        await response.body?.cancel();
        return null;
      }
      if (!response.ok) {
        await response.body?.cancel();
        throw new CoromError(
          "FETCH_FAILED",
          `${address.href} answered HTTP ${response.status} ${response.statusText}`.trim(),
        );
      }
      return bodyOf(response, { name: address.href, size, signal, moved });
    },
  };
}

function split(url) {
  const parts = url.pathname.split("/");
  const last = parts.at(-1);
  const folder = new URL(url.href);
  folder.search = folder.hash = "";
  if (!/\.onnx$/i.test(last)) {
    if (last !== "") folder.pathname += "/";
    return { folder, model: undefined };
  }
  const name = decoded(last, url);
  const inOnnx = parts.at(-2) === "onnx";
  folder.pathname = parts.slice(0, inOnnx ? -2 : -1).join("/") + "/";
  return { folder, model: inOnnx ? `onnx/${name}` : name };
}

function decoded(name, url) {
  try {
    return decodeURIComponent(name);
  } catch (cause) {
    throw invalid(`source has a "%" that encodes no character: ${url.href}`, { cause });
  }
}
