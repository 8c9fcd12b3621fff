// Requests that are sent before the loader asks for the file. The manifest is requested while WebAssembly is compiled.

export class Prefetch {
  #requests = new Map();

  /** Requests a file from a mirror. A failure is reported to the caller of `take`. */
  start(mirror, path, options) {
    const answer = Promise.resolve(mirror.open(path, options));
    answer.catch(() => {});
    this.#requests.set(path, { mirror, answer });
  }

  /** Returns the pending response of a mirror, and forgets it; undefined if there is none. */
  take(mirror, path) {
    const request = this.#requests.get(path);
    if (request?.mirror !== mirror) return undefined;
    this.#requests.delete(path);
    return request.answer;
  }

  /** Cancels the requests that were not taken. */
  cancelAll() {
    for (const { answer } of this.#requests.values()) answer.then((body) => body?.cancel()).catch(() => {});
    this.#requests.clear();
  }
}
