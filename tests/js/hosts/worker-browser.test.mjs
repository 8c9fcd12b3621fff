// `corom/worker` in headless Chromium, under the Content-Security-Policy of the demo.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { maxAbs } from "../support/corom.mjs";
import { launchChromium, servePackage } from "../support/chromium.mjs";
import { exportFolder, golden } from "../support/paths.mjs";

const GOLDEN = golden("legacy-op14");

let browser;
let site;
before(async () => ([browser, site] = await Promise.all([launchChromium(), servePackage()])));
after(async () => {
  await browser?.close();
  await site?.close();
});

let context;
let page;
let complaints;
let asked;
beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  complaints = [];
  asked = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  context.on("request", (request) => asked.push(request.url()));
  await page.goto(`${site.address}support/page.html`);
  // Functions that the tests below call in the page, and the workers that were started.
  await page.evaluate(async (maxLength) => {
    const { Corom } = await import("/pkg/worker.js");
    const workers = [];
    const worker = () => {
      workers.push(new Worker("/support/unruly-thread.mjs", { type: "module" }));
      return workers.at(-1);
    };
    const load = (options, source = "../fixtures/exports/legacy-op14/") =>
      Corom.load(source, { pooling: "cls", maxLength, quality: "float", ...options });
    const failure = (call) =>
      call.then(
        (value) => `no error, but ${JSON.stringify(value)}`,
        ({ code, name, message, cause }) => ({
          code: name === "CoromError" ? code : name,
          message,
          cause: cause?.message,
        }),
      );
    const many = Array.from({ length: 3000 }, (_, i) => `${"阔腿裤女冬".repeat(1 + (i % 5))}${i}`);
    Object.assign(globalThis, { load, worker, workers, failure, many });
  }, GOLDEN.max_length);
});
afterEach(() => context.close());

/** Compares the vectors of the golden texts with PyTorch's. */
const assertGolden = (data) => {
  const worst = maxAbs(data, GOLDEN.vectors.cls.flat());
  assert.ok(worst <= GOLDEN.tolerance, `vectors differ by ${worst}`);
};

/** Resolves when every worker of the page has ended. */
async function untilNoWorkers() {
  while (page.workers().length > 0) await page.waitForTimeout(20);
}

/** Returns how often the script of unruly-thread.mjs was requested: once per worker. */
const workersOf = (urls) => urls.filter((url) => url.endsWith("/unruly-thread.mjs")).length;

