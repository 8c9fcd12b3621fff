// Writes the catalog for prepare/reference.py:  node write-titles.mjs FILE
import { writeFileSync } from "node:fs";
import { catalog } from "./catalog.mjs";

const TITLES = 1000;
writeFileSync(process.argv[2], JSON.stringify(catalog(TITLES)));
