// Suggestions below the search box: a combobox with a list, https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
import { byId, element } from "./elements.js";

const MOST = 8;

/** Connects the box. `suggest(text)` resolves to texts; `onChoose(text)` is called with the one that is chosen. */
export function startSuggestions(box, suggest, onChoose) {
  const list = byId("suggestions");
  let asked = 0;
  let active = -1;

  const options = () => [...list.children];
  function close() {
    asked++;
    active = -1;
    list.hidden = true;
    box.setAttribute("aria-expanded", "false");
    box.removeAttribute("aria-activedescendant");
  }
  function choose(text) {
    close();
    onChoose(text);
  }
  function activate(index) {
    const all = options();
    active = (index + all.length) % all.length;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === active)));
    box.setAttribute("aria-activedescendant", all[active].id);
    all[active].scrollIntoView({ block: "nearest" });
  }

  async function update() {
    const text = box.value.trim();
    const mine = ++asked;
    if (text === "") return close();
    const found = (await suggest(text, MOST)).filter((one) => one.text !== text);
    if (mine !== asked || document.activeElement !== box) return;
    if (found.length === 0) return close();
    active = -1;
    box.removeAttribute("aria-activedescendant");
    list.replaceChildren(
      ...found.map(({ text: suggestion, items }, i) =>
        element(
          "li",
          // The pointer must not take the focus from the box.
          { id: `suggestion-${i}`, role: "option", "aria-selected": "false", lang: "zh-CN", onpointerdown: (event) => event.preventDefault(), onclick: () => choose(suggestion) },
          suggestion,
          element("small", {}, String(items)),
        ),
      ),
    );
    list.hidden = false;
    box.setAttribute("aria-expanded", "true");
  }

  box.addEventListener("blur", close);
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      activate(event.key === "ArrowDown" ? active + 1 : active < 0 ? -1 : active - 1);
      event.preventDefault();
    } else if (event.key === "Enter" && active >= 0) {
      choose(options()[active].firstChild.textContent);
      event.preventDefault();
    } else if (event.key === "Escape") {
      close();
      event.preventDefault();
    }
  });
  return { update, close };
}