describe("Corom of corom/worker in a page", () => {
  test("gives PyTorch's vectors, resolves URLs as the page does, and causes no console error", async () => {
    const got = await page.evaluate(async (texts) => {
      const phases = new Set();
      const corom = await load({ onProgress: ({ phase }) => phases.add(phase) });
      const { data, rows, dimension } = await corom.embed(texts);
      const [best] = await corom.rank(texts[1], texts.slice(2), { topK: 1 });
      const [score] = await corom.score(texts[1], [best.text]);
      const vector = await corom.embed(texts[1]);
      const { ids } = await corom.tokenize(texts[1]);
      const { wasmMemory } = corom.info;
      corom.free();
      return {
        data: [...data],
        own: data.buffer.byteLength === data.byteLength,
        phases: [...phases],
        alike: score === best.score && vector[0] === data[dimension],
        facts: [rows, ids.length > 2, wasmMemory > 1 << 20, corom.info.wasmMemory],
      };
    }, GOLDEN.texts);
    assertGolden(got.data);
    assert.deepEqual(got.facts, [GOLDEN.texts.length, true, true, 0]);
    assert.ok(got.own && got.alike);
    for (const phase of ["wasm", "download", "pack", "done"]) assert.ok(got.phases.includes(phase), String(got.phases));
    assert.equal(asked.filter((url) => url.endsWith(".wasm")).length, 1);
    assert.ok(
      asked.every((url) => url.startsWith(site.address)),
      String(asked),
    );
    await untilNoWorkers();
    assert.deepEqual(complaints, []);
  });

  test("divides calls among workers, and fetches every file once for all", async () => {
    await page.evaluate(async () => {
      const one = await load({ cache: "none" });
      globalThis.expected = await one.embed(many.slice(0, 600));
      one.free();
    });
    asked.length = 0;
    const loaded = await page.evaluate(async () => {
      globalThis.phases = [];
      globalThis.pool = await load({ cache: "none", worker, workers: 3, onProgress: ({ phase }) => phases.push(phase) });
      const { wasmMemory, workerMemory } = pool.info;
      return { memories: wasmMemory / workerMemory, dones: phases.filter((phase) => phase === "done").length };
    });
    assert.ok(loaded.memories > 2.5 && loaded.memories <= 3, `${loaded.memories}`);
    assert.deepEqual([loaded.dones, workersOf(asked)], [1, 3]);
    const batchTime = async () => (await import("/pkg/lib/host-web.js")).batchTimeMs;
    assert.deepEqual([await page.evaluate(batchTime), await page.workers()[0].evaluate(batchTime)], [undefined, 400]);
    const files = asked.filter((url) => /\/fixtures\/|\.wasm$/.test(url));
    assert.ok(files.length > 4 && files.length === new Set(files).size, String(files));
    const got = await page.evaluate(async (texts) => {
      const some = many.slice(0, 600);
      const calls = [pool.embed(some), pool.embed(texts), pool.embed(texts[1])];
      const [first, vectors, query] = await Promise.all(calls);
      workers[1].terminate();
      const during = await failure(Promise.all(Array.from({ length: 3 }, () => pool.embed(some).then(() => 1))));
      const after = await pool.embed(some);
      pool.free();
      return {
        data: [...vectors.data],
        isQueryEqual: query.every((x, i) => x === vectors.row(1)[i]),
        isEqual: [first, after].every(({ data }) => data.every((x, i) => x === expected.data[i])),
        during: during.code ?? during,
        started: workers.length,
      };
    }, GOLDEN.texts);
    assertGolden(got.data);
    assert.deepEqual([got.isQueryEqual, got.isEqual], [true, true]);
    assert.ok(["INTERNAL", "no error, but [1,1,1]"].includes(got.during), got.during);
    assert.ok(got.started <= 4, `${got.started} workers`);
    await untilNoWorkers();
  });

  test("loads files of the device, buffers and Blobs, and a compiled module", async () => {
    await page.evaluate(() => {
      const input = Object.assign(document.createElement("input"), {
        type: "file",
        webkitdirectory: true,
        id: "folder",
      });
      document.body.append(input);
    });
    await page.locator("#folder").setInputFiles(exportFolder("legacy-op14"));
    const got = await page.evaluate(async (texts) => {
      const { files } = document.getElementById("folder");
      const vectors = [];
      const map = new Map();
      for (const file of files) map.set(file.name, await file.arrayBuffer());
      map.set("model.onnx", new Blob([map.get("model.onnx")]));
      const module = await WebAssembly.compileStreaming(fetch("/pkg/wasm/corom.wasm"));
      for (const [source, options] of [
        [files],
        [[...files]],
        [map],
        [map, { wasm: module }],
        [map, { wasm: fetch("/pkg/wasm/corom.wasm") }],
      ]) {
        const corom = await load(options, source);
        vectors.push([...(await corom.embed(texts)).data]);
        corom.free();
      }
      return { vectors, path: files[0].webkitRelativePath, left: map.get("config.json").byteLength };
    }, GOLDEN.texts);
    assert.match(got.path, /^legacy-op14\//);
    assert.ok(got.left > 0, "the page keeps its buffers");
    assert.equal(got.vectors.length, 5);
    got.vectors.forEach(assertGolden);
    assert.deepEqual(complaints, []);
  });

  test("runs no WebAssembly in the page, and leaves its event loop free while the worker computes", async () => {
    const got = await page.evaluate(async () => {
      const used = [];
      for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "Module", "Instance", "Memory"]) {
        const original = WebAssembly[name];
        WebAssembly[name] = function (...args) {
          used.push(name);
          return new.target ? Reflect.construct(original, args) : Reflect.apply(original, this, args);
        };
      }
      const corom = await load({ worker });
      const { rows } = await corom.embed(many);
      const blocked = failure(corom.embed("block")); // keeps the worker busy until it is terminated
      for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setTimeout(resolve));
      workers[0].terminate();
      const { code } = await blocked;
      corom.free();
      return { used, rows, code };
    });
    assert.deepEqual(got, { used: [], rows: 3000, code: "INTERNAL" });
  });
});

