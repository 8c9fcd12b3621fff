// Loads of the same model in several workers. Of the loads that run at the same time, the first one reads the source;
// the others wait for it, and then load the files and the compiled WebAssembly module that it hands on.

export class SharedLoad {
  #message;
  #isShared;
  #first; // promise of what the first of the running loads hands on

  /** `message` is the message `load` of a worker (see connection.js). `isShared`: there are several workers. */
  constructor(message, { isShared }) {
    this.#message = message;
    this.#isShared = isShared;
  }

  /** Loads the model with `ask(message)`, which asks a worker. Returns the worker's answer. */
  async run(ask) {
    if (!this.#isShared) return ask(this.#message);
    while (this.#first) {
      const handed = await this.#first.catch(() => undefined); // it failed: another one becomes the first
      if (handed) return ask(followingMessage(this.#message, handed));
    }
    const source = inBlobs(this.#message.source);
    let handOn;
    let fail;
    this.#first = new Promise((resolve, reject) => ([handOn, fail] = [resolve, reject]));
    this.#first.catch(() => {}); // a rejection that nobody waits for must not be reported as unhandled
    try {
      const answer = await ask({ ...this.#message, source, handsOn: true });
      if (answer.error) throw answer.error;
      const { handed, ...value } = answer.value;
      handOn({ source, ...handed });
      return { ...answer, value };
    } catch (error) {
      fail(error);
      throw error;
    } finally {
      this.#first = undefined; // what was handed on is not kept
    }
  }
}

/** Returns a serialized source with its bytes in Blobs: each worker would get a copy of bytes at the same time. */
function inBlobs(source) {
  const kind = ["object", "map"].find((name) => source[name] !== undefined);
  if (!kind) return source;
  const files = source[kind].map(([path, file]) => {
    const hasBytes = ArrayBuffer.isView(file.value) && file.value.byteLength > 0; // not of a detached buffer
    return [path, hasBytes ? { file: { blob: new Blob([file.value]) } } : file];
  });
  return { [kind]: files };
}

/** Returns the message of a load that follows: with the files instead of the source, if they were transferred. */
function followingMessage({ name, options }, { source, files, module, model }) {
  const replaced = module === undefined ? [] : [["wasm", { value: module }]]; // a module for the GPU is not handed on
  if (model !== undefined) replaced.push(["model", { value: model }]);
  const names = replaced.map(([option]) => option);
  const kept = options.object.filter(([option]) => !names.includes(option));
  return {
    name,
    source: files ? { map: files.map(([path, blob]) => [path, { file: { blob } }]) } : source,
    options: { object: [...kept, ...replaced] },
    isQuiet: true,
  };
}
