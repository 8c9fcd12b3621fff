// The script of the Web Worker that `corom/search-worker` starts.
import * as web from "./lib/host-web.js";
import { binary } from "./lib/search/binary.js";
import { serveCatalog } from "./lib/search/thread.js";

serveCatalog({ ...web, searchBinary: binary }, self);
