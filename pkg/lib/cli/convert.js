// `corom convert`.
import { convert } from "../../convert-node.js";
import { CoromError } from "../errors.js";
import { linesOf } from "./lines.js";
import { bytesText, ProgressBar, weightsText } from "./progress-bar.js";

/** Converts a checkpoint or an ONNX export, and prints what was written, in the words of the native command. */
export async function run({ positionals: [checkpoint, out], values }, signal) {
  const started = performance.now();
  const bar = new ProgressBar();
  const onProgress = ({ phase, loaded, total }) => {
    if (phase === "convert") bar.update("converting", loaded, total, weightsText);
    if (phase === "self-test") bar.update("self-test", loaded, total, bytesText);
  };
  const { "max-length": maxLength, "ignore-head": ignoreHead, "keep-vocab": files, "max-shard-size": maxShardSize, ...options } = values;
  try {
    const keepVocab = files && (await textsOf(files, signal));
    const given = { ...options, maxLength, ignoreHead, keepVocab, maxShardSize };
    const { report } = await convert(checkpoint, { ...given, out, onProgress, signal });
    bar.clear();
    const seconds = (performance.now() - started) / 1000;
    const lines = [...report.slice(0, -1), `${report.at(-1)}, ${seconds.toFixed(1)} s`];
    process.stdout.write([out, ...lines.map((line) => `  ${line}`), ""].join("\n"));
  } catch (error) {
    bar.clear();
    throw withHint(error);
  }
}

/** Returns the lines of files of plain text. */
async function textsOf(files, signal) {
  const texts = [];
  for (const file of files) {
    if (/\.(?!txt$|tsv$)[^./\\]*$/.test(file)) {
      throw new CoromError("INVALID_ARGUMENT", `--keep-vocab ${file}: expected a .txt or .tsv file, whose lines are plain text`);
    }
    for await (const { text } of linesOf(file, signal)) if (text.trim() !== "") texts.push(text);
  }
  return texts;
}

/** The native command has a second reader of ONNX graphs, which is not in the WebAssembly. */
function withHint(error) {
  const isGraph = ["UNSUPPORTED_OPERATOR", "UNSUPPORTED_MODEL"].includes(error?.code) && /\.onnx\b/.test(error.message);
  if (isGraph) error.hint = "the native command `corom convert` also tries tract-onnx, which may read this graph";
  return error;
}
