// A catalog folder on disk, as the native command writes it: files named after their hash, and catalog.json, which lists
// them. A change writes its file first and then replaces catalog.json by renaming, so that a program that is killed leaves
// the old or the new state.
import fs from "node:fs";
import path from "node:path";
import { CoromError, invalid, messageOf } from "../../errors.js";

const LIST = "catalog.json";
/** The native command locks this file. Node has no such locks: a change meanwhile is found before the list is replaced. */
const LOCK = "catalog.lock";
const FORMAT = 1;
const HASH_DIGITS = 16;
/** Codes of files that cannot be read as they are. */
const DAMAGE = ["INVALID_CATALOG", "INTEGRITY_MISMATCH", "UNSUPPORTED_FORMAT"];

export class CatalogFolder {
  #folder;
  #list;

  constructor(folder, list) {
    this.#folder = folder;
    this.#list = list;
  }

  /** Opens an existing catalog folder. Throws MISSING_FILE if there is none. */
  static open(folder) {
    return new CatalogFolder(folder, readList(folder));
  }

  /** Creates a catalog folder, or opens the one that `replace` replaces. */
  static create(folder, replace) {
    const isCatalog = isFile(path.join(folder, LIST));
    if (isCatalog && !replace) throw invalid(`${folder} exists already; --force replaces it`);
    attempt(folder, () => fs.mkdirSync(folder, { recursive: true }));
    const isEmpty = attempt(folder, () => fs.readdirSync(folder).length === 0);
    if (!isCatalog && !isEmpty && !isFile(path.join(folder, LOCK))) {
      throw invalid(`${folder} is neither empty nor a catalog folder`);
    }
    attempt(folder, () => fs.closeSync(fs.openSync(path.join(folder, LOCK), "w")));
    return new CatalogFolder(folder, isCatalog ? readList(folder) : undefined);
  }

  /** The names of what is stored with an item. */
  get stored() {
    return this.#list.stored;
  }

  /** Returns the catalog with its deltas: a Catalog of the binding. A change by another program meanwhile is no fault. */
  read(instance) {
    for (;;) {
      try {
        return this.#open(instance);
      } catch (error) {
        const now = readList(this.#folder);
        if (isSame(now, this.#list)) throw error;
        this.#list = now;
      }
    }
  }

  /**
   * Adds a delta that continues `catalog`, a Catalog of the binding, which it changes. It is applied before it is listed: a
   * delta that cannot be read would make the folder unreadable.
   */
  append(instance, catalog, file) {
    this.#assertUnchanged();
    readBack(() => {
      const delta = received(instance, file);
      instance.call(() => (catalog.apply(delta), delta.free()));
    });
    const { files, stored } = this.#list;
    this.#commit({ format: FORMAT, files: [...files, this.#write(instance, file, "delta")], stored });
  }

  /** Replaces every file by one, which is opened before it is listed. */
  replace(instance, file, stored) {
    this.#assertUnchanged();
    readBack(() => {
      const whole = received(instance, file);
      instance.call(({ Catalog }) => Catalog.openCodes(whole).free());
    });
    this.#commit({ format: FORMAT, files: [this.#write(instance, file, "catalog")], stored });
  }

  #open(instance) {
    let catalog;
    for (const name of this.#list.files) {
      const full = path.join(this.#folder, name);
      const bytes = attempt(full, () => fs.readFileSync(full));
      try {
        const file = received(instance, bytes);
        if (catalog === undefined) catalog = instance.call(({ Catalog }) => Catalog.open(file));
        else instance.call(() => (catalog.apply(file), file.free()));
      } catch (error) {
        if (!DAMAGE.includes(error?.code)) throw error;
        throw new CoromError(error.code, `${full}: ${error.message}; build the catalog again`, { cause: error });
      }
    }
    if (catalog === undefined) throw new CoromError("INVALID_CATALOG", `${LIST}: it lists no file`);
    return catalog;
  }

  #assertUnchanged() {
    const now = isFile(path.join(this.#folder, LIST)) ? readList(this.#folder) : undefined;
    if (isSame(now, this.#list)) return;
    throw new CoromError("FETCH_FAILED", `${this.#folder}: another program changed the catalog meanwhile; run the command again`);
  }

  /** Writes a file under a name with its header's hash, and returns the name. */
  #write(instance, file, extension) {
    const hash = instance.call(({ fileHash }) => fileHash(file));
    const name = `${hash.slice(0, HASH_DIGITS)}.${extension}`;
    this.#writeWhole(name, file);
    return name;
  }

  #commit(list) {
    this.#writeWhole(LIST, JSON.stringify(list, null, 2));
    this.#list = list;
    for (const name of attempt(this.#folder, () => fs.readdirSync(this.#folder))) {
      const isOurs = /\.(catalog|delta|part)$/.test(name);
      if (isOurs && !list.files.includes(name)) attempt(name, () => fs.rmSync(path.join(this.#folder, name)));
    }
  }

  /** Writes a file that appears complete or not at all. */
  #writeWhole(name, contents) {
    const full = path.join(this.#folder, name);
    attempt(full, () => {
      const descriptor = fs.openSync(`${full}.part`, "w");
      try {
        fs.writeFileSync(descriptor, contents);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
      fs.renameSync(`${full}.part`, full);
      if (process.platform === "win32") return; // it cannot open a folder as a file
      const folder = fs.openSync(this.#folder, "r"); // the name is on the disk only after this
      try {
        fs.fsyncSync(folder);
      } finally {
        fs.closeSync(folder);
      }
    });
  }
}

/** Returns the bytes of a file as a CatalogFile of the binding, which checks them. */
function received(instance, bytes) {
  return instance.call(({ CatalogFile }) => {
    const file = new CatalogFile(bytes.length);
    file.feed(bytes);
    file.checkComplete();
    return file;
  });
}

/** Runs `work`, which reads a file that was made. */
function readBack(work) {
  try {
    work();
  } catch (cause) {
    if (cause?.code === "OUT_OF_MEMORY") throw cause;
    const message = `the file that was made cannot be read, so the catalog stays as it was: ${messageOf(cause)}`;
    throw new CoromError("INTERNAL", message, { cause });
  }
}

const isFile = (file) => fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function readList(folder) {
  const file = path.join(folder, LIST);
  if (!isFile(file)) throw new CoromError("MISSING_FILE", `${folder}: no catalog: it has no ${LIST}`);
  let list;
  try {
    list = JSON.parse(attempt(file, () => fs.readFileSync(file, "utf8")));
  } catch (cause) {
    if (cause instanceof CoromError) throw cause;
    throw new CoromError("INVALID_CATALOG", `${file}: ${messageOf(cause)}`, { cause });
  }
  if (list?.format !== FORMAT) {
    throw new CoromError("UNSUPPORTED_FORMAT", `${file}: format ${list?.format}; this release reads ${FORMAT}`);
  }
  const areTexts = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");
  if (!areTexts(list.files) || !areTexts(list.stored) || list.files.length === 0) {
    throw new CoromError("INVALID_CATALOG", `${file}: expected lists of files and of what is stored`);
  }
  if (list.files.some((name) => /[/\\]|^\./.test(name))) {
    throw new CoromError("INVALID_CATALOG", `${file}: a file outside the folder`);
  }
  return list;
}

function attempt(file, work) {
  try {
    return work();
  } catch (cause) {
    throw new CoromError(cause?.code === "ENOENT" ? "MISSING_FILE" : "FETCH_FAILED", `${file}: ${messageOf(cause)}`, { cause });
  }
}
