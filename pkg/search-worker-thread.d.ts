// `corom/search-worker-thread` is the script of the Web Worker, for bundlers. It exports nothing.
export {};
