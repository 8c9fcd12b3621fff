#!/usr/bin/env node
// The command `corom`, for `npx corom`: converts a model, embeds and ranks texts, serves the demo page.
import { main } from "../lib/cli/main.js";

process.exitCode = await main(process.argv.slice(2));
