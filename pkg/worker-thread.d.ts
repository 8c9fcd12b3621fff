// `corom/worker-thread` is a script for a Web Worker, to be bundled; it exports nothing.
export {};
