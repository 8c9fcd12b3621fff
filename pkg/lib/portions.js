// Portions of the texts or vectors of a call, so that only one portion is copied to WebAssembly or to a worker at a time.
import { CoromError } from "./errors.js";

/** The most texts or vectors of a portion. */
export const MAX_PORTION_ITEMS = 1024;
/** The fewest texts of a portion for several workers: a message takes less time than their vectors. */
const MIN_PORTION_TEXTS = 16;
/** The size of a longer text: the rest of it is cut off. */
const MAX_TEXT_SIZE = 512;
/** UTF-16 code units after which a portion of texts ends. */
const MAX_PORTION_CODE_UNITS = 1 << 20;

/**
 * Yields the portions of a list of texts, `{ at, texts }`. `at` is the index of the first text.
 *
 * For several workers, a portion is half of what would be each worker's part of the rest. So portions are large at the
 * beginning, and small at the end, where a worker would wait for the last one. The size of a text is its length and that
 * of `[CLS]` and `[SEP]`.
 */
export function* textPortions(list, workers = 1) {
  const sizeOf = (text) => Math.min(text.length, MAX_TEXT_SIZE) + 2;
  let rest = workers === 1 ? 0 : list.reduce((sum, text) => sum + sizeOf(text), 0);
  for (let at = 0; at < list.length; ) {
    const limit = workers === 1 ? Infinity : rest / (2 * workers);
    let end = at;
    let size = 0;
    for (let units = 0; end < list.length && end - at < MAX_PORTION_ITEMS && units < MAX_PORTION_CODE_UNITS; end++) {
      if (size >= limit && end - at >= MIN_PORTION_TEXTS) break;
      units += list[end].length;
      size += sizeOf(list[end]);
    }
    rest -= size;
    yield { at, texts: list.slice(at, end) };
    at = end;
  }
}

/**
 * Returns the error of a portion with the index that its text has in the whole list: the core counts the texts of a
 * portion. `at` is the index of the portion's first text; `indices`, where it is given, has that of each.
 */
export function errorOfPortion(error, { at, indices }) {
  const [found, index] = /^text (\d+): /.exec(error instanceof CoromError ? error.message : "") ?? [];
  const whole = indices ? indices[index] : Number(index) + at;
  if (found === undefined || whole === undefined || whole === Number(index)) return error;
  const { code, message, cause } = error;
  return new CoromError(code, `text ${whole}: ${message.slice(found.length)}`, { cause });
}
