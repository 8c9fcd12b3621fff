// A model whose graph is not recognized: a load fetches the second binary, and each file of the model once.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { Corom as CoromInWorker } from "corom/worker";
import { createCoromClass } from "../../pkg/lib/entry.js";
import * as node from "../../pkg/lib/host-node.js";
import { Corom, failsWith } from "./support/corom.mjs";
import { faultServer } from "./support/fault-server.mjs";
import { withFolder } from "./support/loading.mjs";
import { madeUpConfig, madeUpOnnx } from "./support/made-up-onnx.mjs";
import { PKG, exportFolder, filesOf } from "./support/paths.mjs";

const TEXTS = ["阔腿裤女冬牛仔", "牛仔裤"];
const SHAPE = { layers: 1, hidden: 96, heads: 3, intermediate: 2048, vocab: 326, positions: 64 };
const ONNX = "onnx/model.onnx";
const SMALL = ["corom.wasm", "corom-relaxed.wasm"];

const files = {
  ...filesOf(exportFolder("legacy-op17"), ["tokenizer.json"]),
  "config.json": Buffer.from(madeUpConfig(SHAPE)),
};
const recognized = Buffer.from(await madeUpOnnx(SHAPE).arrayBuffer());
files[ONNX] = withoutGelu(recognized);

/** Returns the file with the operator Abs in place of Erf: an activation that no BERT has. */
function withoutGelu(onnx) {
  const changed = Buffer.from(onnx);
  const operator = (name) => Buffer.concat([Buffer.from([0x22, name.length]), Buffer.from(name)]); // op_type, field 4
  const at = changed.indexOf(operator("Erf"));
  assert.ok(at > 0 && changed.indexOf(operator("Erf"), at + 1) < 0, "one layer has one Erf");
  operator("Abs").copy(changed, at);
  return changed;
}

const moduleOf = (file) => WebAssembly.compile(readFileSync(path.join(PKG, "wasm", file)));

/** Loads a model. Returns its vectors, `info`, and the events of the load. */
async function loadAndEmbed(source, options = {}, Class = Corom) {
  const events = [];
  const corom = await Class.load(source, { pooling: "cls", ...options, onProgress: (event) => events.push(event) });
  try {
    const vectors = [...(await corom.embed(TEXTS)).data];
    return { vectors, info: corom.info, events, binaries: binariesOf(events) };
  } finally {
    await corom.free();
  }
}

/** Returns the binaries that a load asked for, in order. */
const binariesOf = (events) => [...new Set(events.filter(({ phase }) => phase === "wasm").map(({ file }) => file))];

let server;
let expected;
/** Modules, so that no other test's module is compiled anew or found compiled. */
const held = [];
before(async () => {
  server = await faultServer(files);
  held.push(await moduleOf("corom.wasm"), await moduleOf("corom-unfused.wasm"));
  const { vectors, info } = await loadAndEmbed(files);
  assert.deepEqual([info.fused, info.backend, info.kernel], [false, "cpu (tract)", "tract"]);
  assert.ok(vectors.every(Number.isFinite) && new Set(vectors).size > 100);
  expected = vectors;
});
after(() => server.close());
beforeEach(() => {
  server.take();
  Object.assign(server, { files, fault: undefined });
});

/** Returns how often each file was sent. */
const sent = () =>
  server.take().reduce((counts, { name, status }) => {
    return status === 200 ? { ...counts, [name]: (counts[name] ?? 0) + 1 } : counts;
  }, {});
const ONCE = { "config.json": 1, "tokenizer.json": 1, [ONNX]: 1 };

