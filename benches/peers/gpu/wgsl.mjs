// Expands corom's WGSL templates, as src/encoder/gpu/template.rs does, to measure a shader alone.
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT } from "../hosts/files.mjs";

const FOLDER = path.join(ROOT, "src/encoder/gpu/shaders");
const textOf = (name) => readFileSync(path.join(FOLDER, `${name}.wgsl`), "utf8");

/** Expands a template with constants. A flag is a constant of any value. Throws on a directive or a name that is unknown. */
export function expand(text, constants, include = textOf) {
  const out = [];
  lines(text.split("\n"), constants, out, include);
  return out.join("\n");
}

function lines(list, constants, out, include) {
  for (let at = 0; at < list.length; at++) {
    const directive = directiveOf(list[at]);
    if (!directive) {
      out.push(list[at].replaceAll(/\$\{([^}]*)\}/g, (_, expression) => evaluate(expression, constants)));
      continue;
    }
    const [kind, name, count] = directive;
    if (kind === "include") {
      lines(include(name).split("\n"), constants, out, include);
      continue;
    }
    if (kind !== "if" && kind !== "repeat") throw new Error(`a template has '${list[at].trim()}'`);
    const { middle, end } = blockOf(list, at);
    if (kind === "repeat") {
      const times = evaluate(count, constants);
      for (let value = 0; value < times; value++) {
        lines(list.slice(at + 1, end), { ...constants, [name]: value }, out, include);
      }
    } else if (name in constants) lines(list.slice(at + 1, middle ?? end), constants, out, include);
    else if (middle !== undefined) lines(list.slice(middle + 1, end), constants, out, include);
    at = end;
  }
}

const directiveOf = (line) => line.match(/^\s*\/\/#(.*)$/)?.[1].trim().split(/\s+/);

/** Returns the lines of the `else` and the `end` that belong to the directive of line `start`. */
function blockOf(list, start) {
  let depth = 0;
  let middle;
  for (let at = start; at < list.length; at++) {
    const kind = directiveOf(list[at])?.[0];
    if (kind === "if" || kind === "repeat") depth++;
    else if (kind === "else" && depth === 1) middle = at;
    else if (kind === "end" && --depth === 0) return { middle, end: at };
  }
  throw new Error(`a template does not close '${list[start].trim()}'`);
}

/** Returns the value of a sum of products of constants and numbers. */
function evaluate(expression, constants) {
  const factor = (text) => {
    const name = text.trim();
    const value = /^\d+$/.test(name) ? Number(name) : constants[name];
    if (value === undefined) throw new Error(`a template has an unknown name: ${name}`);
    return value;
  };
  const product = (term) => term.split("*").reduce((result, text) => result * factor(text), 1);
  return expression.split("+").reduce((sum, term) => sum + product(term), 0);
}

/** The tiled variants of Linear, as src/encoder/gpu/shaders.rs defines them: threads per side, quads of rows per thread. */
const VARIANTS = { tiled8: { side: 8, quads: 2 }, tiled4: { side: 16, quads: 1 } };

/** Returns the shaders of an f32 product by variant: `{ code, tile }`. */
export function productShaders() {
  const shader = ({ side, quads }) => {
    const tile = 16 * (side * quads + 1);
    const constants = {
      F32: 1,
      BLOCKS_BINDING: 5,
      THREADS: side * side,
      THREAD_COLUMNS: side,
      THREAD_ROWS: side,
      ROW_QUADS: quads,
      COLUMN_QUADS: quads,
      ROWS: 4 * quads,
      TILE_ROW_QUADS: side * quads,
      TILE_COLUMN_QUADS: side * quads,
      TILE_X: tile,
      TILE_W: tile,
    };
    return { code: expand(textOf("linear"), constants), tile: 4 * side * quads };
  };
  return Object.fromEntries(Object.entries(VARIANTS).map(([name, variant]) => [name, shader(variant)]));
}
