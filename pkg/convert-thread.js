// The script of the Web Worker that `corom/convert` starts.
import { binary } from "./lib/convert/binary.js";
import { openFiles } from "./lib/convert/folder-memory.js";
import { serveJobs } from "./lib/convert/thread.js";
import { resolveBinary, resolveUrl } from "./lib/host-web.js";

serveJobs({ resolveBinary, resolveUrl, binaries: { convert: binary }, openFolder: openFiles }, self);
