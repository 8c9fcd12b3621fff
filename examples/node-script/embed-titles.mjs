// node embed-titles.mjs MODEL_FOLDER QUERY OUTPUT_FILE
import { readFile, writeFile } from "node:fs/promises";
import { Corom, CoromError } from "corom";

const BEST = 3;

async function main(model, query, output) {
  if (!output) throw new Error("usage: node embed-titles.mjs MODEL_FOLDER QUERY OUTPUT_FILE");
  const text = await readFile(new URL("titles.txt", import.meta.url), "utf8");
  const titles = text.split("\n").filter(Boolean);

  // A path works as source in Node; so does a URL. "exact": the stored vectors have the same bits on every machine.
  const corom = await Corom.load(model, { quality: "exact" });
  const { dimension, precision, kernel } = corom.info;
  console.log(`${dimension} numbers per vector, ${precision} products, kernel ${kernel}`);

  // `embed` takes any number of texts and batches them itself. `data` is row-major, rows × dimension.
  const vectors = await corom.embed(titles);

  // `rank` embeds the query, compares it with the vectors, and sorts by score.
  for (const { index, score } of await corom.rank(query, vectors, { topK: BEST })) {
    console.log(`${score.toFixed(4)}  ${index}  ${titles[index]}`);
  }
  await writeFile(output, vectors.data);
  console.log(`${output}: ${vectors.rows} × ${vectors.dimension} f32`);

  corom.free();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error instanceof CoromError ? `${error.code}: ${error.message}` : error.message);
  process.exitCode = 1;
});
