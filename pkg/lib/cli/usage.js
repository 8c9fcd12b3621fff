// Reads the arguments of a command.
import { parseArgs } from "node:util";
import { nearestName } from "../option-names.js";

/** Wrong usage of the command line: exit status 2. */
export class UsageError extends Error {}

/**
 * Returns `{ help, positionals, values }`. `command.options` maps a name to `{ type, short, parse, optional, multiple
 * }`: `parse` returns the value or throws a UsageError, `optional` is the value of an option that is given without one, and
 * the value of a `multiple` option is a list.
 */
export function readArguments(name, command, args) {
  const options = { help: { type: "boolean", short: "h" } };
  for (const [option, { type = "string", short, multiple = false }] of Object.entries(command.options)) {
    options[option] = short ? { type, short, multiple } : { type, multiple };
  }
  checkNames(args, options, command.hints ?? {});
  const { values, positionals } = parsed(withOptionalValues(command, args), options);
  if (values.help) return { help: true };
  checkPositionals(name, command, positionals);
  for (const [option, { required }] of Object.entries(command.options)) {
    if (required && values[option] === undefined) throw new UsageError(`--${option} is missing`);
  }
  for (const [option, { parse }] of Object.entries(command.options)) {
    if (parse && values[option] !== undefined) values[option] = parse(values[option], `--${option}`);
  }
  command.check?.(values);
  return { positionals, values };
}

/** Rejects options that do not exist, with the nearest one, or with what `hints` says. */
function checkNames(args, options, hints) {
  const end = args.indexOf("--");
  for (const argument of end < 0 ? args : args.slice(0, end)) {
    checkShortOption(argument, options);
    const [, name] = /^--(?!no-)([^=]+)/.exec(argument) ?? [];
    if (name === undefined || Object.hasOwn(options, name)) continue;
    const nearest = nearestName(name, Object.keys(options));
    const advice = hints[name] ?? (nearest === undefined ? "--help lists the options" : `did you mean --${nearest}?`);
    throw new UsageError(`--${name} is not an option of this command; ${advice}`);
  }
}

/** Rejects `-x` unless it is a short option, with what to write for a text that begins with a hyphen. */
function checkShortOption(argument, options) {
  if (!/^-[^-\d]/.test(argument) || Object.values(options).some(({ short }) => short === argument[1])) return;
  throw new UsageError(`${argument} is not an option of this command; a text that begins with "-" is written after --: -- "${argument}"`);
}

function parsed(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (cause) {
    if (!String(cause.code).startsWith("ERR_PARSE_ARGS")) throw cause;
    throw new UsageError(cause.message.split(". To specify")[0], { cause });
  }
}

/** Writes `--normalize` as `--normalize=true`: parseArgs knows no options whose value may be left out. */
function withOptionalValues(command, args) {
  const end = args.indexOf("--");
  return args.map((argument, i) => {
    const optional = argument.startsWith("--") ? command.options[argument.slice(2)]?.optional : undefined;
    return optional === undefined || (end >= 0 && i > end) ? argument : `${argument}=${optional}`;
  });
}

function checkPositionals(name, { positionals: names, isVariadic = false }, given) {
  const required = names.filter((positional) => !positional.startsWith("["));
  if (given.length < required.length) {
    throw new UsageError(`${required.slice(given.length).join(" and ")} ${required.length - given.length > 1 ? "are" : "is"} missing`);
  }
  if (given.length > names.length && !isVariadic) throw new UsageError(`unexpected argument \`${given[names.length]}\``);
}

/** Returns a parser for one of several names. */
export const choice =
  (...names) =>
  (value, option) => {
    if (names.includes(value)) return value;
    throw new UsageError(`${option}: got \`${value}\`; expected one of ${names.join(", ")}`);
  };

/** Returns a parser for a whole number. */
export const wholeNumber =
  (minimum, maximum = 0xffffffff) =>
  (value, option) => {
    const number = /^\d{1,10}$/.test(value) ? Number(value) : NaN;
    if (number >= minimum && number <= maximum) return number;
    throw new UsageError(`${option}: got \`${value}\`; expected a whole number from ${minimum} to ${maximum}`);
  };

/** Parses `true` or `false`. */
export const flag = (value, option) => choice("true", "false")(value, option) === "true";
