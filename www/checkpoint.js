// Converts a checkpoint that was selected on this device, so that the page can load it.
const WEIGHTS = /(^|\/)(pytorch_model\.bin|model\.safetensors)$/;
const LOADS_AS_IT_IS = /(^|\/)corom\.json$|\.onnx$/i;

/** Returns whether the selected files are a checkpoint, which has to be converted first. */
export function isCheckpoint(files) {
  const names = Array.from(files, (file) => file.webkitRelativePath || file.name);
  return names.some((name) => WEIGHTS.test(name)) && !names.some((name) => LOADS_AS_IT_IS.test(name));
}

/** Converts the selected files to int8 in a worker, and returns the files of the model folder. */
export async function convertCheckpoint(files, { signal, onProgress }) {
  const { convert } = await import("./pkg/convert.js"); // only pages that convert load the converter
  const phases = { convert: "convert", "self-test": "convert_test" };
  const report = ({ phase, ...event }) => phases[phase] && onProgress({ ...event, phase: phases[phase] });
  onProgress({ phase: "wasm" });
  const conversion = await convert(files, { dtype: "int8", signal, onProgress: report });
  return conversion.files;
}