describe("an aborted signal", () => {
  test("ends a running call, and the worker if the step in hand takes longer than abortTimeout", async () => {
    const got = await page.evaluate(async (texts) => {
      const corom = await load({ worker, abortTimeout: 60_000 });
      const first = await failure(corom.embed([...many, ...many], { signal: AbortSignal.timeout(20) }));
      await corom.embed("a");
      const started = workers.length;
      corom.free();
      const impatient = await load({ worker, abortTimeout: 100 });
      // Never done by itself.
      const second = await failure(impatient.embed("block", { signal: AbortSignal.timeout(20) }));
      const { data } = await impatient.embed(texts);
      impatient.free();
      return { codes: [first.code, second.code], started: [started, workers.length], data: [...data] };
    }, GOLDEN.texts);
    assert.deepEqual(got.codes, ["TimeoutError", "TimeoutError"]);
    assert.deepEqual(got.started, [1, 3]);
    assertGolden(got.data);
  });

  test("ends a load and its worker at any moment", async () => {
    const names = await page.evaluate(async () => {
      const names = [];
      for (let ms = 0; ms <= 200; ms += 20)
        names.push(
          await load({ signal: AbortSignal.timeout(ms) }).then(
            (corom) => (corom.free(), "loaded"),
            ({ name }) => name,
          ),
        );
      (await load()).free();
      return names;
    });
    assert.equal(names[0], "TimeoutError");
    assert.ok(
      names.every((name) => ["TimeoutError", "loaded"].includes(name)),
      String(names),
    );
    await untilNoWorkers();
    assert.deepEqual(complaints, []);
  });

  test("is what a newer call with abortPrevious causes", async () => {
    const got = await page.evaluate(async () => {
      const corom = await load();
      const abortPrevious = true;
      const typed = ["阔", "阔腿", "阔腿裤"].map((query) =>
        corom.rank(query, many.slice(0, 300), { abortPrevious, topK: 1 }).then(
          (best) => best.length,
          ({ name }) => name,
        ),
      );
      const outcomes = await Promise.all(typed);
      corom.free();
      return outcomes;
    });
    assert.deepEqual(got, ["AbortError", "AbortError", 1]);
  });
});

describe("a crash", () => {
  for (const [text, code, words] of [
    ["trap", "INTERNAL", /unreachable/],
    ["no memory", "OUT_OF_MEMORY", /ran out of memory/],
    ["throw", "INTERNAL", /thrown in a timer/],
    ["end", "INTERNAL", /the worker ended/],
    ["terminated", "INTERNAL", /the worker ended/],
  ]) {
    test(`(${text}) rejects with ${code}, and the next call works`, async () => {
      const got = await page.evaluate(
        async ([text, texts]) => {
          const corom = await load({ worker });
          const crash = failure(corom.embed(text === "terminated" ? "block" : text));
          const waiting = corom.embed(["a"]);
          if (text === "terminated") setTimeout(() => workers[0].terminate(), 50);
          const error = await crash;
          const { rows } = await waiting;
          workers.at(-1).terminate(); // between calls
          while (corom.info.wasmMemory > 0) await new Promise((resolve) => setTimeout(resolve, 5));
          const { data } = await corom.embed(texts);
          corom.free();
          return { error, rows, started: workers.length, data: [...data] };
        },
        [text, GOLDEN.texts],
      );
      assert.equal(got.error.code, code);
      assert.match(`${got.error.message} ${got.error.cause}`, words);
      assert.deepEqual([got.rows, got.started], [1, 3]);
      assertGolden(got.data);
    });
  }
});

describe("Corom.load of corom/worker", () => {
  const errorOf = (worker) =>
    page.evaluate(
      (worker) => failure(load({ worker: worker && (() => new Worker(worker, { type: "module" })) })),
      worker,
    );

  test("rejects with FETCH_FAILED if the worker's script is missing or is no script", async () => {
    for (const worker of ["/nowhere.js", "/pkg/package.json"]) {
      const { code, message } = await errorOf(worker);
      assert.equal(code, "FETCH_FAILED", message);
      assert.match(message, /worker's script/);
    }
  });

  test("rejects with UNSUPPORTED_HOST if the worker's script is of another origin", async () => {
    assert.equal((await errorOf("http://127.0.0.1:1/worker.js")).code, "UNSUPPORTED_HOST");
  });

  test("names the Content-Security-Policy if it forbids workers", async () => {
    await page.route("**/page.html", async (route) => {
      const response = await route.fetch();
      const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'";
      await route.fulfill({ response, headers: { ...response.headers(), "content-security-policy": policy } });
    });
    await page.reload();
    const { code, message } = await page.evaluate(async () => {
      const { Corom } = await import("/pkg/worker.js");
      return Corom.load("/fixtures/exports/legacy-op14/").catch(({ code, message }) => ({ code, message }));
    });
    assert.ok(["FETCH_FAILED", "UNSUPPORTED_HOST"].includes(code), message);
    assert.match(message, /worker-src|Content Security Policy/);
  });
});
