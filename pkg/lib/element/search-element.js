// The class of <corom-search>.
import { marked } from "./marked.js";
import { addStyle } from "./style.js";

const ATTRIBUTES = ["catalog", "model", "placeholder", "limit", "field", "price", "link", "query", "label"];
const DEFAULT_LIMIT = 10;

/** Returns the class of the element. `Catalog` and `Corom` are those of the workers' entries. */
export function createSearchElement({ Catalog, Corom }) {
  return class CoromSearch extends (globalThis.HTMLElement ?? class {}) {
    static observedAttributes = ATTRIBUTES;
    #input;
    #list;
    #status;
    #loading;
    #shop;
    #corom;
    #newest = 0;

    connectedCallback() {
      if (this.#input === undefined) this.#build();
      this.#load();
    }

    /** Releases the memory; the element loads again if it comes back into the page. */
    disconnectedCallback() {
      queueMicrotask(() => this.isConnected || this.#release());
    }

    attributeChangedCallback(name, before, after) {
      if (this.#input === undefined || before === after) return;
      if (name === "catalog" || name === "model") {
        this.#release();
        if (this.isConnected) this.#load();
      } else if (name === "query") {
        this.#input.value = after ?? "";
        this.#search();
      } else {
        this.#label();
        this.#search();
      }
    }

    /** The catalog, for pages that also search by themselves; undefined while it loads. */
    get catalog() {
      return this.#shop;
    }

    #build() {
      const root = this.attachShadow({ mode: "open", delegatesFocus: true });
      addStyle(root);
      const make = (tag, part, attributes = {}) => {
        const made = document.createElement(tag);
        made.part = part;
        for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
        root.append(made);
        return made;
      };
      this.#input = make("input", "input", { type: "search", enterkeyhint: "search", autocomplete: "off", spellcheck: "false", maxlength: "200" });
      this.#status = make("p", "status", { role: "status" });
      this.#list = make("ol", "list");
      this.#input.value = this.getAttribute("query") ?? "";
      this.#label();
      const changed = (event) => event.isComposing || this.#search();
      this.#input.addEventListener("input", changed);
      this.#input.addEventListener("compositionend", () => this.#search());
    }

    #label() {
      const text = this.getAttribute("placeholder") ?? "";
      this.#input.placeholder = text;
      this.#input.setAttribute("aria-label", this.getAttribute("label") ?? (text || "Search"));
    }

    async #load() {
      const [catalog, model] = [this.getAttribute("catalog"), this.getAttribute("model")];
      if (catalog === null || this.#loading !== undefined) return;
      const controller = (this.#loading = new AbortController());
      const { signal } = controller;
      const isMine = () => this.#loading === controller;
      try {
        const shop = await Catalog.load(new URL(catalog, this.baseURI).href, { vectors: model === null ? "none" : "later", signal });
        if (!isMine()) return shop.free();
        this.#shop = shop;
        this.#search();
        if (model === null) return;
        const corom = await Corom.load(new URL(model, this.baseURI).href, { signal });
        if (!isMine()) return corom.free();
        this.#corom = corom;
        await shop.ready;
        if (!isMine()) return;
        shop.attach(corom);
        this.#emit("corom-ready", { catalog: shop, model: corom });
        this.#search();
      } catch (error) {
        if (isMine()) this.#fail(error);
      }
    }

    #release() {
      this.#loading?.abort();
      this.#newest++;
      this.#shop?.free();
      this.#corom?.free();
      this.#loading = this.#shop = this.#corom = undefined;
    }

    async #search() {
      const query = this.#input.value;
      const mine = ++this.#newest;
      if (this.#shop === undefined) return;
      if (query.trim() === "") return this.#show({ hits: [], total: 0 }, query);
      try {
        const limit = Number(this.getAttribute("limit") ?? DEFAULT_LIMIT);
        const result = await this.#shop.search(query, { topK: Number.isInteger(limit) && limit > 0 ? limit : DEFAULT_LIMIT });
        if (mine === this.#newest) this.#show(result, query);
      } catch (error) {
        if (mine === this.#newest) this.#fail(error);
      }
    }

    #show(result, query) {
      const field = this.getAttribute("field") ?? this.#shop.info.fields[0].name;
      this.#status.textContent = query.trim() === "" ? "" : String(result.total);
      this.#list.replaceChildren(...result.hits.map((hit) => this.#itemOf(hit, field)));
      if (query.trim() !== "") this.#emit("corom-results", { query, result });
    }

    #itemOf(hit, field) {
      const link = this.getAttribute("link");
      const href = link === null ? undefined : (hit.stored?.[link] ?? hit.attributes[link]);
      const target = document.createElement(href === undefined ? "button" : "a");
      if (href === undefined) target.type = "button";
      else if (/^(https?:|[^:]*$)/.test(href)) target.href = href; // no javascript: of a catalog
      target.part = "item";
      const title = document.createElement("span");
      title.part = "title";
      title.append(...marked(hit.fields[field] ?? hit.id, hit.highlights[field] ?? []));
      target.append(title);
      const price = hit.attributes[this.getAttribute("price") ?? "price"];
      if (price !== undefined) {
        const shown = document.createElement("span");
        shown.part = "price";
        shown.textContent = String(price);
        target.append(shown);
      }
      // A page may cancel the event, and open the product by itself.
      target.addEventListener("click", (event) => this.#emit("corom-select", { hit }) || event.preventDefault());
      const item = document.createElement("li");
      item.append(target);
      return item;
    }

    #fail(error) {
      if (error?.name === "AbortError") return;
      this.#status.textContent = `${error?.code ?? error?.name}: ${error?.message ?? error}`;
      this.#emit("corom-error", { error });
    }

    /** Returns false if the event was canceled. */
    #emit(name, detail) {
      return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
    }
  };
}
