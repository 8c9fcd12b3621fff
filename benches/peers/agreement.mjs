// Checks that a system computes the model, before it is timed.
import { cosine, mean, minimum } from "./statistics.mjs";
import { MIN_COSINE, systemOf } from "./systems.mjs";

/**
 * Compares a system's vectors with the reference. `cases` are `{ text, ids, vector, got, gotIds? }`: a text, its reference
 * ids and vector, and the system's. Returns the mean and the worst cosine. Throws if a vector is too far from the
 * reference, or nearer to another text's reference than to its own.
 */
export function agreement(name, cases) {
  const { label, precision } = systemOf(name);
  const minimumCosine = MIN_COSINE[precision];
  const cosines = cases.map(({ text, ids, vector, got, gotIds }) => {
    if (gotIds && String(gotIds) !== String(ids)) {
      throw new Error(`${label}: '${text}' has tokens ${gotIds}; expected tokens ${ids}`);
    }
    if (got.length !== vector.length) throw new Error(`${label}: the vector has ${got.length} numbers; expected ${vector.length} numbers`);
    const own = cosine(got, vector);
    if (!(own >= minimumCosine)) {
      throw new Error(
        `${label} does not compute the model: '${text}' has cosine ${own} to the reference; expected at least ${minimumCosine}`,
      );
    }
    for (const other of cases) {
      if (other.text !== text && cosine(got, other.vector) >= own) {
        throw new Error(`${label}: the vector of '${text}' is nearer to the reference of '${other.text}'`);
      }
    }
    return own;
  });
  return { texts: cases.length, mean: mean(cosines), worst: minimum(cosines) };
}
