// Objects with getters in Node's console.

/** Lets `console.log` of Node, Deno and Bun print the values of an object's getters. Returns the object. */
export function printGetters(object) {
  return Object.defineProperty(object, Symbol.for("nodejs.util.inspect.custom"), { value: () => ({ ...object }) });
}
