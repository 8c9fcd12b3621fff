// Keeps two programs from changing one catalog folder at the same time. Node has no locks on files, so a file with the number
// of the process is the lock; that of a process which has ended is taken over.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const LOCK = "catalog.writer";
const WAIT_MS = 100;
/** A file without contents, or a guard, of this age was left by a process that was killed. */
const LEFT_MS = 10_000;

/** Waits until no other `npx corom index` changes the folder, then runs `work`. */
export async function withCatalogLock(folder, signal, work) {
  const file = path.join(folder, LOCK);
  const own = JSON.stringify({ pid: process.pid, host: os.hostname() });
  while (!taken(file, own)) {
    if (!hasEnded(file) || !removed(file, own)) await delay(WAIT_MS, undefined, { signal });
  }
  const release = () => {
    if (contentsOf(file) === own) fs.rmSync(file, { force: true });
  };
  process.once("exit", release);
  try {
    return await work();
  } finally {
    process.removeListener("exit", release);
    release();
  }
}

/** Removes the lock of a process that has ended, under a guard, so that no other process's new lock is removed. */
function removed(file, own) {
  const guard = `${file}.guard`;
  if (!taken(guard, own)) {
    if (isOld(guard)) fs.rmSync(guard, { force: true });
    return false;
  }
  try {
    if (hasEnded(file)) fs.rmSync(file, { force: true });
    return true;
  } finally {
    fs.rmSync(guard, { force: true });
  }
}

function isOld(file) {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found !== undefined && Date.now() - found.mtimeMs > LEFT_MS;
}

/** Creates the lock. Returns false if it exists. */
function taken(file, own) {
  try {
    fs.writeFileSync(file, own, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function contentsOf(file) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined; // it was released meanwhile
  }
}

/** Returns true if the process that holds the lock has ended. One on another machine cannot be asked. */
function hasEnded(file) {
  try {
    const { pid, host } = JSON.parse(contentsOf(file) ?? "");
    if (host !== os.hostname()) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === "ESRCH" || (error instanceof SyntaxError && isOld(file));
  }
}
