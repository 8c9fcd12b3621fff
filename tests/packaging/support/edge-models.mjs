// Models that edge hosts serve, made by the converter: m3e-small with int8 weights, and one of BERT-base's shape, which
// is CoROM's, with int4 weights. The second one has random weights; its checkpoint of 400 MB is deleted afterwards.
import { copyFileSync, createWriteStream, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import path from "node:path";
import { finished } from "node:stream/promises";
import { ROOT, WORKSPACE } from "./places.mjs";
import { output } from "./programs.mjs";

const CONFIG = {
  model_type: "bert",
  hidden_act: "gelu",
  hidden_size: 768,
  intermediate_size: 3072,
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  type_vocab_size: 2,
  vocab_size: 21128, // of bert-base-chinese, whose tokenizer m3e-small has
};

/** Converts m3e-small to int8. Returns the folder. */
export function m3eInt8() {
  const checkpoint = process.env.COROM_M3E_CHECKPOINT;
  if (checkpoint && existsSync(path.join(checkpoint, "config.json"))) return convert("m3e-small", checkpoint, "int8", "mean");
  throw new Error("COROM_M3E_CHECKPOINT must name the folder of m3e-small's checkpoint: run ./build.sh test hosts");
}

/** Converts a random model of BERT-base's shape to int4. Returns the folder. */
export async function baseInt4() {
  const checkpoint = path.join(WORKSPACE, "base-checkpoint");
  await writeCheckpoint(checkpoint);
  const folder = convert("base", checkpoint, "int4", "cls");
  rmSync(checkpoint, { recursive: true });
  return folder;
}

function convert(name, checkpoint, dtype, pooling) {
  const folder = path.join(WORKSPACE, `${name}-${dtype}`);
  const [program, ...first] = converter();
  output(program, [...first, "convert", checkpoint, folder, "--dtype", dtype, "--pooling", pooling], { cwd: ROOT });
  return folder;
}

/** Returns the command line of the native command: COROM_CLI, or cargo. */
function converter() {
  if (process.env.COROM_CLI) return [process.env.COROM_CLI];
  return ["cargo", "run", "--quiet", "--locked", "--features", "cli,columnar", "--"];
}

/** Returns the name and shape of every tensor of a BERT encoder without its pooler. */
function shapes({ hidden_size: hidden, intermediate_size: wide, ...config }) {
  const linear = (name, inputs, outputs) => [[`${name}.weight`, [outputs, inputs]], [`${name}.bias`, [outputs]]]; // prettier-ignore
  const norm = (name) => [[`${name}.weight`, [hidden]], [`${name}.bias`, [hidden]]]; // prettier-ignore
  const rows = { word: "vocab_size", position: "max_position_embeddings", token_type: "type_vocab_size" };
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `encoder.layer.${i}`);
  return [
    ...Object.entries(rows).map(([kind, size]) => [`embeddings.${kind}_embeddings.weight`, [config[size], hidden]]),
    ...norm("embeddings.LayerNorm"),
    ...layers.flatMap((layer) => [
      ...["query", "key", "value"].flatMap((part) => linear(`${layer}.attention.self.${part}`, hidden, hidden)),
      ...linear(`${layer}.attention.output.dense`, hidden, hidden),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...linear(`${layer}.intermediate.dense`, hidden, wide),
      ...linear(`${layer}.output.dense`, wide, hidden),
      ...norm(`${layer}.output.LayerNorm`),
    ]),
  ];
}

async function writeCheckpoint(folder) {
  mkdirSync(folder);
  writeFileSync(path.join(folder, "config.json"), JSON.stringify(CONFIG));
  copyFileSync(path.join(process.env.COROM_M3E_CHECKPOINT, "tokenizer.json"), path.join(folder, "tokenizer.json"));

  // safetensors: the header's length, the header, then the tensors in its order.
  const tensors = shapes(CONFIG).map(([name, shape]) => ({ name, shape, count: shape.reduce((a, b) => a * b) }));
  let end = 0;
  const header = tensors.map(({ name, shape, count }) => [
    name,
    { dtype: "F32", shape, data_offsets: [end, (end += count * 4)] },
  ]);
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = createWriteStream(path.join(folder, "model.safetensors"));
  const write = async (bytes) => void (file.write(bytes) || (await once(file, "drain")));
  await write(length);
  await write(json);
  const random = generator(20261124);
  for (const { name, count } of tensors) {
    const mean = /LayerNorm\.weight$/.test(name) ? 1 : 0;
    for (let done = 0; done < count; ) {
      const values = new Float32Array(Math.min(1 << 20, count - done));
      for (let i = 0; i < values.length; i++) values[i] = mean + 0.035 * random();
      await write(new Uint8Array(values.buffer));
      done += values.length;
    }
  }
  file.end();
  await finished(file);
}

/** Returns a generator of numbers from -1 to 1, the same in every run (xorshift). 0.035 times these is BERT's scale. */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
}
