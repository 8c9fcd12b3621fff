// The script of the worker thread that `corom/search-worker` starts in Node, Deno and Bun.
import { parentPort } from "node:worker_threads";
import * as node from "./lib/host-node.js";
import { binary } from "./lib/search/binary.js";
import { serveCatalog } from "./lib/search/thread.js";

serveCatalog({ ...node, searchBinary: binary }, parentPort);
