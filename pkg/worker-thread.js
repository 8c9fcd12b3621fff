// The script of the Web Worker that `corom/worker` starts.
import { Corom, CoromReranker } from "./browser.js";
import { serve } from "./lib/worker/thread.js";

serve({ Corom, CoromReranker }, self);