describe("Corom.load of a graph that is not recognized", () => {
  test("gets each file from the server once, and progress never goes back", async () => {
    const { vectors, info, events } = await loadAndEmbed(server.address);
    assert.deepEqual(vectors, expected);
    assert.deepEqual([info.fused, info.simd], [false, "plain"]);
    assert.deepEqual(sent(), ONCE);
    const loaded = events.filter(({ phase }) => phase === "download").map((event) => event.loaded);
    assert.ok(loaded.every((bytes, i) => i === 0 || bytes >= loaded[i - 1]), "progress never goes back");
    assert.equal(loaded.at(-1), Object.values(files).reduce((sum, { length }) => sum + length, 0));
  });

  test("takes the files from the cache for the second binary", () =>
    withFolder(async (cacheDir) => {
      const { vectors, events } = await loadAndEmbed(server.address, { cacheDir });
      assert.deepEqual(vectors, expected);
      // The server is asked for the version once more. The bytes come from the cache.
      const ofOnnx = events.filter(({ file }) => file === ONNX).map(({ phase }) => phase);
      const firstVerified = ofOnnx.indexOf("verify");
      assert.ok(firstVerified > 0 && !ofOnnx.includes("download", firstVerified), ofOnnx.join());
      assert.deepEqual((await loadAndEmbed(server.address, { cacheDir })).vectors, expected);
    }));

  test("goes on after broken connections in either binary", async () => {
    server.fault = ({ count }) => (count === 0 ? { cut: 100 } : undefined);
    assert.deepEqual((await loadAndEmbed(server.address, { retries: 3 })).vectors, expected);
  });

  test("works in a worker", async () => {
    const { vectors, info } = await loadAndEmbed(server.address, {}, CoromInWorker);
    assert.deepEqual(vectors, expected);
    assert.equal(info.fused, false);
    assert.deepEqual(sent(), ONCE);
  });

  test("stops when it is aborted between the two binaries", async () => {
    const controller = new AbortController();
    const reason = new Error("no longer wanted");
    const unfused = () => {
      controller.abort(reason);
      return new URL("../../pkg/wasm/corom-unfused.wasm", import.meta.url);
    };
    const Class = classWith({ plain: urlOf("corom.wasm"), unfused });
    const load = Class.load(server.address, { pooling: "cls", signal: controller.signal });
    await assert.rejects(load, (error) => error === reason);
  });
});

const urlOf = (file) => () => new URL(`../../pkg/wasm/${file}`, import.meta.url);
const classWith = (binaries) => createCoromClass({ ...node, binaries });

describe("corom-unfused.wasm", () => {
  test("is fetched only for a graph that is not recognized, or with advanced.fused false", async () => {
    const binaries = { plain: urlOf("corom.wasm"), relaxed: urlOf("corom-relaxed.wasm"), unfused: urlOf("corom-unfused.wasm") };
    const fused = { ...files, [ONNX]: recognized };
    const first = await loadAndEmbed(fused, {}, classWith({ ...binaries }));
    assert.equal(first.info.fused, true);
    assert.ok(first.binaries.length === 1 && SMALL.includes(first.binaries[0]), `${first.binaries}`);
    const second = await loadAndEmbed(files, {}, classWith(freshly(binaries)));
    assert.deepEqual([second.binaries.length, second.binaries[1]], [2, "corom-unfused.wasm"]);
    const third = await loadAndEmbed(fused, { advanced: { fused: false } }, classWith(freshly(binaries)));
    assert.deepEqual(third.binaries, ["corom-unfused.wasm"]);
    assert.equal(third.info.fused, false);
  });

  test("gives NEEDS_UNFUSED with the reason if it cannot be loaded", async () => {
    const Class = classWith({ plain: urlOf("corom.wasm"), unfused: urlOf("missing.wasm") });
    const error = await failsWith("NEEDS_UNFUSED", Class.load(files), "corom-unfused.wasm", "missing.wasm", "as wasm");
    assert.equal(error.cause?.code, "FETCH_FAILED");
    await failsWith("NEEDS_UNFUSED", Class.load(files, { advanced: { fused: false } }), "missing.wasm");
  });

  test("gives NEEDS_UNFUSED where an entry does not contain it", async () => {
    const Class = classWith({ plain: urlOf("corom.wasm") });
    await failsWith("NEEDS_UNFUSED", Class.load(files), "this entry of corom does not contain", "pass corom/corom-unfused.wasm as wasm");
    await failsWith("NEEDS_UNFUSED", Class.load(server.address, { advanced: { fused: false } }), "not contain");
  });

  test("runs every model when it is passed as wasm", async () => {
    const [plain, unfused] = held;
    await failsWith("NEEDS_UNFUSED", Corom.load(files, { wasm: plain }), "the module given as wasm is another one");
    assert.deepEqual((await loadAndEmbed(files, { wasm: unfused })).vectors, expected);
    const { info } = await loadAndEmbed({ ...files, [ONNX]: recognized }, { wasm: unfused });
    assert.equal(info.fused, true);
  });
});

