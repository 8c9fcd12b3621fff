// One read of bytes: a loop of four SIMD loads in WebAssembly, without arithmetic that a scan needs. No scan is faster.

/** (import "m" "m" memory) (export "r": (from, to) -> the xor of all), written by hand; needs no compiler. */
const LOADS = [0, 1, 2, 3].flatMap((lane) => [
  ...[0x20, 2 + lane], // local.get lane
  ...[0x20, 0], // local.get from
  ...[0xfd, 0x00, 4, 16 * lane], // v128.load offset=16·lane
  ...[0xfd, 0x51], // v128.xor
  ...[0x21, 2 + lane], // local.set lane
]);
const BODY = [
  ...[1, 4, 0x7b], // four locals: v128
  ...[0x03, 0x40], // loop
  ...LOADS,
  ...[0x20, 0, 0x41, 0xc0, 0x00, 0x6a, 0x22, 0], // from += 64
  ...[0x20, 1, 0x49, 0x0d, 0], // br_if from < to
  0x0b,
  ...[0x20, 2, 0x20, 3, 0xfd, 0x51, 0x20, 4, 0xfd, 0x51, 0x20, 5, 0xfd, 0x51], // the xor of the lanes
  ...[0xfd, 0x1d, 0], // i64x2.extract_lane 0
  0x0b,
];
const section = (number, ...content) => [number, content.length, ...content];
const MODULE = [
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...section(1, 1, 0x60, 2, 0x7f, 0x7f, 1, 0x7e), // (i32, i32) -> i64
  ...section(2, 1, 1, 0x6d, 1, 0x6d, 2, 0, 1), // "m" "m": a memory
  ...section(3, 1, 0),
  ...section(7, 1, 1, 0x72, 0, 0), // "r"
  ...section(10, 1, BODY.length, ...BODY),
];
const [BLOCK_BYTES, PAGE_BYTES] = [64, 1 << 16];

/** Returns a function that reads a copy of `bytes` once. It returns the xor of the even 8 bytes of each 16. */
export async function reader(bytes) {
  const length = bytes.length - (bytes.length % BLOCK_BYTES);
  const memory = new WebAssembly.Memory({ initial: Math.ceil(length / PAGE_BYTES) });
  new Uint8Array(memory.buffer).set(bytes.subarray(0, length));
  const { instance } = await WebAssembly.instantiate(Uint8Array.from(MODULE), { m: { m: memory } });
  return () => instance.exports.r(0, length);
}
