// Requests that are sent before the loader can ask for their files: the manifest's, while WebAssembly is compiled.

export class Prefetch {
  #requests = new Map();

  /** Asks `place` for a file as a transfer would. Whoever takes the answer sees its failure. */
  start(place, path, options) {
    const answer = Promise.resolve(place.open(path, options));
    answer.catch(() => {});
    this.#requests.set(path, { place, answer });
  }

  /** The answer that is on its way from there, once; undefined where there is none. */
  take(place, path) {
    const request = this.#requests.get(path);
    if (request?.place !== place) return undefined;
    this.#requests.delete(path);
    return request.answer;
  }

  /** Lets go of what nobody took. */
  cancelAll() {
    for (const { answer } of this.#requests.values()) answer.then((body) => body?.cancel()).catch(() => {});
    this.#requests.clear();
  }
}
