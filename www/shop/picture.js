// Pictures of products, drawn from their shape and color.
import { svgElement } from "./elements.js";

/** Paths in a square of 100 × 100. The first one is filled with the product's color, the others are lines on it. */
const SHAPES = {
  trousers: ["M32 14h36l6 74H56L50 40 44 88H26z", "M32 22h36M50 22v18"],
  coat: ["M36 16l14 8 14-8 18 14-8 20-8-4v40H34V46l-8 4-8-20z", "M50 24v62M40 56h6M54 56h6"],
  dress: ["M38 12h6l6 8 6-8h6l-2 26 16 50H24l16-50z", "M40 40h20"],
  shirt: ["M36 16c4 8 24 8 28 0l20 12-8 18-10-4v44H34V42l-10 4-8-18z", "M44 60h12"],
  shoe: ["M12 58c10-2 16-10 20-20 10 6 14 14 26 18 14 4 28 4 30 16v6H12z", "M12 72h76M36 44l8 8M44 40l8 8"],
  bottle: ["M42 10h16v12c8 6 10 12 10 22v40c0 4-2 6-6 6H38c-4 0-6-2-6-6V44c0-10 2-16 10-22z", "M42 22h16M32 54h36"],
  pan: ["M10 50h56c0 20-10 30-28 30S10 70 10 50z", "M66 54h28M10 50h56"],
  cooker: ["M26 20h48c6 0 8 4 8 10v44c0 8-4 12-12 12H30c-8 0-12-4-12-12V30c0-6 2-10 8-10z", "M18 44h64M40 64h20M44 12h12v8H44z"],
  knife: ["M10 40h58c10 0 16 6 18 20H10z", "M68 40h22"],
  headphones: ["M20 56c0-40 60-40 60 0v24H66V56h4c0-26-40-26-40 0h4v24H20z", "M20 62h14M66 62h14"],
  box: ["M14 32l36-16 36 16v38L50 86 14 70z", "M14 32l36 16 36-16M50 48v38"],
  keyboard: ["M8 34h84v34H8z", "M16 44h68M16 52h68M30 60h40"],
  screen: ["M10 18h80v52H10z", "M40 70l-4 14h28l-4-14M10 60h80"],
  lens: ["M24 26h52l6 10v30l-6 10H24l-6-10V36z", "M50 51m-16 0a16 16 0 1 0 32 0a16 16 0 1 0-32 0"],
  watch: ["M34 30c0-4 2-8 6-8l2-14h16l2 14c4 0 6 4 6 8v40c0 4-2 8-6 8l-2 14H42l-2-14c-4 0-6-4-6-8z", "M42 36h16v28H42z"],
  bed: ["M8 40h84v36H8z", "M8 56h84M16 40V28h24v12M60 40V28h24v12M12 76v10M88 76v10"],
  pillow: ["M16 34c20-10 48-10 68 0 8 10 8 26 0 34-20 10-48 10-68 0-8-8-8-24 0-34z", "M26 44c14-6 34-6 48 0"],
  lamp: ["M34 12h26l14 34H22z", "M48 46v34M30 84h36"],
  disc: ["M50 12a38 38 0 1 0 .1 0z", "M50 32a18 18 0 1 0 .1 0zM50 44a6 6 0 1 0 .1 0z"],
  curtain: ["M14 18h30c0 30-4 50-14 66H14zM86 18H56c0 30 4 50 14 66h16z", "M8 14h84M24 18v60M76 18v60"],
  stroller: ["M22 20c24 0 38 14 38 34H24c-8-8-8-24-2-34z", "M60 54l20-28h8M30 78a6 6 0 1 0 .1 0zM58 78a6 6 0 1 0 .1 0zM30 54v18M58 54v18"],
  blocks: ["M14 52h34v34H14zM52 52h34v34H52zM32 16h34v34H32z", "M22 60h18M60 60h18M40 24h18"],
  bag: ["M26 32h48c6 20 8 36 6 54H20c-2-18 0-34 6-54z", "M36 32c0-24 28-24 28 0M30 58h40v18H30z"],
  tube: ["M38 22h24l6 58H32z", "M40 10h20v12H40zM36 46h28"],
  brush: ["M44 34h12v52c0 4-12 4-12 0z", "M42 10h16v20H42zM46 10v20M50 10v20M54 10v20"],
  tin: ["M26 24h48v58c0 4-48 4-48 0z", "M26 24c0-8 48-8 48 0M26 38h48M40 52h20v18H40z"],
  sack: ["M32 20h36c10 20 14 44 8 66H24c-6-22-2-46 8-66z", "M32 20l-4-8h44l-4 8M38 50h24v20H38z"],
  tent: ["M50 16l42 66H8z", "M50 16v66M50 44L36 82M50 44l14 38"],
  bicycle: ["M24 52a16 16 0 1 0 .1 0zM76 52a16 16 0 1 0 .1 0z", "M24 68l16-34h26l10 34M40 34l16 34H24M34 28h12M66 34V24h10"],
  rod: ["M12 84l4 4 72-68-2-2z", "M87 19v36c0 8-8 8-8 2M26 66a6 6 0 1 0 .1 0z"],
  mat: ["M20 26h60v50H20z", "M20 26a8 25 0 0 0 0 50M34 26v50"],
  can: ["M30 22h30l12 14v50H30z", "M36 12h16v10H36zM40 50h22v20H40z"],
  chair: ["M32 10h36l-4 42H36z", "M30 52h40v10H30zM50 62v14M30 86l20-10 20 10"],
  book: ["M22 14h52v72H22z", "M32 14v72M42 34h22M42 46h22"],
  pen: ["M64 12l14 14-44 44-18 6 6-18z", "M56 20l14 14M22 58l10 10"],
};

/** Returns the picture of a product as an SVG element. */
export function picture({ shape, hex = "#b9b2a6" }) {
  const [body, lines] = SHAPES[shape] ?? SHAPES.box;
  return svgElement(
    "svg",
    { viewBox: "0 0 100 100", class: "picture", "aria-hidden": "true", focusable: "false" },
    svgElement("path", { d: body, fill: hex, stroke: "currentColor", "stroke-width": "1.5", "stroke-linejoin": "round" }),
    svgElement("path", { d: lines, fill: "none", stroke: "currentColor", "stroke-width": "2", "stroke-linecap": "round", opacity: "0.6" }),
  );
}
