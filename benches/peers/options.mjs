// Reads the command line.
import { parseArgs } from "node:util";
import { SYSTEMS } from "./systems.mjs";

export const PARTS = ["base", "m3e", "catalog", "workers", "rerank", "search", "kernels", "native"];
export const HOSTS = ["chromium", "node"];
export const USAGE = `./build.sh bench [--quick] [--only ${PARTS.join("|")}] [--rounds N] [--host ${HOSTS.join("|")}] [--systems A,B…] [--own] [--real N]
                    [--test-profile] [--save]

  --quick     m3e-small only, few rounds, a small catalog: minutes instead of an hour; its bars are hints
  --only      parts, separated by commas; base and m3e are latency, load and memory of those
              models; workers is m3e-small's catalog with 1 and 2 workers;
              rerank is 20 pairs through a reranker of BERT-base's shape;
              search is corom/search beside other searches in a page, with a million vectors: 4 GB in target/bench;
              native is the library's throughput beside native onnxruntime
  --rounds    rounds per measurement; every system has one turn per round (15)
  --host      the host (default: both)
  --systems   ${Object.keys(SYSTEMS).join(", ")}
  --own       search: corom/search without the others
  --real      search: titles that m3e-small embeds, in tens of thousands (100000); the cache keeps their vectors.
              10,000 take 2 to 4 minutes of one core
  --save      write a copy of the result and of the machine's description to benches/results
  --test-profile   measure the binary that is quicker to build, but larger and slower
  --gpu       the GPU back end beside onnxruntime-web's WebGPU provider instead; --gpu --help: its options`;

const FULL = { rounds: 15, loads: 15, titles: 1000, accuracy: 300, endurance: 20_000, workerRounds: 7, searchRounds: 5, sizes: ["real-10k", "random-10k", "real-100k", "random-100k", "random-1m"], models: ["base", "m3e-small"] };
const QUICK = { rounds: 5, loads: 2, titles: 128, accuracy: 60, endurance: 2_000, workerRounds: 3, searchRounds: 3, sizes: ["random-10k"], models: ["m3e-small"] };
const NOT_QUICK = ["rerank", "search", "native"];
/** The minimum number of rounds for a verdict on a bar. */
export const ROUNDS_THAT_COUNT = 15;

export class UsageError extends Error {}

export function optionsFrom(argv) {
  const { values } = parsed(argv);
  const options = {
    ...(values.quick ? QUICK : FULL),
    quick: values.quick,
    save: values.save,
    testProfile: values["test-profile"],
    own: values.own,
  };
  options.parts = listed(values.only, "--only", PARTS) ?? PARTS.filter((part) => !values.quick || !NOT_QUICK.includes(part));
  options.hosts = listed(values.host, "--host", HOSTS) ?? HOSTS;
  options.systems = listed(values.systems, "--systems", Object.keys(SYSTEMS)) ?? Object.keys(SYSTEMS);
  if (values.quick && options.parts.length === 1 && options.parts[0] === "base") {
    throw new UsageError("--quick leaves the base model out, so --only base would measure nothing");
  }
  if (values.rounds !== undefined) {
    if (!/^[1-9]\d{0,3}$/.test(values.rounds))
      throw new UsageError(`--rounds takes a number from 1, not '${values.rounds}'`);
    options.rounds = options.loads = Number(values.rounds);
  }
  if (values.real !== undefined && !/^([1-9]|10)0000$/.test(values.real)) {
    throw new UsageError(`--real takes tens of thousands up to 100000, not '${values.real}'`);
  }
  return options;
}

function parsed(argv) {
  try {
    return parseArgs({
      args: argv,
      options: {
        quick: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        "test-profile": { type: "boolean", default: false },
        only: { type: "string" },
        rounds: { type: "string" },
        host: { type: "string" },
        own: { type: "boolean", default: false },
        real: { type: "string" },
        systems: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function listed(text, flag, allowed) {
  if (text === undefined) return undefined;
  const list = text.split(",");
  const wrong = list.filter((name) => !allowed.includes(name));
  if (wrong.length > 0) throw new UsageError(`${flag} takes ${allowed.join(", ")}, not '${wrong.join(",")}'`);
  return allowed.filter((name) => list.includes(name));
}

/** Returns the hosts to measure in: none for the native comparison alone. */
export const hostsWanted = ({ hosts, parts }) => (parts.some((part) => part !== "native") ? hosts : []);

/** Returns the names of the models that must be prepared. */
export function modelsPrepared(options) {
  const wanted = modelsWanted(options).map(({ model }) => model);
  return options.models.filter((model) => wanted.includes(model) || options.parts.includes("native"));
}

/** Returns the models to measure, and which parts of each. */
export function modelsWanted({ models, parts }) {
  const wants = models.map((model) => ({
    model,
    latency: parts.includes(model === "base" ? "base" : "m3e"),
    catalog: parts.includes("catalog"),
    workers: parts.includes("workers") && model === "m3e-small",
  }));
  return wants.filter(({ latency, catalog, workers }) => latency || catalog || workers);
}
