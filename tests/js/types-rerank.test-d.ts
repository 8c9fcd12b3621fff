// Never run: `tsc --strict` reads it. Rerankers; what must not compile is marked @ts-expect-error.
import { CoromReranker } from "corom";
import type {
  NotReranked,
  PairTokens,
  Reranked,
  RerankerInfo,
  RerankerLoadOptions,
  RerankOptions,
  RerankProgress,
  Vector,
} from "corom";
import { textRanking, type RankingOutput } from "corom/modelscope";
import { CoromReranker as InWorker, type WorkerRerankerInfo } from "corom/worker";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(equal: Equal<A, B>): void;

export async function rerank(signal: AbortSignal): Promise<void> {
  const options: RerankerLoadOptions = { pairCache: 0, maxLength: 128, quality: "exact", signal };
  const reranker = await CoromReranker.load("./ranking/", options);
  // @ts-expect-error a reranker has no vectors
  await CoromReranker.load("./ranking/", { pooling: "cls" });
  // @ts-expect-error an option of Corom.load
  await CoromReranker.load("./ranking/", { queryCache: 5 });
  // @ts-expect-error there is no public constructor
  new CoromReranker();

  const results: Reranked[] = await reranker.rerank("query", ["a", "b"], { topK: 1, abortPrevious: true, signal });
  const [first] = results;
  if (first) same<[number, number, number, string], [typeof first.index, typeof first.score, typeof first.logit, typeof first.text]>(true);
  const some: (Reranked | NotReranked)[] = await reranker.rerank("query", ["a"], { budgetMs: 5 });
  for (const { score, logit } of some) same<[number | undefined, number | undefined], [typeof score, typeof logit]>(true);
  for (const result of some) if (result.score !== undefined) same<Reranked, typeof result>(true);
  // @ts-expect-error with a budget a score may be missing
  const all: Reranked[] = await reranker.rerank("query", ["a"], { budgetMs: 5 });
  const given: RerankOptions = {
    onPartial(list, progress) {
      same<RerankProgress, typeof progress>(true);
      void [list.length, progress.done / progress.total];
    },
    onProgress: ({ done }) => void done,
  };
  await reranker.rerank("query", ["a"], given);
  await reranker.rerank("query", ["a"] as readonly string[], null);
  // @ts-expect-error texts
  await reranker.rerank("query", [5]);
  // @ts-expect-error the option is abortPrevious
  await reranker.rerank("query", ["a"], { newestWins: true });
  const scores: Vector = await reranker.score("query", ["a"], { signal });
  // @ts-expect-error an option of rerank
  await reranker.score("query", ["a"], { topK: 1 });
  const tokens: PairTokens = await reranker.tokenize("query", "document");
  const info: RerankerInfo = reranker.info;
  // @ts-expect-error a reranker has no vectors
  void info.dimension;
  const bytes: number = (await CoromReranker.cache.size({ cacheDir: "./models" })).bytes;
  void [all, scores, tokens.typeIds, info.labels, info.wasmMemory, bytes];
  reranker.free();
}

export async function inWorker(): Promise<RankingOutput> {
  const reranker = await InWorker.load("./ranking/", { workers: 2, abortTimeout: Infinity, pairCache: 100 });
  const info: WorkerRerankerInfo = reranker.info;
  void [info.workers, info.workerMemory, info.labels];
  await reranker.unload();
  const pipeline = textRanking(reranker);
  // @ts-expect-error documents are needed
  await pipeline({ source_sentence: ["query"] });
  return pipeline({ source_sentence: ["query"], sentences_to_compare: ["a"] }, { onProgress: ({ done }) => void done });
}
