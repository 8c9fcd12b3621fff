// The settings of the model: precision, back end and workers. A change of one loads the model again.
import { byId, element } from "./elements.js";
import { SETTINGS } from "./state.js";

/** The values of the control `device`, the default first, and their texts. */
const WITHOUT_GPU = { wasm: "wasm" };
const WITH_GPU = { wasm: "wasm", auto: "auto", webgpu: "GPU" };

/** Connects the controls. `devices` has the back ends of this host, `onChange(name, value)` is called after a change. */
export function startSettings(devices, onChange) {
  const choices = Object.entries(devices.includes("webgpu") ? WITH_GPU : WITHOUT_GPU);
  byId("device").replaceChildren(...choices.map(([value, text]) => element("option", { value }, text)));
  for (const name of SETTINGS) {
    byId(name).addEventListener("change", ({ target }) => onChange(name, target.value));
  }
}

/** Shows the settings of a state. */
export function showSettings(state) {
  for (const name of SETTINGS) {
    const select = byId(name);
    if (state[name] !== undefined) select.value = state[name];
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
}

/** Returns the options of `Corom.load` for a state. */
export const loadOptions = ({ quality, device, workers }) => ({ quality, device, workers: workers && Number(workers) });
