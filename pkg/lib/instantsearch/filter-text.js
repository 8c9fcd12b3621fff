// The parameter `filters`: conditions with AND, OR, NOT and parentheses, https://www.algolia.com/doc/api-reference/api-parameters/filters/
//
//   filters    := and
//   and        := or ("AND" or)*            OR binds stronger than AND, as in Algolia
//   or         := not ("OR" not)*
//   not        := "NOT"? ("(" and ")" | condition)
//   condition  := name ":" value | name ":" number "TO" number | name operator number
import { invalid } from "../errors.js";
import { attributeOf } from "./attributes.js";
import { between, compared, equalTo } from "./conditions.js";

const MAX_DEPTH = 20;
const TOKEN = /\s*(?:([()])|(<=|>=|!=|<|>|=|:)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s()<>=!:"']+))/y;

/** Returns the conditions of a text. */
export function parseFilters(value, attributes) {
  if (value === undefined || value === null) return [];
  if (typeof value !== "string") throw invalid("params.filters: expected a string");
  const tokens = tokensOf(value);
  if (tokens.length === 0) return [];
  const parser = new Parser(tokens, attributes, value);
  const filter = parser.and(0);
  if (!parser.isAtEnd) parser.fail();
  return [filter];
}

function tokensOf(text) {
  const tokens = [];
  for (let at = 0; text.slice(at).trim() !== ""; ) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw invalid(`params.filters: "${text}" cannot be read at character ${at + 1}`);
    const [, bracket, operator, double, single, word] = match;
    const quoted = double ?? single;
    if (quoted !== undefined) tokens.push({ kind: "text", text: quoted.replace(/\\(.)/gs, "$1"), at });
    else if (word !== undefined) tokens.push({ kind: /^(AND|OR|NOT|TO)$/.test(word) ? word : "text", text: word, at });
    else tokens.push({ kind: bracket ?? operator, text: bracket ?? operator, at });
    at = TOKEN.lastIndex;
  }
  return tokens;
}

class Parser {
  #tokens;
  #attributes;
  #text;
  #at = 0;

  constructor(tokens, attributes, text) {
    this.#tokens = tokens;
    this.#attributes = attributes;
    this.#text = text;
  }

  get isAtEnd() {
    return this.#at === this.#tokens.length;
  }

  fail(expected = "AND, OR or the end") {
    const token = this.#tokens[this.#at];
    const place = token === undefined ? "at its end" : `at "${token.text}", character ${token.at + 1}`;
    throw invalid(`params.filters: "${this.#text}" cannot be read ${place}; expected ${expected}`);
  }

  and(depth) {
    const list = [this.#or(depth)];
    while (this.#take("AND")) list.push(this.#or(depth));
    return list.length === 1 ? list[0] : { and: list };
  }

  #or(depth) {
    const list = [this.#not(depth)];
    while (this.#take("OR")) list.push(this.#not(depth));
    return list.length === 1 ? list[0] : { or: list };
  }

  #not(depth) {
    if (this.#take("NOT")) return { not: this.#single(depth) };
    return this.#single(depth);
  }

  #single(depth) {
    if (!this.#take("(")) return this.#condition();
    if (depth === MAX_DEPTH) throw invalid(`params.filters: more than ${MAX_DEPTH} parentheses in each other`);
    const inner = this.and(depth + 1);
    if (!this.#take(")")) this.fail(")");
    return inner;
  }

  #condition() {
    const attribute = attributeOf(this.#word("a condition such as shop:东店"), this.#attributes, "filters");
    const operator = this.#tokens[this.#at]?.kind;
    if (!/^(<=|>=|!=|<|>|=|:)$/.test(operator ?? "")) this.fail(": or a comparison");
    this.#at++;
    const value = this.#word("a value");
    if (operator !== ":") return compared(attribute, operator, value, "filters");
    if (this.#take("TO")) return between(attribute, value, this.#word("a number"), "filters");
    return equalTo(attribute, value, "filters");
  }

  #word(expected) {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "text") this.fail(expected);
    this.#at++;
    return token.text;
  }

  #take(kind) {
    if (this.#tokens[this.#at]?.kind !== kind) return false;
    this.#at++;
    return true;
  }
}
