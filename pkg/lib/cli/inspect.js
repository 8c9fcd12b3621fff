// `corom inspect`.
import { inspect } from "../../convert-node.js";

/** Prints what a model folder is, and checks its files. */
export async function run({ positionals: [folder], values: { check } }, signal) {
  let isFirst = true;
  const onLine = (line) => {
    if (isFirst) process.stdout.write(`${folder}\n`);
    isFirst = false;
    process.stdout.write(`  ${line}\n`);
  };
  await inspect(folder, { check, onLine, signal });
  if (check) process.stdout.write("  no second opinion: tract-onnx is in the native command only\n");
}
