// The script of the worker thread that `corom/worker` starts in Node, Deno and Bun.
import { parentPort } from "node:worker_threads";
import { serve } from "./lib/worker/thread.js";
import { Corom, CoromReranker } from "./node.js";

serve({ Corom, CoromReranker }, parentPort);
