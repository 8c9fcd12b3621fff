// The service worker of the shop: keeps the page, so that it works without a network. The model and the catalog are kept
// by corom itself, except the small files that list their parts.
const CACHE = "corom-shop-1";
/** Files that corom keeps, by their hash. */
const KEPT_BY_COROM = /\/(model|reranker|catalog)\/.*\.(catalog|delta|onnx_data_\d+|onnx|safetensors)$/;

self.addEventListener("install", (event) => event.waitUntil(keepPage()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function keepPage() {
  const cache = await caches.open(CACHE);
  const { files } = await (await fetch("site.json", { cache: "no-cache" })).json();
  await cache.addAll([...files, "site.json"]);
  await self.skipWaiting();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || KEPT_BY_COROM.test(pathname)) return;
  if (request.headers.has("range")) return;
  event.respondWith(freshOrKept(request));
});

/** The network first, so that a new version shows at once; what was kept if there is no network. */
async function freshOrKept(request) {
  const cache = await caches.open(CACHE);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
    if (kept !== undefined) return kept;
    throw error;
  }
}
