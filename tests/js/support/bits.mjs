// Compares the fixed models of tests/fixtures/bits with their golden bits, in Node or in a page. In Node also a program,
// for a Node with other flags:
//   node bits.mjs plain|relaxed      prints what differs as JSON

/** Returns what differs. `source(folder)` returns the source of a model, given its folder below tests/fixtures. */
export async function differing(Corom, golden, source, simd) {
  const wrong = [];
  for (const { name, folder, options, vectors } of golden.cases) {
    const { precision, ...others } = options; // the native test has them side by side
    // The plain binary has only the exact kernel.
    const advanced = { simd, precision, kernel: simd === "plain" ? "auto" : "exact" };
    const corom = await Corom.load(source(folder), { ...others, advanced, queryCache: 0 });
    const { info } = corom;
    if (!info.fused || info.kernel !== "exact" || info.simd !== simd) wrong.push({ name, info });
    const rows = [...(await corom.embed(golden.texts))].map(hex);
    for (const [i, text] of golden.texts.entries()) {
      if (rows[i] !== vectors[i]) wrong.push({ name, text });
      const alone = await corom.embed(text);
      if (hex(alone) !== vectors[i]) wrong.push({ name, text, alone: true });
    }
    corom.free();
  }
  return wrong;
}

/** Returns the bits of a vector: eight hexadecimal digits per number. */
function hex(row) {
  const bits = new DataView(new Float32Array(row).buffer);
  return Array.from(row, (_, i) => bits.getUint32(4 * i, true).toString(16).padStart(8, "0")).join("");
}

if (globalThis.process?.argv?.[1] === decodeURIComponent(new URL(import.meta.url).pathname)) {
  const { Corom } = await import("./corom.mjs");
  const { FIXTURES, GOLDEN_BITS } = await import("./paths.mjs");
  const folderOf = (folder) => `${FIXTURES}/${folder}`;
  console.log(JSON.stringify(await differing(Corom, GOLDEN_BITS, folderOf, process.argv[2])));
}
