// Reads the lines of a UTF-8 file or of standard input, one at a time.
import fs from "node:fs";
import { CoromError, messageOf } from "../errors.js";

/** A longer line is no text: the file is binary, or has no line ends. */
const MAX_LINE_BYTES = 16 << 20;
const NEWLINE = 10;
const RETURN = 13;
/** Bytes of a byte order mark in UTF-8. */
const MARK_BYTES = 3;

/**
 * Yields `{ number, text, end, bytes }`: the line's number from 1 on, its text without the line end, the line end before it,
 * and the bytes of the file so far. Throws INVALID_ARGUMENT for bytes that are not UTF-8.
 */
export async function* linesOf(file, signal) {
  const name = file === "-" ? "standard input" : file;
  const stream = file === "-" ? process.stdin : fs.createReadStream(file, { highWaterMark: 1 << 20 });
  const stop = () => stream.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  let [number, bytes, rest, restBytes] = [0, 0, [], 0];
  const decode = decoder(name);
  let next = "";
  const line = (pieces, at) => {
    const [bytes, end] = [Buffer.concat(pieces), next];
    next = bytes.at(-1) === RETURN ? "\r\n" : "\n";
    return { number: ++number, text: decode(bytes, number), end, bytes: at };
  };
  try {
    for await (const chunk of stream) {
      let from = 0;
      for (let at; (at = chunk.indexOf(NEWLINE, from)) >= 0; from = at + 1) {
        yield line([...rest, chunk.subarray(from, at)], bytes + at + 1);
        [rest, restBytes] = [[], 0];
      }
      rest.push(chunk.subarray(from));
      restBytes += chunk.length - from;
      bytes += chunk.length;
      if (restBytes > MAX_LINE_BYTES) {
        throw new CoromError("INVALID_ARGUMENT", `${name}: line ${number + 1} has more than ${MAX_LINE_BYTES} bytes; expected one text per line`);
      }
    }
    const last = restBytes > 0 ? line(rest, bytes) : undefined;
    const isMark = last?.number === 1 && last.text === "" && restBytes === MARK_BYTES; // an empty file with a byte order mark
    if (last && !isMark) yield last;
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof CoromError) throw cause;
    const code = cause?.code === "ENOENT" ? "MISSING_FILE" : "FETCH_FAILED";
    throw new CoromError(code, `${name} cannot be read: ${messageOf(cause)}`, { cause });
  } finally {
    signal?.removeEventListener("abort", stop);
    stream.destroy();
  }
  signal?.throwIfAborted();
}

/** Returns a function that decodes a line, without a byte order mark and a carriage return. */
function decoder(name) {
  const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (bytes, number) => {
    let text;
    try {
      text = utf8.decode(bytes).replace(/\r$/, "");
    } catch (cause) {
      const next = "expected UTF-8; convert the file first, for example with iconv -f GB18030 -t UTF-8";
      throw new CoromError("INVALID_ARGUMENT", `${name}: line ${number} is not UTF-8; ${next}`, { cause });
    }
    if (number > 1) return text;
    if (!text.includes("\0")) return text.replace(/^\ufeff/, "");
    const next = "expected text in UTF-8; iconv -f UTF-16LE -t UTF-8 converts UTF-16";
    throw new CoromError("INVALID_ARGUMENT", `${name}: line ${number} has NUL bytes; ${next}`);
  };
}
