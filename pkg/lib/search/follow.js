// Follows the folder of a catalog that is loaded: receives the deltas that were added to it.
import { childController, throwIfAborted } from "../abort.js";
import { hashInName } from "./list.js";
import { inParallel, otherNames } from "./load.js";

/**
 * Receives the deltas of a folder that come after `loaded`, the names of the files that are here. `version` is the hash of the
 * last one. Returns `{ before, added, names }`: the names up to that file, those of the deltas, and all; undefined if the
 * folder has another catalog, or was compacted. When it returns or throws, nothing is being received any more.
 */
export async function receiveDeltas(folder, receiver, { loaded, version, signal }) {
  let names = await folder.names(receiver, signal);
  for (let isSecond = false; ; isSecond = true) {
    const place = placeIn(names, { loaded, version });
    if (place < 0) return undefined;
    const added = names.slice(place + 1);
    try {
      await receiveAll(folder, receiver, added, signal);
      return { before: names.slice(0, place + 1), added, names };
    } catch (error) {
      throwIfAborted(signal);
      if (error?.code !== "MISSING_FILE") throw error;
      const next = await otherNames(folder, receiver, { error, names, isSecond, signal });
      if (next === undefined) throw error;
      names = next;
    }
  }
}

/** Receives files. The first failure ends the other transfers. */
async function receiveAll(folder, receiver, names, signal) {
  const { controller, release } = childController(signal);
  try {
    await inParallel(names, async (name) => {
      try {
        if (!receiver.has(name)) await folder.receive(name, receiver, controller.signal);
      } catch (error) {
        controller.abort(error);
        throw error;
      }
    });
  } finally {
    release();
  }
}

/** Returns the place of the last file that is loaded in a list; -1 if it is not there. */
function placeIn(names, { loaded, version }) {
  const place = names.map((name) => version.startsWith(hashInName(name) ?? "-")).lastIndexOf(true);
  if (place >= 0) return place;
  const isContinued = loaded.every((name, i) => names[i] === name && hashInName(name) === undefined);
  return isContinued ? loaded.length - 1 : -1;
}
