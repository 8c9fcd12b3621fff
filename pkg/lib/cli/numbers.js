// Reads the numbers that a model's card prints. docs/guides/models.md has the format.
import { readFileSync } from "node:fs";
import { CoromError, invalid, messageOf } from "../errors.js";

const FIELDS = ["name", "task", "hidden_size", "query", "texts", "vectors", "scores"];

/** Returns the examples of a file. Throws INVALID_ARGUMENT if it is something else or contradicts itself. */
export function readNumbers(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause.code === "ENOENT" ? "MISSING_FILE" : "FETCH_FAILED";
    throw new CoromError(code, `${file} cannot be read: ${messageOf(cause)}`, { cause });
  }
  let value;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (cause) {
    throw invalid(`${file} is not a file of numbers: ${messageOf(cause)}`, { cause });
  }
  const wrong = wrongField(value);
  if (wrong !== undefined) throw invalid(`${file} is not a file of numbers: ${wrong}`);
  if (value.examples.length === 0) throw invalid(`${file} has no examples`);
  for (const example of value.examples) checkExample(example, file);
  return value.examples;
}

const isNumbers = (value) => Array.isArray(value) && value.every((item) => typeof item === "number");
const isTexts = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");
const isEnds = ({ first, last = [], ...more } = {}) =>
  isNumbers(first) && isNumbers(last) && Object.keys(more).length === 0;

/** Returns what is wrong with the types of a file's values; undefined if nothing is. */
function wrongField(value) {
  if (!Array.isArray(value?.examples) || Object.keys(value).length !== 1) return "expected an object with `examples` only";
  for (const [i, example] of value.examples.entries()) {
    const { name, task, hidden_size: size = 1, query = "", texts, vectors = [], scores = [] } = example ?? {};
    const unknown = Object.keys(example ?? {}).find((key) => !FIELDS.includes(key));
    if (unknown !== undefined) return `unknown field \`${unknown}\` in example ${i}`;
    const right =
      typeof name === "string" && ["embed", "rerank"].includes(task) && Number.isInteger(size) && typeof query === "string" &&
      isTexts(texts) && Array.isArray(vectors) && vectors.every(isEnds) && isNumbers(scores); // prettier-ignore
    if (!right) return `example ${i} lacks a field or has one of another type`;
  }
  return undefined;
}

function checkExample({ name, task, query, texts, vectors = [], scores = [] }, file) {
  const due = task === "embed" ? Math.max(0, texts.length - 1) : texts.length;
  const hasScores = scores.length === 0 || scores.length === due;
  const fitsTask = (query !== undefined) === (task === "rerank") && (task === "embed" || vectors.length === 0);
  if (!hasScores || !fitsTask || vectors.length > texts.length) {
    throw invalid(
      `${file}: the example "${name}" contradicts itself; expected ${due} scores or none for ${texts.length} texts, and a ` +
        "query if, and only if, the task is `rerank`",
    );
  }
  const isEmpty = ({ first, last = [] }) => first.length === 0 && last.length === 0;
  if (scores.length === 0 && vectors.every(isEmpty)) throw invalid(`${file}: the example "${name}" has no numbers`);
}
