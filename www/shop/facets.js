// The filters: values with their counts, a price range, and what is in stock.
import { byId, drawLater, element } from "./elements.js";
import { translate } from "./language.js";

const LISTS = ["category", "audience", "color", "features"];

/** Shows the facets of a result after the next frame. `state` is what is chosen; `onChange` is called after a change of it. */
export function showFacets(facets, state, onChange) {
  drawLater("facets", () => showNow(facets, state, onChange));
}

function showNow(facets, state, onChange) {
  const place = byId("facets");
  const focused = document.activeElement?.dataset?.facet;
  place.replaceChildren(
    ...LISTS.filter((name) => facets[name]?.values.length > 0 || state.chosen[name].size > 0).map((name) => listOf(name, facets[name] ?? { values: [] }, state.chosen[name], onChange)),
    ...(facets.price ? [priceOf(facets.price, state, onChange)] : []),
    ...(facets.stock ? [stockOf(facets.stock, state, onChange)] : []),
  );
  // The list is made again while its box has the focus.
  if (focused !== undefined) place.querySelector(`[data-facet="${CSS.escape(focused)}"]`)?.focus();
}

function listOf(name, { values }, chosen, onChange) {
  const missing = [...chosen].filter((value) => !values.some((one) => one.value === value)).map((value) => ({ value, count: 0 }));
  const boxes = [...values, ...missing].map(({ value, count }) =>
    element(
      "label",
      {},
      element("input", {
        type: "checkbox",
        "data-facet": `${name}:${value}`,
        ...(chosen.has(value) && { checked: true }),
        onchange: ({ target }) => {
          if (target.checked) chosen.add(value);
          else chosen.delete(value);
          onChange();
        },
      }),
      element("span", { lang: "zh-CN" }, value),
      element("small", {}, String(count)),
    ),
  );
  return element("fieldset", { class: "facet" }, element("legend", { "data-text": `facet_${name}` }, translate(`facet_${name}`)), ...boxes);
}

function priceOf(facet, state, onChange) {
  const bounds = facet?.bounds ?? undefined;
  const field = (end) => {
    const input = element("input", {
      type: "number",
      inputmode: "decimal",
      min: "0",
      "data-facet": `price:${end}`,
      "aria-label": translate(end === 0 ? "from" : "to"),
      placeholder: bounds && String(end === 0 ? Math.floor(bounds[0]) : Math.ceil(bounds[1])),
      onchange: ({ target }) => {
        state.price[end] = target.value === "" ? undefined : Number(target.value);
        onChange();
      },
    });
    if (state.price[end] !== undefined) input.value = state.price[end];
    return input;
  };
  const slider = element("input", {
    type: "range",
    min: "0",
    max: "100",
    "data-facet": "price:slider",
    "aria-label": translate("slider"),
    disabled: bounds === undefined,
    onchange: ({ target }) => {
      const share = Number(target.value) / 100;
      state.price[1] = share === 1 ? undefined : Math.round(priceAt(share, bounds));
      onChange();
    },
  });
  slider.value = state.price[1] === undefined || bounds === undefined ? 100 : Math.round(100 * shareOf(state.price[1], bounds));
  return element(
    "fieldset",
    { class: "facet" },
    element("legend", { "data-text": "facet_price" }, translate("facet_price")),
    element("div", { class: "range" }, field(0), "–", field(1)),
    slider,
  );
}

/** Prices are many small and few large ones, so the slider is logarithmic. */
const priceAt = (share, [low, high]) => Math.max(low, 1) * (Math.max(high, 1) / Math.max(low, 1)) ** share;
function shareOf(price, [low, high]) {
  const [from, to] = [Math.max(low, 1), Math.max(high, 1)];
  return to === from ? 1 : Math.max(0, Math.min(1, Math.log(Math.max(price, 1) / from) / Math.log(to / from)));
}

function stockOf(facet, state, onChange) {
  const count = facet?.values.find(({ value }) => value === "true")?.count ?? 0;
  const box = element("input", {
    type: "checkbox",
    "data-facet": "stock",
    ...(state.inStock && { checked: true }),
    onchange: ({ target }) => {
      state.inStock = target.checked;
      onChange();
    },
  });
  return element("fieldset", { class: "facet" }, element("legend", { "data-text": "facet_stock" }, translate("facet_stock")),
    element("label", {}, box, element("span", { "data-text": "inStock" }, translate("inStock")), element("small", {}, String(count))));
}
