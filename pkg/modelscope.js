// Entry `corom/modelscope`: ModelScope's pipelines, with its names, for a loaded instance of any entry.
export { sentenceEmbedding, textRanking } from "./lib/modelscope.js";
