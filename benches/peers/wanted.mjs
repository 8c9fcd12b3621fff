// Checks the command line before the long work starts, and prints what must be prepared.
import { GPU_USAGE, gpuOptionsFrom } from "./gpu/options.mjs";
import { USAGE, UsageError, hostsWanted, modelsPrepared, optionsFrom } from "./options.mjs";

const isGpu = process.argv.includes("--gpu");
const usage = isGpu ? GPU_USAGE : USAGE;
try {
  if (process.argv.includes("--help")) {
    console.log(usage);
  } else if (isGpu) {
    const { models, host } = gpuOptionsFrom(process.argv.slice(2));
    console.log([...models, host].join(" "));
  } else {
    const options = optionsFrom(process.argv.slice(2));
    const parts = options.parts.filter((part) => ["kernels", "rerank", "search", "native"].includes(part));
    console.log([...modelsPrepared(options), ...hostsWanted(options), ...parts].join(" "));
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usage}`);
  process.exitCode = 2;
}
