// The script of the Web Worker that `corom/worker` starts.
import { Corom } from "./browser.js";
import { serve } from "./lib/worker/thread.js";

serve(Corom, self);
