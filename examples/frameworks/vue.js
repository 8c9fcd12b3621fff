// A Vue composable: const { query, result, error } = useCatalog("/catalog/", { topK: 20 });
import { onUnmounted, ref, shallowRef, watch } from "vue";
import { Catalog } from "corom/search-worker";

export function useCatalog(source, options = {}) {
  const [query, result, error] = [ref(""), shallowRef(), shallowRef()];
  const loading = Catalog.load(source, { vectors: "later", ...options.load });
  const search = async () => {
    const shop = await loading;
    result.value = await shop.search(query.value, { ...options.search, abortPrevious: true });
    error.value = undefined;
  };
  // A newer search rejects an older one with AbortError.
  const show = () => search().catch((thrown) => thrown.name === "AbortError" || (error.value = thrown));
  watch(query, show, { immediate: true });
  onUnmounted(() => loading.then((shop) => shop.free(), () => {}));
  return { query, result, error, catalog: loading };
}
