// The fixed models of tests/fixtures/bits: whose bits differ from the golden file's. Runs in Node and in a page; in
// Node also a program, for one with other flags:
//   node bits.mjs plain|relaxed      prints what differs, as JSON

/** `source` makes a model's source of its folder below tests/fixtures. */
export async function differing(Corom, golden, source, simd) {
  const wrong = [];
  for (const { name, folder, options, vectors } of golden.cases) {
    // The plain binary has no other kernel, the relaxed one is asked for it.
    const kernel = simd === "plain" ? {} : { kernel: "exact" };
    const corom = await Corom.load(source(folder), { ...options, ...kernel, simd, queryCache: 0 });
    const { info } = corom;
    if (!info.fused || info.kernel !== "exact" || info.simd !== simd) wrong.push({ name, info });
    const rows = [...(await corom.embed(golden.texts))].map(hex);
    for (const [i, text] of golden.texts.entries()) {
      if (rows[i] !== vectors[i]) wrong.push({ name, text });
      const [alone] = await corom.embed(text);
      if (hex(alone) !== vectors[i]) wrong.push({ name, text, alone: true });
    }
    corom.free();
  }
  return wrong;
}

/** Eight hexadecimal digits a number. */
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
