// Whether a system computes the model at all: nobody shall time garbage.
import { cosine, mean, minimum } from "./statistics.mjs";
import { LEAST_COSINE, SYSTEMS } from "./systems.mjs";

/**
 * `cases` are `{ text, ids, vector, got, gotIds? }`: the reference and what the system made of the text. Throws where it
 * is another vector, or nearer to another text's reference than to its own. Gives the cosines' mean and worst.
 */
export function agreement(name, cases) {
  const least = LEAST_COSINE[SYSTEMS[name].precision];
  const { label } = SYSTEMS[name];
  const cosines = cases.map(({ text, ids, vector, got, gotIds }) => {
    if (gotIds && String(gotIds) !== String(ids)) {
      throw new Error(`${label} reads '${text}' as the tokens ${gotIds}, not ${ids}`);
    }
    if (got.length !== vector.length) throw new Error(`${label} gives ${got.length} numbers, not ${vector.length}`);
    const own = cosine(got, vector);
    if (!(own >= least)) {
      throw new Error(
        `${label} computes something else: a cosine of ${own} to the reference, not ${least}, for '${text}'`,
      );
    }
    for (const other of cases) {
      if (other.text !== text && cosine(got, other.vector) >= own) {
        throw new Error(`${label}: the vector of '${text}' is nearer to that of '${other.text}'`);
      }
    }
    return own;
  });
  return { texts: cases.length, mean: mean(cosines), worst: minimum(cosines) };
}
