// Corom.load of damaged and wrong models and from failing servers: each rejects with its code, and a model that was
// loaded before still works.
import assert from "node:assert/strict";
import path from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { Corom, assertClose, failsWith, random } from "./support/corom.mjs";
import { EXACT } from "./support/loading.mjs";
import { withManifest as converted } from "./support/manifest.mjs";
import { FIXTURES, MODEL_FILES, exportFolder, filesOf, fixtureNames, golden, readJson } from "./support/paths.mjs";
import { fromFiles, serveWith } from "./support/server.mjs";

const FOLDER = exportFolder("legacy-op14");
const FILES = filesOf(FOLDER, MODEL_FILES);
const GOLDEN = golden("legacy-op14");
const OPTIONS = { ...EXACT, pooling: "cls", maxLength: GOLDEN.max_length };
const withManifest = (changes) => converted(FOLDER, changes);

// Loaded before the failures; its vectors are checked after each test.
let corom;
before(async () => (corom = await Corom.load(FOLDER, OPTIONS)));
afterEach(async () => assertClose((await corom.embed(GOLDEN.texts)).data, GOLDEN.vectors.cls.flat(), GOLDEN.tolerance));
after(() => corom.free());

const DAMAGED = [
  "INVALID_MODEL",
  "NOT_A_MODEL",
  "UNSUPPORTED_MODEL",
  "UNSUPPORTED_OPERATOR",
  "TOKENIZER_MISMATCH",
  "MISSING_FILE",
];

describe("Corom.load of a damaged ONNX file", () => {
  const onnx = FILES["model.onnx"];

  test("rejects a truncated file, or gives the right vectors if only ignored bytes are missing", async () => {
    const next = random(1);
    const cuts = [0, 1, 2, 3, 5, 8, 16, 32, 64, onnx.length - 1, onnx.length - 2, onnx.length - 8];
    while (cuts.length < 60) cuts.push(Math.floor(next() * onnx.length));
    let rejected = 0;
    for (const cut of cuts)
      rejected += await isRejectedOrCorrect({ ...FILES, "model.onnx": onnx.subarray(0, cut) }, DAMAGED, `cut at ${cut}`);
    assert.ok(rejected >= cuts.length - 3, `only ${rejected} of ${cuts.length} cuts were rejected`);
  });

  test("loads or rejects a file with changed bytes, and never crashes", async () => {
    const next = random(2);
    for (let i = 0; i < 60; i++) {
      const changed = onnx.slice();
      for (let n = 0; n < 1 + (i % 4); n++) changed[Math.floor(next() ** 3 * onnx.length)] = Math.floor(next() * 256);
      await loadsOrFails({ ...FILES, "model.onnx": changed }, DAMAGED, `change ${i}`);
    }
  });

  test("rejects random bytes, zeros and an empty file", async () => {
    const next = random(3);
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(4096),
      Uint8Array.from({ length: 4096 }, () => Math.floor(next() * 256)),
    ]) {
      await failsWith(["INVALID_MODEL", "NOT_A_MODEL"], Corom.load({ ...FILES, "model.onnx": bytes }));
    }
  });

  test("rejects a shard that is missing, too short, or outside the folder", async () => {
    const names = [...MODEL_FILES, "model.onnx_data", "model.onnx_data_1", "model.onnx_data_2"];
    const sharded = filesOf(exportFolder("external-shards"), names);
    const { "model.onnx_data_1": shard, ...without } = sharded;
    await failsWith("MISSING_FILE", Corom.load(without), "model.onnx_data_1");
    await failsWith(
      ["INVALID_MODEL", "INTEGRITY_MISMATCH"],
      Corom.load({ ...without, "model.onnx_data_1": shard.subarray(0, 100) }),
      "model.onnx_data_1",
    );
    const outside = replaced(sharded["model.onnx"], "model.onnx_data_1", "../../../../a/b/c");
    await failsWith(
      ["INVALID_MODEL", "UNSUPPORTED_MODEL"],
      Corom.load({ ...sharded, "model.onnx": outside, "../../../../a/b/c": shard }),
    );
    const server = await serveWith(fromFiles(without));
    await failsWith("MISSING_FILE", Corom.load(server.address), "model.onnx_data_1");
    await server.close();
  });
});

