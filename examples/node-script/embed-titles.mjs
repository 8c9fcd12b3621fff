// node embed-titles.mjs MODEL_FOLDER QUERY OUTPUT_FILE
import { readFile, writeFile } from "node:fs/promises";
import { Corom, CoromError } from "corom";

const BEST = 3;

async function main(model, query, output) {
  if (!output) throw new Error("usage: node embed-titles.mjs MODEL_FOLDER QUERY OUTPUT_FILE");
  const text = await readFile(new URL("titles.txt", import.meta.url), "utf8");
  const titles = text.split("\n").filter(Boolean);

  // A path works as source in Node; so does a URL.
  const corom = await Corom.load(model);
  const { dimension, precision, kernel } = corom.info;
  console.log(`${dimension} numbers per vector, ${precision} products, kernel ${kernel}`);

  // `rank` embeds the query and the titles, and sorts by score.
  for (const { index, score, text } of await corom.rank(query, titles, { topK: BEST })) {
    console.log(`${score.toFixed(4)}  ${index}  ${text}`);
  }

  // `embed` takes any number of texts and batches them itself. `data` is row-major, rows × dimension.
  const vectors = await corom.embed(titles);
  await writeFile(output, vectors.data);
  console.log(`${output}: ${vectors.rows} × ${vectors.dimension} f32`);

  corom.free();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error instanceof CoromError ? `${error.code}: ${error.message}` : error.message);
  process.exitCode = 1;
});
