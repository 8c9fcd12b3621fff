// Types of `corom/hub`: sources for `Corom.load` on model hubs.

export interface HubOptions {
  /** Branch, tag or commit. A commit keeps the model as it is. Default: `main` at Hugging Face, `master` at ModelScope. */
  revision?: string | null | undefined;
  /**
   * Address of the hub, for a mirror or a hub of your own; it may have a path. An array: mirrors, tried in order.
   * Default: the hub's public address.
   */
  host?: string | URL | readonly (string | URL)[] | null | undefined;
}

/**
 * Returns the source of a model on Hugging Face, for `Corom.load`. The call itself requests nothing.
 *
 * @throws {@link CoromError} with the code `INVALID_ARGUMENT`.
 *
 * @example
 * import { Corom } from "corom";
 * import { huggingface } from "corom/hub";
 * huggingface("owner/name"); // ["https://huggingface.co/owner/name/resolve/main/"]
 * const corom = await Corom.load(huggingface("owner/name", { revision: "v1.0" }));
 */
export function huggingface(name: string, options?: HubOptions | null): string[];

/**
 * Returns the source of a model on ModelScope, for `Corom.load`. The call itself requests nothing.
 *
 * @throws {@link CoromError} with the code `INVALID_ARGUMENT`.
 *
 * @example
 * import { modelscope } from "corom/hub";
 * modelscope("damo/name");
 * // ["https://www.modelscope.cn/api/v1/models/damo/name/repo?Revision=master&FilePath="]
 */
export function modelscope(name: string, options?: HubOptions | null): string[];
