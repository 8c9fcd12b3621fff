// Writes the Markdown of a saved result again:  node benches/peers/gpu/render.mjs benches/results/<date>-gpu-<adapter>.json
import { readFileSync, writeFileSync } from "node:fs";
import { gpuBars, gpuReport } from "./report.mjs";

for (const file of process.argv.slice(2)) {
  const result = JSON.parse(readFileSync(file, "utf8"));
  result.bars = gpuBars(result.device, result.models);
  writeFileSync(file.replace(/\.json$/, ".md"), gpuReport(result));
}
