"use client";
// A React hook: const { result, error } = useCatalog("/catalog/", query, { search: { topK: 20 } });
import { useEffect, useState } from "react";
import { Catalog } from "corom/search-worker";

export function useCatalog(source, query, options = {}) {
  const [shop, setShop] = useState();
  const [result, setResult] = useState();
  const [error, setError] = useState();
  useEffect(() => {
    const loading = Catalog.load(source, { vectors: "later", ...options.load });
    loading.then(setShop, setError);
    return () => {
      setShop(undefined); // a freed catalog must not be searched
      loading.then((loaded) => loaded.free(), () => {});
    };
  }, [source]);
  useEffect(() => {
    const searching = shop?.search(query, { ...options.search, abortPrevious: true });
    // A newer search rejects an older one with AbortError.
    const show = (found) => [setResult(found), setError(undefined)];
    searching?.then(show, (thrown) => thrown.name === "AbortError" || setError(thrown));
  }, [shop, query]);
  return { result, error, catalog: shop };
}
