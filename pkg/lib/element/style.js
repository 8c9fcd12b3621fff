// The style of <corom-search>. Its parts are styled by the page: corom-search::part(item) { … }.

const CSS = `
:host { display: block; font: inherit; color: inherit; }
:host([hidden]) { display: none; }
input { box-sizing: border-box; width: 100%; min-height: 2.75rem; padding: .5rem .8rem; border: 1px solid; border-radius: .6rem; background: transparent; color: inherit; font: inherit; }
ol { list-style: none; margin: .5rem 0 0; padding: 0; }
a, button { display: flex; gap: .8rem; justify-content: space-between; align-items: baseline; width: 100%; min-height: 2.75rem; padding: .5rem .3rem; border: 0; background: none; color: inherit; font: inherit; text-align: start; text-decoration: none; cursor: pointer; }
li + li { border-top: 1px solid; border-color: color-mix(in srgb, currentColor 15%, transparent); }
mark { background: none; color: inherit; font-weight: 700; }
p { margin: .4rem 0; font-size: .875rem; opacity: .75; min-height: 1.3em; }
`;

let sheet;

/** Adds the style to a shadow root, without inline style, which a page's policy may forbid. */
export function addStyle(root) {
  if (sheet === undefined) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  root.adoptedStyleSheets = [sheet];
}
