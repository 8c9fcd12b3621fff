// Reads options objects. An option that does not exist is INVALID_ARGUMENT; the message says what to write instead: for
// an option of another library, what corom has in its place; for a misspelled name, the nearest name.
import { describeValue, unexpected } from "./arguments.js";
import { invalid, messageOf } from "./errors.js";

/**
 * Reads the options `names` of `given`. undefined and null mean "not given", for the object and for each option. Returns
 * an object of the options that are given. `call` is what the options belong to, for messages. `hints` maps names that
 * are not options to what to do instead: a text, or a function that returns a text for the option's value.
 */
export function readOptions(given, names, { call, hints = {}, argument = "options" }) {
  if (given === undefined || given === null) return {};
  const isObject = typeof given === "object" && !Array.isArray(given);
  // An AbortSignal, a Map or a URL in place of the options would be read as an object without options.
  if (!isObject || !["[object Object]", "[object Module]"].includes(Object.prototype.toString.call(given))) {
    throw unexpected(argument, given, "an object");
  }
  const prefix = argument === "options" ? "" : `${argument}.`;
  const read = (name) => {
    try {
      return given[name] ?? undefined;
    } catch (cause) {
      throw invalid(`${prefix}${name}: the option cannot be read: ${messageOf(cause)}`, { cause });
    }
  };
  for (const name of ownKeys(given, argument)) {
    if (names.includes(name)) continue;
    const value = read(name);
    if (value !== undefined) throw unknownOption(`${prefix}${name}`, name, value, { names, call, hints });
  }
  return Object.fromEntries(names.map((name) => [name, read(name)]).filter(([, value]) => value !== undefined));
}

function ownKeys(object, argument) {
  try {
    return Object.keys(object);
  } catch (cause) {
    throw invalid(`${argument}: the object cannot be read: ${messageOf(cause)}`, { cause });
  }
}

function unknownOption(path, name, value, { names, call, hints }) {
  const hint = Object.hasOwn(hints, name) ? hints[name] : undefined;
  const advice = typeof hint === "function" ? hint(value) : hint;
  if (advice !== undefined) return invalid(`${path}: not an option of ${call}; ${advice}`);
  const nearest = nearestName(name, names);
  const next = nearest === undefined ? `the options are ${names.join(", ")}` : `did you mean ${nearest}?`;
  return invalid(`${path}: got ${describeValue(value)}, but this is not an option of ${call}; ${next}`);
}

/** Returns the name that is nearest to `name`, or undefined if none is near. Case, `_` and `-` do not count. */
export function nearestName(name, names) {
  const plain = (text) => text.toLowerCase().replace(/[_-]/g, "");
  const wanted = plain(name);
  let nearest;
  let least = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const distance = editDistance(wanted, plain(candidate));
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}

/** Returns how many letters must be inserted, deleted, replaced, or swapped with their neighbor to make `b` of `a`. */
function editDistance(a, b) {
  if (Math.abs(a.length - b.length) > 8) return Infinity; // far apart; also bounds the time for very long names
  let [before, last] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, replaced);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}