describe("Corom.load of the wrong model", () => {
  for (const name of fixtureNames("refused")) {
    const folder = path.join(FIXTURES, "refused", name);
    const expected = readJson(path.join(folder, "expect.json"));
    test(`rejects with ${expected.code}: ${expected.about}`, async () => {
      await failsWith(expected.code, Corom.load(folder), ...expected.message_contains);
    });
  }

  test("rejects the tokenizer of another vocabulary with TOKENIZER_MISMATCH", async () => {
    const { "tokenizer.json": other } = filesOf(path.join(FIXTURES, "refused/bigger-tokenizer"), ["tokenizer.json"]);
    const small = filesOf(path.join(FIXTURES, "refused/bigger-tokenizer"), ["config.json", "model.onnx"]);
    await failsWith("TOKENIZER_MISMATCH", Corom.load({ ...small, "tokenizer.json": other }));
  });

  test("rejects missing files and files of another kind, and names the file", async () => {
    for (const name of ["config.json", "tokenizer.json", "model.onnx"]) {
      const { [name]: _, ...rest } = FILES;
      await failsWith("MISSING_FILE", Corom.load(rest), name === "model.onnx" ? "onnx" : name);
    }
    await failsWith("INVALID_CONFIG", Corom.load({ ...FILES, "config.json": "{" }), "config.json");
    await failsWith("INVALID_CONFIG", Corom.load({ ...FILES, "config.json": "[]" }), "config.json");
    await failsWith("INVALID_TOKENIZER", Corom.load({ ...FILES, "tokenizer.json": "{}" }), "tokenizer.json");
    await failsWith("INVALID_TOKENIZER", Corom.load({ ...FILES, "tokenizer.json": "阔腿裤" }), "tokenizer.json");
    await failsWith("MISSING_FILE", Corom.load(FIXTURES));
    await failsWith("MISSING_FILE", Corom.load(path.join(FOLDER, "config.json")), "is a file");
    await failsWith("MISSING_FILE", Corom.load(path.join(FOLDER, "other.onnx")), "other.onnx");
  });

  test("rejects a pooling that the graph cannot compute with UNSUPPORTED_POOLING", async () => {
    await failsWith("UNSUPPORTED_POOLING", Corom.load(exportFolder("legacy-op17"), { pooling: "graph" }));
  });
});

describe("Corom.load with a manifest", () => {
  test("uses its settings", async () => {
    const model = await Corom.load(withManifest(), EXACT);
    const { pooling, normalize, maxLength } = model.info;
    assert.deepEqual({ pooling, normalize, maxLength }, { pooling: "mean", normalize: false, maxLength: 32 });
    assertClose(await model.embed(GOLDEN.texts[1]), GOLDEN.vectors.mean[1], GOLDEN.tolerance);
    model.free();
  });

  test("rejects a file of another hash or size with INTEGRITY_MISMATCH", async () => {
    for (const name of ["config.json", "tokenizer.json", "model.onnx"]) {
      const files = withManifest();
      const changed = files[name].slice();
      changed[changed.length >> 1] ^= 1;
      await failsWith("INTEGRITY_MISMATCH", Corom.load({ ...files, [name]: changed }), name);
      await failsWith("INTEGRITY_MISMATCH", Corom.load({ ...files, [name]: files[name].subarray(0, -1) }), name);
      const server = await serveWith(fromFiles({ ...files, [name]: changed }));
      await failsWith("INTEGRITY_MISMATCH", Corom.load(server.address), name);
      await server.close();
    }
  });

  test("rejects a newer format, other JSON, and paths outside the folder", async () => {
    await failsWith("UNSUPPORTED_FORMAT", Corom.load(withManifest({ format_version: 99 })), "99");
    await failsWith("INVALID_CONFIG", Corom.load(withManifest({ format: "something" })));
    await failsWith("INVALID_CONFIG", Corom.load({ ...FILES, "corom.json": "{" }));
    const files = [{ path: "../secret", size: 1, sha256: "0".repeat(64) }];
    await failsWith("INVALID_CONFIG", Corom.load(withManifest({ files })), "../secret");
  });

  test("rejects a failing self-test with SELF_TEST_FAILED, unless the caller turns it off", async () => {
    const good = { texts: [GOLDEN.texts[1]], vectors: [GOLDEN.vectors.mean[1]] };
    (await Corom.load(withManifest({ self_test: good }))).free();
    const bad = { texts: [GOLDEN.texts[1]], vectors: [GOLDEN.vectors.mean[2]] };
    await failsWith("SELF_TEST_FAILED", Corom.load(withManifest({ self_test: bad })));
    (await Corom.load(withManifest({ self_test: bad }), { selfTest: false })).free();
  });
});

