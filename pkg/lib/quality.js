// The options `quality` and `advanced` of `Corom.load`: how matrix products are computed.
import { describeValue, ofType, oneOf, optional, unexpected } from "./arguments.js";
import { invalid } from "./errors.js";
import { readOptions } from "./option-names.js";

/** The meaning of each quality, in the words of the Rust loader. */
const QUALITIES = {
  balanced: { precision: "auto", kernel: "auto" },
  exact: { precision: "auto", kernel: "exact" },
  float: { precision: "f32", kernel: "auto" },
};
const ADVANCED = { simd: ["auto", "plain", "relaxed"], precision: ["auto", "f32"], kernel: ["auto", "exact"] };

/** Checks both options. Returns `{ simd, precision, kernel }`, and `fused` and `gpu` if they are given. */
export function qualityOptions({ quality, advanced }) {
  optional(quality, (name) => oneOf(name, "quality", Object.keys(QUALITIES)));
  const given = readOptions(advanced, [...Object.keys(ADVANCED), "fused", "gpu"], { call: "advanced", argument: "advanced" });
  for (const [name, values] of Object.entries(ADVANCED)) optional(given[name], (v) => oneOf(v, `advanced.${name}`, values));
  optional(given.fused, (b) => ofType(b, "advanced.fused", "boolean"));
  optional(given.gpu, checkGpu);
  if (quality === undefined) return { simd: "auto", ...QUALITIES.balanced, ...given };
  const meant = QUALITIES[quality];
  for (const [name, value] of Object.entries(meant)) {
    if (given[name] !== undefined && given[name] !== value) {
      const found = describeValue(given[name]);
      throw invalid(`advanced.${name}: got ${found}, but quality: "${quality}" means "${value}"; leave one of the two out`);
    }
  }
  return { simd: "auto", ...meant, ...given };
}

/** Checks an object of WebGPU's interface `GPU`, such as `navigator.gpu`. */
function checkGpu(value) {
  if (typeof value.requestAdapter !== "function") throw unexpected("advanced.gpu", value, "an object like navigator.gpu");
}
