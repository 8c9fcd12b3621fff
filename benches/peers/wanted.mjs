// Checks the command line before the long work starts, and prints what must be prepared.
import { USAGE, UsageError, hostsWanted, modelsPrepared, optionsFrom } from "./options.mjs";

try {
  if (process.argv.includes("--help")) {
    console.log(USAGE);
  } else {
    const options = optionsFrom(process.argv.slice(2));
    const parts = options.parts.filter((part) => ["kernels", "rerank", "search", "native"].includes(part));
    console.log([...modelsPrepared(options), ...hostsWanted(options), ...parts].join(" "));
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  process.exitCode = 2;
}
