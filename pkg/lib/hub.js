// Addresses of models on hubs. The addresses are those that the hubs document:
//
//   Hugging Face   HOST/OWNER/NAME/resolve/REVISION/PATH
//   ModelScope     HOST/api/v1/models/OWNER/NAME/repo?Revision=REVISION&FilePath=PATH
import { shownAddress } from "./address.js";
import { unexpected } from "./arguments.js";
import { isUrl } from "./bytes.js";
import { invalid } from "./errors.js";
import { readOptions } from "./option-names.js";

/** A part of a model's name. */
const NAME_PART = /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u;

/** Returns the URLs of a model on Hugging Face. See hub.d.ts. */
export function huggingface(name, options) {
  const { revision = "main", hosts } = hubOptions("huggingface", options, "https://huggingface.co");
  const path = modelPath(name, { minParts: 1 });
  return hosts.map((host) => `${host}/${path}/resolve/${encodeURIComponent(revision)}/`);
}

/** Returns the URLs of a model on ModelScope. See hub.d.ts. */
export function modelscope(name, options) {
  const { revision = "master", hosts } = hubOptions("modelscope", options, "https://www.modelscope.cn");
  const path = modelPath(name, { minParts: 2 });
  const query = `Revision=${encodeURIComponent(revision)}&FilePath=`;
  return hosts.map((host) => `${host}/api/v1/models/${path}/repo?${query}`);
}

function hubOptions(call, given, defaultHost) {
  const { revision, host = defaultHost } = readOptions(given, ["revision", "host"], { call });
  if (revision !== undefined && (typeof revision !== "string" || revision === "")) {
    throw unexpected("revision", revision, "the name of a branch or tag, or a commit");
  }
  const list = Array.isArray(host) ? host : [host];
  if (list.length === 0) throw unexpected("host", host, "a URL, or an array of URLs");
  return { revision, hosts: list.map((item, i) => hostUrl(item, Array.isArray(host) ? `host[${i}]` : "host")) };
}

/** Checks the URL of a hub and returns it without the slash at its end. It may have a path. */
function hostUrl(given, name) {
  const text = isUrl(given) ? given.href : given;
  if (typeof text !== "string") throw unexpected(name, given, "a URL, or an array of URLs");
  const isHub = /^https?:\/\/[^?#]+$/i.test(text) && isValid(text);
  if (isHub) return new URL(text).href.replace(/\/+$/, "");
  const shown = JSON.stringify(shownAddress(text));
  throw invalid(`${name}: ${shown} is not the address of a hub; expected for example "https://hub.example"`);
}

function isValid(address) {
  try {
    return new URL(address) !== undefined;
  } catch {
    return false;
  }
}

/** Checks a model's name and returns it as a path. */
function modelPath(name, { minParts }) {
  const expected = minParts === 1 ? 'a name such as "owner/name" or "name"' : 'a name such as "owner/name"';
  if (typeof name !== "string") throw unexpected("name", name, expected);
  if (name.includes("://")) throw invalid(`name: got an address; expected ${expected}. Pass an address to Corom.load`);
  const parts = name.split("/");
  const isName = parts.length >= minParts && parts.length <= 2 && parts.every((part) => NAME_PART.test(part));
  if (!isName) throw unexpected("name", name, expected);
  return parts.map(encodeURIComponent).join("/");
}
