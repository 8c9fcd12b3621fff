// Links a module and all modules that it imports into one file, for the server of the demo. To a browser a module costs
// several milliseconds of processor time, and modules that import each other are requested level by level.
//
// Each module becomes a function that returns its exports, and runs after those that it imports:
//
//   const $2 = (() => { const { a: b } = $1; …; return { c }; })();
//
// It reads the way in which the modules of this repository are written, and rejects statements that it does not know:
// default exports, imports of packages, cycles. A module must not change an export after it has run.
import { readFileSync } from "node:fs";
import path from "node:path";

const IMPORT = /^import\s+(?:(\{[^}]*\}|\*\s+as\s+[\w$]+)\s+from\s+)?"([^"]+)";?/gm;
const EXPORT_FROM = /^export\s+(\{[^}]*\}|\*)\s+from\s+"([^"]+)";?/gm;
const EXPORT_LIST = /^export\s+\{([^}]*)\};?/gm;
const DECLARATION = /^export\s+((?:async\s+)?(?:function\*?|class|const|let)\s+([\w$]+))/gm;
const DYNAMIC_IMPORT = /\bimport\((?=\s*"\.)/g;
/** The only use of import.meta in the package: bundlers find workers and binaries by it. */
const OWN_URL = /(new URL\("[^"]*", )import\.meta\.url\)/g;

/**
 * Links the module at the URL path `entry`. `fileOf(pathname)` returns the path of the file that is served there. Returns
 * `{ text, files }`: the module, and the files that it was made of.
 *
 * @throws if a file is missing, or has a statement that cannot be linked.
 */
export function link(entry, fileOf) {
  const modules = new Map(); // by URL path, in the order in which they run
  read(entry, { fileOf, modules, parents: [], entry });
  const exported = [...modules.get(entry).exports.keys()];
  const last = exported.length > 0 ? [`export const { ${exported.join(", ")} } = ${modules.get(entry).name};`] : [];
  const all = [...modules.values()];
  return { text: all.map(({ text }) => text).concat(last, "").join("\n"), files: all.map(({ file }) => file) };
}

function read(url, given) {
  const { fileOf, modules, parents, entry } = given;
  if (parents.includes(url)) throw new Error(`${url}: the module imports itself, by ${parents.join(", ")}`);
  const file = fileOf(url);
  if (file === null) throw new Error(`${url}: the module is not served`);
  let body = readFileSync(file, "utf8");
  const head = [];
  const exports = new Map(); // the expression of each name
  const found = [];
  const collect = (pattern, take) => {
    body = body.replace(pattern, (...match) => (found.push([take, match]), ""));
  };
  const below = (specifier) => {
    if (!/^\.\.?\//.test(specifier)) throw new Error(`${url}: "${specifier}" is not beside the module`);
    const target = path.posix.join(path.posix.dirname(url), specifier);
    if (!modules.has(target)) read(target, { ...given, parents: [...parents, url] });
    return modules.get(target);
  };
  collect(IMPORT, ([, names, specifier]) => {
    const { name } = below(specifier);
    if (names?.startsWith("*")) head.push(`const ${names.split(/\s+/).at(-1)} = ${name};`);
    else if (names !== undefined) head.push(`const ${names.replace(/\s+as\s+/g, ": ")} = ${name};`);
  });
  collect(EXPORT_FROM, ([, names, specifier]) => {
    const from = below(specifier);
    const all = names === "*" ? [...from.exports.keys()].map((name) => [name, name]) : pairsIn(names.slice(1, -1));
    for (const [inner, outer] of all) exports.set(outer, `${from.name}.${inner}`);
  });
  collect(EXPORT_LIST, ([, names]) => {
    for (const [inner, outer] of pairsIn(names)) exports.set(outer, inner);
  });
  for (const [take, match] of found) take(match);
  body = body.replace(DECLARATION, (_, declaration, name) => (exports.set(name, name), declaration));
  const [unknown] = /^(import|export)\b(?!\().*/m.exec(body) ?? [];
  if (unknown !== undefined) throw new Error(`${url}: cannot link "${unknown}"`);
  const own = `new URL("${relative(entry, url)}", import.meta.url)`;
  body = body.replace(OWN_URL, (_, start) => `${start}${own})`).replace(DYNAMIC_IMPORT, () => "$import(");
  const dynamic = body.includes("$import(") ? [`const $import = (specifier) => import(new URL(specifier, ${own}).href);`] : [];
  const result = [...exports].map(([outer, inner]) => `${outer}: ${inner}`).join(", ");
  const name = `$${modules.size}`;
  const text = [`// ${url}`, `const ${name} = (() => {`, ...head, ...dynamic, body.trim(), `return { ${result} };`, "})();"].join("\n");
  modules.set(url, { name, file, exports, text });
}

/** Returns the names in "a, b as c" as pairs. */
const pairsIn = (list) =>
  list.split(",").map((one) => one.trim()).filter((one) => one !== "").map((one) => one.split(/\s+as\s+/)).map(([inner, outer = inner]) => [inner, outer]);

/** Returns a URL path relative to the module at another one. */
function relative(from, to) {
  const way = path.posix.relative(path.posix.dirname(from), to);
  return way.startsWith(".") ? way : `./${way}`;
}