describe("Corom.load from a server", () => {
  const PAGE = "<!doctype html><html><head><title>Sign in</title></head><body>…</body></html>";
  const page = (response, status = 200) => response.writeHead(status, { "content-type": "text/html" }).end(PAGE);
  const files = withManifest();

  async function serving(answer, work) {
    const server = await serveWith(answer);
    try {
      await work(server.address);
    } finally {
      await server.close();
    }
  }

  test("rejects an HTML page in place of any file with NOT_A_MODEL", async () => {
    await serving(
      (_, response) => page(response),
      (address) => failsWith("NOT_A_MODEL", Corom.load(address)),
    );
    for (const wrong of ["corom.json", "config.json", "tokenizer.json", "model.onnx"]) {
      const answer = (name, response) =>
        name === wrong
          ? page(response)
          : fromFiles(wrong === "corom.json" ? { [wrong]: files[wrong] } : files)(name, response);
      await serving(answer, (address) => failsWith("NOT_A_MODEL", Corom.load(address), wrong));
    }
  });

  test("ignores an HTML page in place of an optional file", async () => {
    const answer = (name, response) => (name in FILES ? fromFiles(FILES)(name, response) : page(response));
    await serving(answer, async (address) => (await Corom.load(address)).free());
  });

  test("rejects statuses 400 to 503 with FETCH_FAILED, and 404 and 410 with MISSING_FILE", async () => {
    for (const status of [400, 401, 429, 500, 503]) {
      await serving(
        (_, response) => page(response, status),
        (address) => failsWith("FETCH_FAILED", Corom.load(address, { retries: 0 }), String(status), "corom.json"),
      );
    }
    await serving(
      (_, response) => page(response, 403),
      (address) => failsWith("FETCH_FAILED", Corom.load(address), "403", "json"),
    );
    for (const status of [404, 410]) {
      await serving(
        (_, response) => page(response, status),
        (address) => failsWith("MISSING_FILE", Corom.load(address), "config.json"),
      );
    }
  });

  test("takes 403 for an optional file as missing, because S3 answers so", async () => {
    const denied = (present) => (name, response) =>
      name in present ? fromFiles(present)(name, response) : page(response, 403);
    const { "model.onnx": onnx, ...rest } = FILES;
    for (const present of [FILES, files, { ...rest, "onnx/model.onnx": onnx }])
      await serving(denied(present), async (address) => (await Corom.load(address)).free());
    const { "config.json": _config, ...lacking } = FILES;
    await serving(denied(lacking), (address) => failsWith("FETCH_FAILED", Corom.load(address), "config.json", "403"));
    const { "tokenizer.json": _tokenizer, ...unlisted } = FILES; // vocab.txt may be there in its place
    await serving(denied(unlisted), (address) => failsWith("MISSING_FILE", Corom.load(address), "vocab.txt"));
    const { "tokenizer.json": _, ...listed } = files; // the manifest lists it, so it is required
    await serving(denied(listed), (address) => failsWith("FETCH_FAILED", Corom.load(address), "tokenizer.json", "403"));
  });

  test("rejects a truncated body, a closed connection and a server that is down", async () => {
    const cut = (name, response) => {
      if (name !== "model.onnx") return fromFiles(files)(name, response);
      response.writeHead(200, { "content-length": files[name].length });
      response.write(files[name].subarray(0, 1000), () => response.destroy());
    };
    await serving(cut, (address) => failsWith("FETCH_FAILED", Corom.load(address, { retries: 1 }), "model.onnx"));
    const short = (name, response) =>
      name === "model.onnx"
        ? response.writeHead(200).end(files[name].subarray(0, 1000))
        : fromFiles(files)(name, response);
    await serving(short, (address) => failsWith("INTEGRITY_MISMATCH", Corom.load(address), "model.onnx"));
    await serving(
      (_, response) => response.destroy(),
      (address) => failsWith("FETCH_FAILED", Corom.load(address, { retries: 0 })),
    );
    let gone;
    await serving(
      () => {},
      async (address) => (gone = address),
    );
    const error = await failsWith("FETCH_FAILED", Corom.load(gone, { retries: 0 }), gone);
    assert.ok(error.cause instanceof Error);
  });

  test("reads a few MiB of a JSON file without an end", async () => {
    for (const endless of ["corom.json", "config.json"]) {
      let sent = 0;
      const stream = (name, response) => {
        if (name !== endless) return void response.writeHead(404).end();
        const more = () => response.destroyed || ((sent += 65536), response.write(Buffer.alloc(65536, " "), more));
        response.writeHead(200);
        more();
      };
      await serving(stream, (address) => failsWith(["NOT_A_MODEL", "MISSING_FILE"], Corom.load(address, { retries: 0 })));
      assert.ok(sent < 64 << 20, `${sent} bytes were sent`);
    }
  });

  test("allocates nothing for a content-length of 4 PiB", async () => {
    const lie = (name, response) =>
      name === "corom.json" ? response.writeHead(200, { "content-length": 2 ** 52 }).end("{}") : response.destroy();
    await serving(lie, (address) => failsWith("FETCH_FAILED", Corom.load(address, { retries: 0 })));
  });
});

async function isRejectedOrCorrect(files, codes, what) {
  const model = await loadsOrFails(files, codes, what, true);
  if (!model) return true;
  assertClose((await model.embed(GOLDEN.texts)).data, GOLDEN.vectors.cls.flat(), GOLDEN.tolerance, what);
  model.free();
  return false;
}

async function loadsOrFails(files, codes, what, keep = false) {
  try {
    const model = await Corom.load(files, OPTIONS);
    if (keep) return model;
    await model.embed(GOLDEN.texts[1]);
    model.free();
  } catch (error) {
    assert.ok(codes.includes(error.code), `${what}: ${error.code}: ${error.message} ${error.cause?.stack ?? ""}`);
  }
  return undefined;
}

/** Returns a copy of bytes with every occurrence of an ASCII string replaced by another of the same length. */
function replaced(bytes, from, to) {
  assert.equal(from.length, to.length);
  const text = Buffer.from(bytes).toString("latin1");
  assert.ok(text.includes(from));
  return Uint8Array.from(Buffer.from(text.replaceAll(from, to), "latin1"));
}
