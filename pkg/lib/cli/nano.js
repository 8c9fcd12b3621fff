// The model in the package: for a first try without a download.
import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const NAME = "nano";
const FOLDER = path.normalize(fileURLToPath(new URL("../../models/nano/", import.meta.url)));

/** Returns the model folder that the user named: `nano` is the model in the package, unless there is a folder of that name. */
export const folderOf = (model) => (model === NAME && !existsSync(NAME) ? FOLDER : model);

/** Returns the folder of the model in the package, and says on standard error that it stands in for one of the user's. */
export function standIn(option) {
  process.stderr.write(
    `no ${option}: this is corom's nano model, which knows the made-up shop of the demo and little else; ` +
      `${option} takes a model for your texts\n`,
  );
  return FOLDER;
}
