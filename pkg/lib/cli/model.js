// Loads the model of `embed`, `rank` and `rerank`, in one worker or in several.
import { Corom, CoromReranker } from "../../worker-node.js";
import { folderOf } from "./nano.js";
import { bytesText } from "./progress-bar.js";
import { UsageError } from "./usage.js";

/** Texts per call and worker. A call of several texts costs one message, and its vectors are in memory at once. */
const TEXTS_PER_WORKER = 512;

/** Throws a UsageError if the option is missing. */
export function assertModel({ model }, advice = "") {
  if (model === undefined) throw new UsageError(`--model is missing: the model folder that \`corom convert\` wrote${advice}`);
}

/** Returns `{ model, batchSize }`: a loaded instance of `Corom`. */
export const loadModel = (values, tools) => load(Corom, values, tools);

/** Returns `{ model, batchSize }`: a loaded instance of `CoromReranker`. */
export const loadReranker = (values, tools) => load(CoromReranker, values, tools);

/** The values of `--device`, which are those of the native command, and of the option `device`. */
const DEVICES = { cpu: "wasm", auto: "auto", gpu: "webgpu" };

/** Prints which GPU runs the model, or why none does. Prints nothing where none was requested. */
export function reportDevice({ device, gpu, fallback }) {
  if (fallback !== undefined) process.stderr.write(`the processor ran the model: ${fallback}\n`);
  else if (device === "webgpu") process.stderr.write(`${gpu} ran the model\n`);
}

async function load(Class, values, { bar, signal }) {
  const { model: source, quality, "max-length": maxLength, device, workers = 1 } = values;
  const onProgress = ({ phase, loaded, total, message }) => {
    if (phase === "warning") process.stderr.write(`warning: ${message}\n`);
    else if (loaded !== undefined) bar.update("loading", loaded, total, bytesText);
  };
  // One worker is the default of `load`.
  const pool = workers === 1 ? {} : { workers };
  const model = await Class.load(folderOf(source), { quality, maxLength, device: DEVICES[device], ...pool, onProgress, signal }).catch((error) => {
    // The message names the class for a program.
    const isOther = error?.code === "UNSUPPORTED_MODEL" && /(load it|is loaded) with Corom/.test(error.message);
    if (isOther) error.hint = `the command for this model is ${Class === Corom ? "rerank" : "rank, or embed"}`;
    throw error;
  });
  bar.clear();
  return { model, batchSize: TEXTS_PER_WORKER * workers };
}
