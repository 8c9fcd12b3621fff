// Requests that are made before the loader can ask for their files: the manifest's, while WebAssembly is compiled.

export class Ahead {
  #made = new Map();

  /** Asks `place` for a file as a transfer would. Whoever takes the answer sees its failure. */
  ask(place, path, options) {
    const answer = Promise.resolve(place.open(path, options));
    answer.catch(() => {});
    this.#made.set(path, { place, answer });
  }

  /** The answer that is on its way from there, once; undefined where there is none. */
  take(place, path) {
    const made = this.#made.get(path);
    if (made?.place !== place) return undefined;
    this.#made.delete(path);
    return made.answer;
  }

  /** Lets go of what nobody took. */
  close() {
    for (const { answer } of this.#made.values()) answer.then((body) => body?.cancel()).catch(() => {});
    this.#made.clear();
  }
}
