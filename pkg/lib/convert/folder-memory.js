// A folder in memory, as the converter reads and writes it: synchronously. Blobs are read by ranges with FileReaderSync,
// which only Web Workers have; Blobs that are written leave the worker's memory.

/** Bytes of a Blob that are read at once. */
const CHUNK_BYTES = 4 << 20;

/** The parts of the longest paths that are listed, such as `0_Transformer/onnx/model.onnx`. */
const MAX_PARTS = 3;

/** Opens the files `[[path, contents]]`; contents are Blobs or Uint8Arrays. A new folder has no files. */
export function openFiles({ files = [] }) {
  const contents = new Map(files);
  const reader = typeof FileReaderSync === "function" ? new FileReaderSync() : undefined;
  const readBlob = (blob, offset, bytes) => {
    let read = 0;
    while (read < bytes.length) {
      const end = Math.min(offset + bytes.length, offset + read + CHUNK_BYTES);
      const part = new Uint8Array(reader.readAsArrayBuffer(blob.slice(offset + read, end)));
      if (part.length === 0) break;
      bytes.set(part, read);
      read += part.length;
    }
    return read;
  };
  return {
    list: () => [...contents.keys()].filter((path) => path.split("/").length <= MAX_PARTS && !path.endsWith("/")),
    size(path) {
      const file = contents.get(path);
      return file?.size ?? file?.length;
    },
    readAt(path, offset, bytes) {
      const file = contents.get(path);
      if (!(file instanceof Uint8Array)) return readBlob(file, offset, bytes);
      const part = file.subarray(offset, offset + bytes.length);
      bytes.set(part);
      return part.length;
    },
    write: (path, bytes) => void contents.set(path, reader ? new Blob([bytes]) : bytes.slice()),
    close() {},
    /** Returns what the page gets: the files, and the buffers to transfer. */
    result() {
      const files = [...contents];
      return { files, buffers: files.flatMap(([, file]) => (file instanceof Uint8Array ? [file.buffer] : [])) };
    },
  };
}
