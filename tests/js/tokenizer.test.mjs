// The tokenizer through the package: what folders and options make of a text, the report of `embed`, and long texts.
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { Corom as WorkerCorom } from "corom/worker";
import { Corom, failsWith } from "./support/corom.mjs";
import { exportFolder, filesOf, FIXTURES, MODEL_FILES } from "./support/paths.mjs";

const FOLDER = exportFolder("legacy-op17");
const CASED = exportFolder("cased");
const MIB = 2 ** 20;
/** The code units of a text that is longer than every other limit in the package. */
const LONG = 1_000_000;

/** Returns the files of a folder with a changed JSON file. */
function withJson(folder, name, edit) {
  const files = filesOf(folder, MODEL_FILES);
  const value = files[name] ? JSON.parse(Buffer.from(files[name])) : {};
  edit(value);
  files[name] = JSON.stringify(value);
  return files;
}

async function withCorom(source, options, work) {
  const corom = await Corom.load(source, { quality: "float", ...options });
  try {
    return await work(corom);
  } finally {
    corom.free();
  }
}

const idsOf = (source, text, options) => withCorom(source, options, async (corom) => (await corom.tokenize(text)).ids);

describe("tokenizer files of someone else's folder", () => {
  test("tokenizer_config.json decides about lower case", async () => {
    const lower = withJson(CASED, "tokenizer_config.json", (v) => (v.do_lower_case = true));
    assert.deepEqual(await idsOf(lower, "NIKE iPhone"), await idsOf(lower, "nike iphone"));
    assert.notDeepEqual(await idsOf(CASED, "iPhone"), await idsOf(CASED, "iphone"));
  });

  test("vocab.txt is enough", async () => {
    const { "tokenizer.json": json, ...files } = filesOf(FOLDER, MODEL_FILES);
    const { vocab } = JSON.parse(Buffer.from(json)).model;
    const lines = Object.entries(vocab).sort((a, b) => a[1] - b[1]);
    files["vocab.txt"] = lines.map(([token]) => token).join("\n");
    const text = "阔腿裤 iPhone Pró";
    assert.deepEqual(await idsOf(files, text), await idsOf(FOLDER, text));
  });

  test("a folder with neither is rejected, and both are named", async () => {
    const { "tokenizer.json": _, ...files } = filesOf(FOLDER, MODEL_FILES);
    await failsWith("MISSING_FILE", Corom.load(files), "tokenizer.json", "vocab.txt");
  });
});

describe("tokenizer options", () => {
  test("lowercase looks capitals up in lower case", async () => {
    const lower = await idsOf(CASED, "NIKE iPhone", { lowercase: true });
    assert.deepEqual(lower, await idsOf(CASED, "nike iphone"));
    assert.notDeepEqual(lower, await idsOf(CASED, "NIKE iPhone"));
    await failsWith("INVALID_ARGUMENT", Corom.load(CASED, { lowercase: "yes" }), "lowercase");
  });

  test("lowercase is set after the self-test of a converted folder", async () => {
    const folder = path.join(FIXTURES, "bits/int8");
    await withCorom(folder, { quality: "balanced", lowercase: false }, async (corom) => {
      const [upper, lower] = [await corom.tokenize("IPHONE"), await corom.tokenize("iphone")];
      assert.notDeepEqual(upper.ids, lower.ids);
    });
  });

  test("splitSpecialTokens takes [SEP] as text", async () => {
    const { tokens } = await withCorom(FOLDER, { splitSpecialTokens: true }, (c) => c.tokenize("裤[SEP]裤"));
    assert.ok(!tokens.slice(1, -1).includes("[SEP]"), tokens.join(" "));
    assert.ok((await withCorom(FOLDER, {}, (c) => c.tokenize("裤[SEP]裤"))).tokens.slice(1, -1).includes("[SEP]"));
    await failsWith("INVALID_ARGUMENT", Corom.load(FOLDER, { splitSpecialTokens: 1 }), "splitSpecialTokens");
  });
});

