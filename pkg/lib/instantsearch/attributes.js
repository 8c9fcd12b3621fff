// The attributes of a catalog that a request names.
import { invalid } from "../errors.js";
import { nearestName } from "../option-names.js";

/** Returns the attribute of a name. */
export function attributeOf(name, attributes, where) {
  const found = attributes.find((attribute) => attribute.name === name);
  if (found !== undefined) return found;
  const names = attributes.map((attribute) => attribute.name);
  const nearest = nearestName(name, names);
  const next = nearest === undefined ? `the attributes are ${names.join(", ") || "none"}` : `did you mean ${nearest}?`;
  throw invalid(`params.${where}: "${name}" is no attribute of the catalog; ${next}`);
}
