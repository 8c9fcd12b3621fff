// The address of a source in the messages of errors about its files.
import { CoromError } from "./errors.js";

/** Errors that say what is wrong with a folder, and not where it is. */
const FOLDER_ERRORS = ["MISSING_FILE", "NOT_A_MODEL", "INTEGRITY_MISMATCH", "INVALID_CATALOG"];

/** Returns an error about the files of a folder with the folder's address in its message. */
export function withAddress(error, { address, unreadable = [] }) {
  if (!(error instanceof CoromError) || address === undefined) return error;
  // The loader says that it needs a subfolder, but only the host knows why the subfolder cannot be read.
  const needed = unreadable.find(({ name }) => error.message.startsWith(`${name} cannot be read`));
  if ((!needed && !FOLDER_ERRORS.includes(error.code)) || error.message.includes(address)) return error;
  const { code, message, cause = needed?.cause } = error;
  return new CoromError(code, `${address}: ${message}`, cause === undefined ? undefined : { cause });
}
