// UTF-8. Test environments such as jsdom under Jest hide the classes for it; then they are taken from Node.

const classOf = (name) => globalThis[name] ?? globalThis.process?.getBuiltinModule?.("util")[name];

/** Returns the classes TextEncoder and TextDecoder. */
export const textClasses = () => ({ TextEncoder: classOf("TextEncoder"), TextDecoder: classOf("TextDecoder") });

export const encodeText = (text) => new (classOf("TextEncoder"))().encode(text);
export const decodeText = (bytes) => new (classOf("TextDecoder"))().decode(bytes);
