// Describes the machine and all versions in the result.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { PACKAGES, PEERS, ROOT } from "./hosts/files.mjs";

// CPU features that decide how fast integer kernels are.
const FLAGS = ["avx2", "avx_vnni", "avx512_vnni", "avx512f", "asimddp"];

export function machine() {
  const [cpu] = os.cpus();
  return {
    cpu: cpu?.model.trim() ?? "unknown",
    cores: os.cpus().length,
    instructions: cpuFlags().filter((flag) => FLAGS.includes(flag)),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    load: os.loadavg().map((x) => Math.round(x * 100) / 100),
  };
}

export function versions() {
  return {
    corom: coromVersion(),
    "onnxruntime-web": packageVersion("onnxruntime-web"),
    "@huggingface/transformers": packageVersion("@huggingface/transformers"),
    "its onnxruntime-web": packageVersion("@huggingface/transformers/node_modules/onnxruntime-web"),
    python: readFileSync(path.join(PEERS, "prepare/requirements.txt"), "utf8")
      .split("\n")
      .filter((line) => /^(numpy|onnx|onnxruntime)==/.test(line)),
  };
}

/** The package's version, the commit, and the binary's size. The binary of the profile `quick` is larger and slower. */
export function coromVersion() {
  const { version } = JSON.parse(readFileSync(path.join(ROOT, "pkg/package.json"), "utf8"));
  const git = (...list) =>
    execFileSync("git", list, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const binary = path.join(ROOT, "pkg/wasm/corom.wasm"); // not built for the native comparison alone
  const result = { version, ...(existsSync(binary) && { binaryBytes: statSync(binary).size }) };
  try {
    result.commit = git("rev-parse", "--short", "HEAD").trim();
    result.changed = git("status", "--porcelain", "--", "src", "pkg", "Cargo.toml", "Cargo.lock").trim() !== "";
  } catch {
    result.commit = process.env.COROM_BENCH_COMMIT ?? "unknown"; // not a checkout
  }
  return result;
}

export function packageVersion(name) {
  return JSON.parse(readFileSync(path.join(PACKAGES, name, "package.json"), "utf8")).version;
}

function cpuFlags() {
  if (!existsSync("/proc/cpuinfo")) return [];
  const line = readFileSync("/proc/cpuinfo", "utf8").match(/^(flags|Features)\s*:\s*(.*)$/m);
  return line ? line[2].split(" ") : [];
}
