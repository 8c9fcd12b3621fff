// Reads the command line of `./build.sh bench --gpu`.
import { parseArgs } from "node:util";
import { UsageError } from "../options.mjs";
import { GPU_SYSTEMS } from "../systems.mjs";

const ADAPTERS = ["swiftshader", "system"];
const HOSTS = ["chromium", "node", "native"];
const MODELS = ["tiny", "m3e-small", "base"];
export const GPU_USAGE = `./build.sh bench --gpu [--quick] [--adapter ${ADAPTERS.join("|")}] [--host ${HOSTS.join("|")}] [--models ${MODELS.join(",")}] [--systems A,B…] [--rounds N] [--limit SECONDS] [--minutes N] [--device-only] [--test-profile] [--save]

  --quick     few rounds, and sizes whose calls take at most 4 s
  --adapter   swiftshader: the GPU that Chromium emulates on the processor, whose times are recorded
              and not judged (default); system: the machine's own GPU
  --host      chromium (default); node: with Dawn, the npm package 'webgpu'; native: the library
              with wgpu, without peers. Their --adapter swiftshader is the one in Chromium's folder
  --models    tiny (BERT-tiny's shape), m3e-small, base (default: tiny on swiftshader; otherwise
              m3e-small, and without --quick also base)
  --systems   ${Object.keys(GPU_SYSTEMS).join(", ")}
  --rounds    the most rounds per size; every system has one turn per round
  --limit     a system whose call takes longer is left out of that size and of larger ones
  --minutes   leaves out the sizes that have not begun then (default: no limit)
  --device-only    measure the peak and the product, and no models
  --test-profile   measure binaries that are quicker to build, but larger and slower
  --save      write the table and every sample to benches/results`;

const FULL = { rounds: 15, limitMs: 20_000, budgetMs: 60_000, checks: 10 };
const QUICK = { rounds: 5, limitMs: 4_000, budgetMs: 12_000, checks: 5 };

/** The sizes of the table: texts per call, tokens per text. */
export const TEXTS = [1, 16, 64, 256];
export const TOKENS = [16, 32, 128];

export function gpuOptionsFrom(argv) {
  const { values } = parsed(argv);
  const adapter = listed(values.adapter, "--adapter", ADAPTERS)?.[0] ?? "swiftshader";
  const onOwnGpu = values.quick ? ["m3e-small"] : ["m3e-small", "base"];
  const options = {
    ...(values.quick ? QUICK : FULL),
    quick: values.quick,
    save: values.save,
    testProfile: values["test-profile"],
    adapter,
    host: listed(values.host, "--host", HOSTS)?.[0] ?? "chromium",
    models: listed(values.models, "--models", MODELS) ?? (adapter === "swiftshader" ? ["tiny"] : onOwnGpu),
    systems: listed(values.systems, "--systems", Object.keys(GPU_SYSTEMS)) ?? Object.keys(GPU_SYSTEMS),
  };
  const rounds = number(values.rounds, "--rounds");
  const limit = number(values.limit, "--limit");
  const minutes = number(values.minutes, "--minutes");
  if (rounds) options.rounds = rounds;
  if (limit) options.limitMs = 1000 * limit;
  if (values["device-only"]) options.models = [];
  if (minutes) options.minutes = minutes;
  return options;
}

function parsed(argv) {
  const boolean = { type: "boolean", default: false };
  const string = { type: "string" };
  try {
    return parseArgs({
      args: argv,
      options: {
        gpu: boolean,
        quick: boolean,
        save: boolean,
        "test-profile": boolean,
        "device-only": boolean,
        adapter: string,
        host: string,
        models: string,
        systems: string,
        rounds: string,
        limit: string,
        minutes: string,
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

function number(text, flag) {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`${flag} takes a number from 1, not '${text}'`);
  return Number(text);
}
