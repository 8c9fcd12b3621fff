// Open files of the origin private file system. Only workers can open them. A part of an open file is read in some
// microseconds, a part of a Blob in a millisecond.

/** Files stay open for so long after the last read. */
const IDLE_MS = 2000;
/** After a request to close, no file is opened for so long: as long as writes and removals are tried again. */
const PAUSE_MS = 600;
/** More files than these are not open at the same time. */
const MAX_OPEN = 2048;
const CHANNEL = "corom-cache";

/** Returns the OpenFiles of this worker; undefined elsewhere, and where an open file cannot be shared with other readers. */
export function openFiles() {
  const canOpen = globalThis.FileSystemFileHandle?.prototype.createSyncAccessHandle && globalThis.BroadcastChannel;
  return canOpen ? new OpenFiles() : undefined;
}

/**
 * Asks all workers to close their files: an open file can neither be written nor removed. They answer by closing, so that
 * the next try succeeds.
 */
export function askToClose() {
  if (!globalThis.BroadcastChannel) return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("close");
  channel.close();
}

class OpenFiles {
  /** FileSystemSyncAccessHandles by key. */
  #handles = new Map();
  #timer;
  #channel;
  #pausedUntil = 0;
  /** False after a browser without the mode "read-only": its handles lock the file against all others. */
  #isShared = true;

  /**
   * Returns the bytes of each range `[from, to]` of a file, as far as it has them; undefined if it cannot be opened now.
   * `handleOf()` returns its FileSystemFileHandle.
   */
  async read(key, ranges, handleOf) {
    const handle = this.#handles.get(key) ?? (await this.#open(key, handleOf));
    if (handle === undefined) return undefined;
    this.#closeLater();
    try {
      return ranges.map(([from, to]) => {
        const bytes = new Uint8Array(to - from);
        return bytes.subarray(0, handle.read(bytes, { at: from }));
      });
    } catch {
      // It was closed meanwhile, or its file is damaged: the caller reads it in another way.
      handle.close();
      this.#handles.delete(key);
      return undefined;
    }
  }

  /** Closes all files, and opens none for a while: they are to be written or removed. */
  giveWay() {
    this.#pausedUntil = performance.now() + PAUSE_MS;
    this.close();
  }

  /** Closes all files. */
  close() {
    clearTimeout(this.#timer);
    for (const handle of this.#handles.values()) handle.close();
    this.#handles.clear();
    this.#channel?.close();
    this.#channel = undefined;
  }

  async #open(key, handleOf) {
    if (!this.#isShared || performance.now() < this.#pausedUntil) return undefined;
    let handle;
    try {
      handle = await (await handleOf())?.createSyncAccessHandle({ mode: "read-only" });
    } catch {
      return undefined; // it is being written or removed
    }
    if (handle === undefined) return undefined;
    this.#isShared = handle.mode === "read-only";
    const isWanted = this.#isShared && performance.now() >= this.#pausedUntil;
    if (!isWanted || this.#handles.has(key)) {
      handle.close();
      return this.#handles.get(key);
    }
    if (this.#handles.size >= MAX_OPEN) this.close();
    this.#listen();
    this.#handles.set(key, handle);
    return handle;
  }

  #listen() {
    if (this.#channel) return;
    this.#channel = new BroadcastChannel(CHANNEL);
    this.#channel.onmessage = () => this.giveWay();
  }

  #closeLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), IDLE_MS);
  }
}