for (const [name, Class] of [["corom", Corom], ["corom/worker", WorkerCorom]]) {
  describe(`the report of embed in ${name}`, () => {
    let corom;
    before(async () => (corom = await Class.load(FOLDER, { quality: "float", maxLength: 16 })));
    after(() => corom.free());

    test("has tokens, truncated and unknown per text", async () => {
      const texts = ["裤", "", "裤".repeat(100), "☃ 裤 ☃"];
      const { tokens, truncated, unknown } = await corom.embed(texts);
      assert.deepEqual([...tokens], [3, 2, 16, 5]);
      assert.deepEqual(truncated, [false, false, true, false]);
      assert.deepEqual([...unknown], [0, 0, 0, 2]);
      assert.ok(tokens instanceof Uint32Array && unknown instanceof Uint32Array);
    });

    test("is the same from the query cache", async () => {
      const report = async () => {
        const { tokens, truncated, unknown } = await corom.embed(["裤☃".repeat(20)]);
        return { tokens: [...tokens], truncated, unknown: [...unknown] };
      };
      assert.deepEqual(await report(), await report());
      assert.deepEqual(await report(), { tokens: [16], truncated: [true], unknown: [7] });
    });

    test("is empty for no texts, twice", async () => {
      for (let i = 0; i < 2; i++) {
        const { rows, tokens, truncated, unknown } = await corom.embed([]);
        assert.deepEqual([rows, tokens.length, truncated.length, unknown.length], [0, 0, 0, 0]);
      }
    });

    test("tokenize counts unknown tokens", async () => {
      assert.equal((await corom.tokenize("☃ 裤")).unknown, 1);
      assert.equal((await corom.tokenize("裤")).unknown, 0);
    });
  });
}

describe("a long text", () => {
  const UNITS = {
    punctuation: "#",
    HTML: '<div class="a">裤</div>\n',
    "URL-encoded text": "%E8%A3%A4",
    JSON: '{"id":1,"name":"裤"},',
    CSV: "1;2.5;abc;裤\r\n",
    base64: "aGVsbG8gd29ybGQ+/",
    emoji: "👗",
    Thai: "ไทย",
    "combining marks": "e\u0301",
    spaces: " ",
  };

  test("takes constant memory and its first tokens, among others", async () => {
    await withCorom(FOLDER, { maxLength: 32 }, async (corom) => {
      await corom.embed(["裤", "裤 裤"]);
      await corom.tokenize("x".repeat(LONG)); // the string itself takes memory, once
      const before = corom.info.wasmMemory;
      for (const [name, unit] of Object.entries(UNITS)) {
        const long = unit.repeat(LONG / unit.length);
        const start = await corom.tokenize(unit.repeat(3000 / unit.length));
        assert.deepEqual((await corom.tokenize(long)).ids, start.ids, name);
        const { truncated, tokens } = await corom.embed(["裤", long, "裤"]);
        assert.deepEqual([tokens[0], tokens[2], truncated[0]], [3, 3, false], name);
      }
      // A JavaScript string of a million code units has up to three million bytes of UTF-8.
      const grown = corom.info.wasmMemory - before;
      assert.ok(grown < 10 * MIB, `${(grown / MIB).toFixed(1)} MiB`);
    });
  });

  test("with an added token that is no special token is cut like every other", async () => {
    const files = withJson(FOLDER, "tokenizer.json", (v) => {
      const flags = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };
      v.added_tokens.push({ id: v.model.vocab["裤"], content: "裤", ...flags });
    });
    await withCorom(files, { maxLength: 16 }, async (corom) => {
      const { truncated, tokens } = await corom.embed(["牛仔裤 ".repeat(300_000)]);
      assert.deepEqual([truncated, [...tokens]], [[true], [16]]);
    });
  });
});
