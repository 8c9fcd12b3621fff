// Runs the command line `corom COMMAND …`. Exit statuses: 0 success, 1 an error, 2 wrong usage, 129, 130 and 143 a signal.
import { readFileSync } from "node:fs";
import { CoromError } from "../errors.js";
import { COMMANDS } from "./commands.js";
import { nearestName } from "../option-names.js";
import { helpOf, overview } from "./help.js";
import { readArguments, UsageError } from "./usage.js";

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Runs a command. Returns the exit status. */
export async function main(args) {
  process.stdout.on("error", (cause) => {
    if (cause.code === "EPIPE") process.exit(0); // the reader, such as `head`, has what it wants
    printError(new CoromError("FETCH_FAILED", `standard output cannot be written: ${cause.message}`));
    process.exit(1);
  });
  process.stderr.on("error", () => {}); // nobody reads the messages
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") return print(`corom ${version()}`);
  if (isHelp(name)) return help(rest);
  if (name === undefined) return wrong(overview(COMMANDS));
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    const nearest = nearestName(name, Object.keys(COMMANDS));
    const next = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    return wrong(`error: \`${name}\` is not a command${next}\n\n${overview(COMMANDS)}`);
  }
  return command.commands ? runNested(name, command.commands, rest) : runCommand(name, command, rest);
}

/** Runs a command of a group, such as `corom index build`. */
async function runNested(group, commands, [name, ...rest]) {
  if (isHelp(name)) return help([group, ...rest]);
  if (name === undefined) return wrong(overview(commands, group));
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) return wrong(`error: \`${group} ${name}\` is not a command\n\n${overview(commands, group)}`);
  return runCommand(`${group} ${name}`, command, rest);
}

async function runCommand(name, command, rest) {
  try {
    const given = readArguments(name, command, rest);
    if (given.help) return print(helpOf(name, command));
    const isPrinted = given.positionals.at(-1) === "-"; // some vectors are on standard output already
    return await untilSignal(async (signal) => (await command.load()).run(given, signal), isPrinted);
  } catch (error) {
    if (error instanceof UsageError) return wrong(`error: ${error.message}\n\n${helpOf(name, command, "short")}`);
    printError(error);
    return 1;
  }
}

/** Runs `work` with a signal that SIGHUP, SIGINT and SIGTERM abort. Returns its status, or that of the signal. */
async function untilSignal(work, isPrinted) {
  const controller = new AbortController();
  let status;
  const stop = (name) => {
    status ??= SIGNALS[name];
    controller.abort();
  };
  for (const name of Object.keys(SIGNALS)) process.on(name, stop);
  try {
    return (await work(controller.signal)) ?? 0;
  } catch (error) {
    if (status === undefined || !controller.signal.aborted || error !== controller.signal.reason) throw error;
    process.stderr.write(isPrinted ? "interrupted\n" : "interrupted: nothing was written\n");
    return status;
  } finally {
    for (const name of Object.keys(SIGNALS)) process.off(name, stop);
  }
}

const isHelp = (name) => name === "--help" || name === "-h" || name === "help";

function help([name, nested]) {
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) return print(overview(COMMANDS));
  const { commands } = COMMANDS[name];
  if (!commands) return print(helpOf(name, COMMANDS[name]));
  if (nested === undefined || !Object.hasOwn(commands, nested)) return print(overview(commands, name));
  return print(helpOf(`${name} ${nested}`, commands[nested]));
}

function print(text) {
  process.stdout.write(`${text}\n`);
  return 0;
}

function wrong(text) {
  process.stderr.write(`${text}\n`);
  return 2;
}

/** Prints an error with its code, and the causes that the message does not repeat. */
function printError(error) {
  const code = typeof error?.code === "string" ? error.code : "INTERNAL";
  process.stderr.write(`error[${code}]: ${error?.message ?? error}\n`);
  if (error?.hint) process.stderr.write(`  ${error.hint}\n`);
  let printed = String(error?.message);
  for (let cause = error?.cause; cause !== undefined && cause !== null; cause = cause.cause) {
    const message = typeof cause === "string" ? cause : String(cause.message ?? cause);
    if (!printed.includes(message)) process.stderr.write(`  because: ${message}\n`);
    printed = message;
  }
  if (code === "INTERNAL" && error?.stack) process.stderr.write(`${error.stack}\n`);
}

function version() {
  return JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version;
}