/** Returns new functions: compiled modules are held by function. */
const freshly = (binaries) => Object.fromEntries(Object.entries(binaries).map(([kind, url]) => [kind, () => url()]));

describe("a tokenizer with regular expressions", () => {
  const WHITESPACE = { type: "Whitespace" };
  const DIGITS = { type: "Replace", pattern: { Regex: "[0-9]+" }, content: "9" };
  const tokenizer = JSON.parse(new TextDecoder().decode(files["tokenizer.json"]));
  const withTokenizer = (changes) => ({
    ...files,
    [ONNX]: recognized,
    // Otherwise transformers, and corom, make a BERT's parts of the vocabulary.
    "tokenizer_config.json": Buffer.from('{ "tokenizer_class": "PreTrainedTokenizerFast" }'),
    "tokenizer.json": Buffer.from(JSON.stringify({ ...tokenizer, ...changes(tokenizer) })),
  });
  const after = (normalizer) => ({ normalizer: { type: "Sequence", normalizers: [tokenizer.normalizer, normalizer] } });
  const all = { plain: urlOf("corom.wasm"), unfused: urlOf("corom-unfused.wasm") };
  const idsOf = (corom, text) => corom.tokenize(text).then(({ tokens }) => tokens.slice(1, -1));

  test("fetches the second binary, and runs the graph fused there", async () => {
    for (const changes of [() => ({ pre_tokenizer: WHITESPACE }), () => after(DIGITS)]) {
      const { info, binaries } = await loadAndEmbed(withTokenizer(changes), {}, classWith(freshly(all)));
      assert.deepEqual([info.fused, binaries], [true, ["corom.wasm", "corom-unfused.wasm"]]);
    }
    const corom = await Corom.load(withTokenizer(() => after(DIGITS)), { pooling: "cls" });
    assert.deepEqual(await idsOf(corom, "12 345"), await idsOf(corom, "9 9"));
    corom.free();
  });

  test("stays in the first binary with GPT-2's expression and with literal texts", async () => {
    const bytes = { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true };
    const literal = { type: "Replace", pattern: { String: "a" }, content: "b" };
    const spaces = { type: "Replace", pattern: { Regex: " {2,}" }, content: " " };
    for (const changes of [() => ({ pre_tokenizer: bytes }), () => after(literal), () => after(spaces)]) {
      const { binaries } = await loadAndEmbed(withTokenizer(changes), {}, classWith(freshly(all)));
      assert.deepEqual(binaries, ["corom.wasm"]);
    }
  });

  test("is rejected with the reason where the second binary is missing", async () => {
    const Class = classWith({ plain: urlOf("corom.wasm") });
    const rejected = (changes, ...words) => failsWith("NEEDS_UNFUSED", Class.load(withTokenizer(changes), { pooling: "cls" }), "regular expressions")
      .then(({ cause }) => words.forEach((word) => assert.match(cause.message, word)));
    await rejected(() => ({ pre_tokenizer: WHITESPACE }), /pre_tokenizer "Whitespace"/);
    await rejected(() => after(DIGITS), /normalizer "Replace"/);
    const [content, id] = Object.entries(tokenizer.model.vocab).at(-1);
    const word = { id, content, single_word: true, lstrip: false, rstrip: false, normalized: true, special: false };
    await rejected(({ added_tokens }) => ({ added_tokens: [...added_tokens, word] }), /single_word/);
  });
});
