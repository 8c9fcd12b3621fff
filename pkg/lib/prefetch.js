// Requests that are sent before the loader can ask for their files: the manifest's, while WebAssembly is compiled.

export class Prefetch {
  #requests = new Map();

  /** Asks `mirror` for a file as a transfer would. Whoever takes the answer sees its failure. */
  start(mirror, path, options) {
    const answer = Promise.resolve(mirror.open(path, options));
    answer.catch(() => {});
    this.#requests.set(path, { mirror, answer });
  }

  /** The answer that is on its way from there, once; undefined where there is none. */
  take(mirror, path) {
    const request = this.#requests.get(path);
    if (request?.mirror !== mirror) return undefined;
    this.#requests.delete(path);
    return request.answer;
  }

  /** Lets go of what nobody took. */
  cancelAll() {
    for (const { answer } of this.#requests.values()) answer.then((body) => body?.cancel()).catch(() => {});
    this.#requests.clear();
  }
}
