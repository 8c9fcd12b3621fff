// The documents of a call, with the scores that are known so far.

export class Ranking {
  #documents;
  #places = new Map(); // text -> the indices of the documents that are this text
  #pairs = []; // { score, logit } by index
  done = 0;

  constructor(documents) {
    this.#documents = documents;
    documents.forEach((text, index) => {
      const places = this.#places.get(text);
      if (places) places.push(index);
      else this.#places.set(text, [index]);
    });
  }

  get total() {
    return this.#documents.length;
  }

  /** Returns the different texts, in the order of the documents. */
  texts() {
    return this.#places.keys();
  }

  /** Sets the pair `{ score, logit }` of a text; undefined changes nothing. */
  set(text, pair) {
    if (pair === undefined) return;
    for (const index of this.#places.get(text)) {
      if (this.#pairs[index] === undefined) this.done++;
      this.#pairs[index] = pair;
    }
  }

  /** Returns the different texts without a score, and the index of the first document that is each of them. */
  waiting() {
    const waiting = { texts: [], indices: [] };
    for (const [text, [index]] of this.#places) {
      if (this.#pairs[index] !== undefined) continue;
      waiting.texts.push(text);
      waiting.indices.push(index);
    }
    return waiting;
  }

  /**
   * Returns the best `topK` documents, `{ index, score, logit, text }`. Documents without a score follow those with one, in
   * their own order, as `{ index, text }`. Equal logits keep the order of the documents.
   */
  sorted(topK) {
    const pairs = this.#pairs;
    const logitOf = (index) => pairs[index]?.logit ?? -Infinity;
    const isScored = (index) => pairs[index] !== undefined;
    const order = Array.from(this.#documents.keys()).sort(
      (a, b) => isScored(b) - isScored(a) || (isScored(a) ? logitOf(b) - logitOf(a) : 0) || a - b,
    );
    return order.slice(0, topK).map((index) => ({ index, ...pairs[index], text: this.#documents[index] }));
  }

  /** Returns the scores of all documents, in their order. */
  scores() {
    return Float32Array.from(this.#pairs, ({ score }) => score);
  }
}
