// Writes a model folder that appears complete or not at all: a temporary folder beside the target, renamed at the end.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CoromError, invalid, messageOf } from "../errors.js";

const MANIFEST = "corom.json";
/** The name of this machine in the names of temporary folders: process ids of another one mean nothing here. */
const HOST = os.hostname().replace(/[^\w.]/g, "_") || "host";

export class StagingFolder {
  #target;
  #path;
  #replaces;
  #made = []; // the folders that were created, the innermost first

  /**
   * Checks that the target may be written. Throws INVALID_ARGUMENT if it exists, unless `replace`; and with `replace`,
   * if it is no model folder or contains the folder `source`.
   */
  constructor(target, source, replace) {
    const name = path.basename(path.resolve(target));
    if (name === "" || /(^|[\\/])\.\.?[\\/]?$/.test(target)) {
      throw invalid(`${target} cannot be created: it has no name of its own`);
    }
    const parent = path.dirname(path.resolve(target));
    removeAbandoned(parent, name);
    const existing = fs.lstatSync(target, { throwIfNoEntry: false });
    if (existing !== undefined) checkReplaceable(target, existing, source, replace);
    this.#target = target;
    this.#replaces = existing !== undefined;
    this.#path = path.join(parent, `.${name}.corom-${HOST}-${process.pid}-${Math.random().toString(36).slice(2)}`);
    attempt("create", target, () => this.#makeFolders(parent));
  }

  /** Creates the temporary folder, so that a place which cannot be written is an error at once. */
  #makeFolders(parent) {
    // Not with `recursive`, which never ends in /proc.
    const missing = [];
    for (let folder = parent; !fs.existsSync(folder); folder = path.dirname(folder)) missing.unshift(folder);
    try {
      for (const folder of [...missing, this.#path]) {
        fs.mkdirSync(folder);
        this.#made.unshift(folder);
      }
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** The target that the worker opens. */
  get folder() {
    return { path: this.#path };
  }

  /** Renames the temporary folder to the target. A folder that is replaced is deleted after that. */
  commit() {
    const old = `${this.#path}.old`;
    if (this.#replaces) attempt("replace", this.#target, () => fs.renameSync(this.#target, old));
    try {
      attempt("create", this.#target, () => fs.renameSync(this.#path, this.#target));
    } catch (error) {
      if (this.#replaces) fs.renameSync(old, this.#target);
      throw error;
    }
    if (this.#replaces) attempt("delete", old, () => fs.rmSync(old, { recursive: true, force: true }));
  }

  /** Deletes the temporary folder, and the folders above it that were created for it and are empty. */
  discard() {
    fs.rmSync(this.#path, { recursive: true, force: true });
    for (const folder of this.#made.filter((made) => made !== this.#path)) {
      try {
        fs.rmdirSync(folder);
      } catch {
        return; // another program uses it
      }
    }
  }
}

/**
 * Deletes the temporary folders for a target that processes of this machine have left when they were killed. If one was
 * killed between the two renames of `commit`, the folder that it was replacing gets its name back.
 */
function removeAbandoned(parent, name) {
  const target = path.join(parent, name);
  const prefix = `.${name}.corom-${HOST}-`;
  try {
    for (const found of fs.existsSync(parent) ? fs.readdirSync(parent) : []) {
      const [, pid, old] = (found.startsWith(prefix) && /^(\d+)-[a-z0-9]*(\.old)?$/.exec(found.slice(prefix.length))) || [];
      if (pid === undefined || isRunning(Number(pid))) continue;
      const full = path.join(parent, found);
      if (old && !fs.existsSync(target)) fs.renameSync(full, target);
      else fs.rmSync(full, { recursive: true, force: true });
    }
  } catch {
    // what cannot be deleted stays
  }
}

/** Returns true unless it is certain that no process has this id. */
function isRunning(pid) {
  if (pid === process.pid || globalThis.Deno) return true; // Deno would ask for a permission
  try {
    process.kill(pid, 0); // sends no signal
    return true;
  } catch (error) {
    return error?.code !== "ESRCH";
  }
}

function checkReplaceable(target, existing, source, replace) {
  if (!replace) throw invalid(`${target} exists already; \`force\` (--force) replaces it`);
  const isModel = () => fs.statSync(path.join(target, MANIFEST), { throwIfNoEntry: false })?.isFile();
  if (!existing.isDirectory() || !(isModel() || fs.readdirSync(target).length === 0)) {
    throw invalid(`${target} is no model folder (it has no ${MANIFEST}); corom replaces only model folders`);
  }
  const inside = source && path.relative(fs.realpathSync(target), fs.realpathSync(source));
  if (inside !== undefined && !inside.startsWith("..") && !path.isAbsolute(inside)) {
    throw invalid(`${target} contains the checkpoint; write to another folder`);
  }
}

function attempt(verb, folder, work) {
  try {
    work();
  } catch (cause) {
    throw new CoromError("FETCH_FAILED", `cannot ${verb} ${folder}: ${messageOf(cause)}`, { cause });
  }
}
