// Headless Chromium as a host: every agent is a page in a context of its own, so that nothing is cached.
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";
import { modelParts, searchParts } from "./files.mjs";
import { serveSite } from "./site.mjs";

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Flags by GPU: none, the one that Chromium emulates, or the machine's own. */
export const GPU_FLAGS = {
  none: ["--disable-gpu"],
  swiftshader: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-unsafe-swiftshader"],
  system: ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--ignore-gpu-blocklist"],
};

export async function chromiumHost(executablePath, gpu = "none") {
  const site = await serveSite();
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, ...GPU_FLAGS[gpu]] }).catch((error) => {
    site.close();
    throw error;
  });
  return {
    name: "chromium",
    version: `Chromium ${browser.version()}`,
    place: (model) => ({
      corom: "/pkg/browser.js",
      coromWorker: "/pkg/worker.js",
      onnxruntime: "/packages/onnxruntime-web/dist/ort.wasm.bundle.min.mjs",
      onnxruntimeWebgpu: "/packages/onnxruntime-web/dist/ort.webgpu.bundle.min.mjs",
      transformers: "@huggingface/transformers",
      transformersWasm: "/packages/@huggingface/transformers/node_modules/onnxruntime-web/dist/",
      model: modelParts(`/models/${model}`),
    }),
    searchPlace: (name) => ({ data: `/search/${name}`, ...searchParts("/pkg/", { entry: "search.js", worker: "search-worker.js", corom: "/pkg/browser.js", packages: "/packages/" }) }),
    /** `onDisk`: pages store on disk, as those of users do. Other agents store in memory. */
    agent: ({ onDisk } = {}) => openAgent(onDisk ? contextOnDisk(executablePath, gpu) : browser.newContext(), site),
    /** Returns the bytes sent since the last call by kind, raw and compressed with gzip. */
    sent: () => site.sent(),
    close: async () => {
      await browser.close();
      await site.close();
    },
  };
}

const CALL = async ([method, list]) => (await import("/bench/agent/agent.mjs"))[method](...list);

/** The folders of the profiles of contexts on the disk. */
const profiles = new WeakMap();

/** Closes a context, and removes its profile once its browser writes no more. */
async function closeContext(context) {
  await context.close();
  const profile = profiles.get(context);
  if (profile) await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
}

/** Starts another browser with a new profile, and returns its context. */
async function contextOnDisk(executablePath, gpu) {
  const profile = mkdtempSync(path.join(tmpdir(), "corom-profile-"));
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: [...FLAGS, ...GPU_FLAGS[gpu]] });
  profiles.set(context, profile);
  return context;
}

async function openAgent(opening, site) {
  const context = await opening;
  const page = await context.newPage();
  const complaints = [];
  const elsewhere = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => {
    const url = request.url();
    if (!/^(blob|data):/.test(url) && !url.startsWith(site.address)) elsewhere.push(url);
  });
  await page.goto(site.address);
  return {
    async call(method, ...list) {
      const value = await page.evaluate(CALL, [method, list]).catch((error) => {
        throw new Error([error.message, ...complaints].join("\n"), { cause: error });
      });
      if (elsewhere.length > 0) throw new Error(`a library asked another host: ${elsewhere}`);
      return value;
    },
    close: () => closeContext(context),
  };
}
