// A worker of a page that works on the store in OPFS. Answers `[does, argument]` with what the function returns.
import { opfsStore } from "/pkg/lib/store-opfs.js";

const FOLDER = "b".repeat(64);
/** The folder of shared-store.mjs, whose file N has bytes of the value N + 1. */
const SHARED_FOLDER = "a".repeat(64);

const DOES = {
  /** Reads parts of shared files for some milliseconds. Returns how many were there, and those with wrong bytes. */
  readFor: async (ms) => {
    const store = await opfsStore();
    const wrong = [];
    let there = 0;
    for (const start = performance.now(); performance.now() - start < ms;) {
      for (let i = 0; i < 5; i++) {
        const parts = await store.readParts(SHARED_FOLDER, String(i), [[0, 100], [150_000, 150_100]]);
        for (const part of parts ?? []) {
          if (part.length > 0) there++;
          if (part.length > 0 && !(part.length === 100 && part.every((byte) => byte === i + 1))) wrong.push(`${i}: ${part}`);
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return { there, wrong };
  },
  readOften: async (times) => {
    const store = await opfsStore();
    await store.write(FOLDER, "0", Uint8Array.from({ length: 100 }, (_, i) => i));
    let opened = 0;
    for (const method of ["getFile", "createSyncAccessHandle"]) {
      const own = FileSystemFileHandle.prototype[method];
      FileSystemFileHandle.prototype[method] = function (...args) {
        opened++;
        return own.apply(this, args);
      };
    }
    const parts = [];
    for (let i = 0; i < times; i++) parts.push(String((await store.readParts(FOLDER, "0", [[5, 8]]))[0]));
    await store.remove(FOLDER);
    return { parts, opened };
  },
  /** Reads a file whose open handle fails `failures` times. Returns the parts, and how often handles were opened and closed. */
  readDespite: async (failures) => {
    const store = await opfsStore();
    await store.write(FOLDER, "0", Uint8Array.from({ length: 100 }, (_, i) => i));
    const counts = { createSyncAccessHandle: 0, close: 0 };
    const own = FileSystemSyncAccessHandle.prototype.read;
    FileSystemSyncAccessHandle.prototype.read = function (...args) {
      if (failures-- > 0) throw new DOMException("the file is damaged", "InvalidStateError");
      return own.apply(this, args);
    };
    for (const [type, method] of [[FileSystemFileHandle, "createSyncAccessHandle"], [FileSystemSyncAccessHandle, "close"]]) {
      const own = type.prototype[method];
      type.prototype[method] = function (...args) {
        counts[method]++;
        return own.apply(this, args);
      };
    }
    const parts = [];
    for (let i = 0; i < 4; i++) parts.push(String((await store.readParts(FOLDER, "0", [[5, 8]]))[0]));
    const before = { ...counts };
    await store.remove(FOLDER); // an open handle would be in the way
    return { parts, ...before };
  },
};

onmessage = async ({ data: [does, argument] }) => postMessage(await DOES[does](argument));
