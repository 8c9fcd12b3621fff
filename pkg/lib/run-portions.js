// Runs the portions of a call, several at a time if there are several workers.
import { childController } from "./abort.js";
import { errorOfPortion } from "./portions.js";

/**
 * Calls `work(portion, signal)` for each portion, `parallel` at a time. The first failure aborts the other portions, and
 * is thrown when they have ended.
 */
export async function forEachPortion(portions, parallel, signal, work) {
  const { controller, release } = childController(signal);
  let failure;
  const runSome = async () => {
    for (const portion of portions) {
      try {
        await work(portion, controller.signal);
      } catch (error) {
        throw errorOfPortion(error, portion);
      }
      if (failure) return;
    }
  };
  const runs = Array.from({ length: parallel }, () =>
    runSome().catch((error) => {
      failure ??= { error };
      controller.abort(failure.error);
    }),
  );
  await Promise.all(runs);
  release();
  if (failure) throw failure.error;
}
