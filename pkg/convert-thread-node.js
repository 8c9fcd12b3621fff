// The script of the worker thread that `corom/convert` starts in Node, Deno and Bun.
import { parentPort } from "node:worker_threads";
import { binary } from "./lib/convert/binary.js";
import { openFolder } from "./lib/convert/folder-disk.js";
import { serveJobs } from "./lib/convert/thread.js";
import { readLocal, resolveBinary, resolveUrl } from "./lib/host-node.js";

serveJobs({ readLocal, resolveBinary, resolveUrl, binaries: { convert: binary }, openFolder }, parentPort);
