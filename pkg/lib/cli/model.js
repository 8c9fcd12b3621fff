// Loads the model of `embed` and `rank`, in one worker or in several.
import { Corom } from "../../worker-node.js";
import { bytesText } from "./progress-bar.js";
import { UsageError } from "./usage.js";

/** Texts per call and worker. A call of several texts costs one message, and its vectors are in memory at once. */
const TEXTS_PER_WORKER = 512;

/** Throws a UsageError if the option is missing. */
export function assertModel({ model }) {
  if (model === undefined) throw new UsageError("--model is missing: the model folder that `corom convert` wrote");
}

/** Returns `{ corom, batchSize }`. */
export async function loadModel({ model, quality, "max-length": maxLength, workers = 1 }, { bar, signal }) {
  const onProgress = ({ phase, loaded, total, message }) => {
    if (phase === "warning") process.stderr.write(`warning: ${message}\n`);
    else if (loaded !== undefined) bar.update("loading", loaded, total, bytesText);
  };
  // One worker is the default of `Corom.load`.
  const pool = workers === 1 ? {} : { workers };
  const corom = await Corom.load(model, { quality, maxLength, ...pool, onProgress, signal });
  bar.clear();
  return { corom, batchSize: TEXTS_PER_WORKER * workers };
}
