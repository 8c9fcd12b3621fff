// Measures the kernels alone (benches/kernels) in one host.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { ROOT, WORK } from "./hosts/files.mjs";

const BENCH = path.join(ROOT, "benches/kernels/bench.mjs");
/** The shapes that --quick measures: one Linear and one model. */
const FEW = " (16x768x3072|16 tokens)$";

export function measureKernels(host, { quick, chromium, say }) {
  const run = (variant, ...list) => {
    const file = path.join(WORK, "kernels", `${variant}.wasm`);
    const inBrowser = host.name === "chromium" ? ["--chromium", chromium] : [];
    execFileSync(process.execPath, [...nodeFlags(host, variant), BENCH, file, ...list, ...inBrowser], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  };
  say("kernels: the golden hashes");
  run("plain", "--golden");
  const results = [];
  let passing;
  // The exact kernels are measured in the plain build, because that ships to hosts without relaxed SIMD.
  for (const variant of ["plain", "relaxed"]) {
    say(`kernels: ${variant}`);
    const only = `${variant === "plain" ? "" : "relaxed.*"}${quick ? FEW : ""}` || ".";
    const json = path.join(WORK, "kernels", `${variant}.json`);
    run(variant, ...(variant === "relaxed" ? ["--relaxed"] : []), "--only", only, "--json", json);
    const { result } = JSON.parse(readFileSync(json, "utf8"));
    results.push(...result.results);
    passing = result.passing;
  }
  return { passing, results };
}

// Node 20 and 21 have relaxed SIMD behind a flag.
function nodeFlags(host, variant) {
  const behind = host.name === "node" && Number(process.versions.node.split(".")[0]) < 22;
  return behind && variant === "relaxed" ? ["--experimental-wasm-relaxed-simd"] : [];
}
