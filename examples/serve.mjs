// Serves an example page on this machine:  node examples/serve.mjs page-search|page-worker MODEL_FOLDER
//
// The page is at /, the npm package at /corom/, the model at /model/: the same three folders that you would put on a site.
import path from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "../www/serve.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));

/** Returns the served folders by their path on the site. */
export function exampleRoots(example, model) {
  return {
    "/": path.join(HERE, example),
    "/corom/": path.join(HERE, "../pkg"),
    "/model/": path.resolve(model),
  };
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const [example, model] = process.argv.slice(2);
  if (!["page-search", "page-worker"].includes(example) || !model) {
    console.error("usage: node examples/serve.mjs page-search|page-worker MODEL_FOLDER");
    process.exit(2);
  }
  const { address } = await serve(exampleRoots(example, model));
  console.log(`The page is at ${address}  (Ctrl+C ends it)`);
}
