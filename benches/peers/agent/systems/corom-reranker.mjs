// corom's reranker, through its npm package. Its times include tokenizing.

/** Opens a model; `options` are those of CoromReranker.load. */
export async function open(place, { files, options }) {
  const { CoromReranker } = await import(place.corom);
  // No result may come from a cache.
  const reranker = await CoromReranker.load(place.model[files], { maxLength: 128, cache: "none", pairCache: 0, ...options });
  const { simd, backend, version, kernel } = reranker.info;
  return {
    facts: { simd, backend, version, kernel },
    tokenize: (query, document) => reranker.tokenize(query, document),
    /** Returns the logits of the documents, in their order. `onFirst` is called when the first ones are known. */
    async score({ query, documents }, { onFirst }) {
      let isFirst = true;
      const onPartial = () => isFirst && ((isFirst = false), onFirst());
      const logits = new Float32Array(documents.length);
      for (const { index, logit } of await reranker.rerank(query, documents, { onPartial })) logits[index] = logit;
      return logits;
    },
  };
}
