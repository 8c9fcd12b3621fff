// The library with wgpu as a host: benches/native's program `gpu` runs the models and the shaders.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { timeCell } from "../agent/gpu.mjs";
import { FORMS, OPERATIONS, shaderOf } from "../agent/gpu/peak.mjs";
import { MODELS, WORK, modelParts } from "../hosts/files.mjs";
import { GPU_SYSTEMS } from "../systems.mjs";

const PROGRAM = [process.env.COROM_GPU_BENCH ?? path.join(WORK, "native/release/gpu")];
/** One thread prepares a batch and takes results while that of the other runs. */
const GPU_THREADS = 2;
const WARM_MS = 400;

/** `program` is the program with its arguments. */
export async function nativeHost(program = PROGRAM) {
  return {
    name: "native",
    version: "native, wgpu 30",
    place: (model) => ({ model: modelParts(path.join(MODELS, model)) }),
    agent: async () => nativeAgent(start(program)),
    close: async () => {},
  };
}

function start([program, ...args]) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exited = once(child, "close");
  exited.catch(() => {}); // the line below reports that the program has ended
  child.stdin.on("error", () => {});
  return {
    async ask(...fields) {
      child.stdin.write(`${fields.join("\t")}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${program} ended early at '${fields.slice(0, 2).join(" ")}' (its message is above)`);
      const answer = JSON.parse(value);
      if (answer?.error) throw new Error(answer.error);
      return answer;
    },
    async close() {
      child.stdin.end();
      await exited.catch(() => {});
    },
  };
}

/** Returns an agent that has the calls of agent/agent.mjs that the GPU part uses. */
function nativeAgent(program) {
  const texts = (inputs) => inputs.map(({ text }) => text);
  const calls = {
    gpuAdapter: () => program.ask("adapter"),
    async gpuPeak(rounds, sampleMs) {
      let best = { best: 0 };
      for (const [form, text] of Object.entries(FORMS)) {
        const samples = await program.ask("peak", fileOf("peak", shaderOf(text)), OPERATIONS, sampleMs, rounds);
        if (Math.max(...samples) > best.best) best = { best: Math.max(...samples), samples, form };
      }
      return best;
    },
    async gpuProduct({ code, tile }, size, rounds) {
      const samples = await program.ask("product", fileOf("product", code), tile, size, rounds);
      return { best: Math.max(...samples), samples };
    },
    async open(place, names) {
      const facts = {};
      for (const name of names) {
        const { isGpu, settings } = GPU_SYSTEMS[name];
        const threads = isGpu ? GPU_THREADS : settings.threads || os.availableParallelism();
        facts[name] = await program.ask("open", name, place.model[settings.files], isGpu ? "gpu" : "cpu", settings.options.quality, threads);
      }
      return facts;
    },
    async vectors(name, inputs, batch = 1) {
      const rows = [];
      for (let at = 0; at < inputs.length; at += batch) {
        rows.push(...(await program.ask("vectors", name, ...texts(inputs.slice(at, at + batch)))));
      }
      return rows;
    },
    tokenIds: (name, list) => program.ask("ids", name, ...list),
    fallbackOf: (name) => program.ask("fallback", name),
    cell(names, sizes, vocabulary) {
      const ways = names.map((name) => ({ name, time: (inputs) => program.ask("embed", name, ...texts(inputs)) }));
      return timeCell(ways, { warmMs: WARM_MS, ...sizes }, vocabulary);
    },
  };
  return { call: async (method, ...list) => calls[method](...list), close: () => program.close() };
}

function fileOf(name, code) {
  const file = path.join(WORK, `${name}.wgsl`);
  mkdirSync(WORK, { recursive: true });
  writeFileSync(file, code);
  return file;
}
