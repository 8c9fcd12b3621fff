// How far one file has come on its way into the loader, and whether that can be continued.
import { throwIfAborted } from "./abort.js";
import { CoromError } from "./errors.js";
import { transient } from "./transient.js";

/** What goes into WebAssembly at once: it is copied there. */
const CHUNK = 1 << 20;

export class Delivery {
  begun = false;
  fresh = false;
  answered = false;
  etag;
  encoded = false;
  #intake;
  #sure = true;

  constructor(file, intake, entry) {
    this.file = file;
    this.entry = entry;
    this.#intake = intake;
  }

  get fed() {
    return this.begun ? this.#intake.fed(this.file.path) : 0;
  }

  /** Whether what is here can be continued: by its hash, or by its tag, one learns whether that was right. */
  get resumable() {
    return this.#sure && !this.encoded && (this.file.sha256 !== undefined || this.etag !== undefined);
  }

  begin(size) {
    this.#intake.begin(this.file.path, size);
    this.begun = true;
  }

  async feed(chunk, { turns, signal }) {
    for (let at = 0; at < chunk.length; at += CHUNK) {
      if (turns.due) await turns.take();
      throwIfAborted(signal);
      this.#intake.feed(this.file.path, chunk.subarray(at, at + CHUNK));
    }
  }

  async restart(size) {
    if (this.entry?.length > 0) await this.entry.drop();
    this.begin(size);
    this.#sure = true;
  }

  /** No answer to a request for the rest: some servers, and some checks before the request, fail it for its headers. */
  unsure() {
    this.#sure = false;
  }

  /** A server that goes on with another file than the one that was begun. */
  another() {
    this.begun = false;
    this.etag = undefined;
    return transient(new CoromError("FETCH_FAILED", `${this.file.path} changed on the server while it was fetched`));
  }

  /** Another place has tags of its own. What is here is continued there only where a hash tells in the end. */
  move() {
    this.etag = undefined;
    this.encoded = this.fresh = false;
    this.#sure = true;
  }

  /** What came is of no use: nothing of it is continued or kept. */
  async forget() {
    this.begun = false;
    this.etag = undefined;
    await this.entry?.drop();
  }
}
