// `corom/convert-thread` is the script of the worker that `corom/convert` starts, for bundlers. It exports nothing.
export {};
