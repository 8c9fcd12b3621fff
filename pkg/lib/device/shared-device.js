// A GPUDevice that several leases use (gpu-guard.js), and what becomes of its errors.
//
// An error of one lease's calls, such as an allocation that fails, must not end the GPU for the other models. WebGPU reports
// it later, without the call, unless an error scope was open. So a scope is open around the calls of a lease: from its first
// call in a task until the end of the task's synchronous part, or until another lease calls.
import { isEmulatedAdapter } from "./adapter.js";

const SCOPES = ["validation", "out-of-memory"];

export class SharedDevice {
  #leases = new Set();
  #onClosed;
  /** The lease whose scopes are open. */
  #caller;
  /** Settles when the errors of all calls until now are known. */
  #reported = Promise.resolve();
  isClosed = false;
  /** The device itself has failed: it was lost, or its driver had an internal error. Another one may work. */
  isLost = false;

  /** `onClosed` is called when no other lease may begin. */
  constructor({ gpu, adapter, device }, onClosed) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.device = device;
    this.info = infoOf(adapter);
    this.#onClosed = onClosed;
    device.lost.then(({ reason, message }) => this.#lose(`the device was lost (${message || reason})`));
    // The scopes catch all errors of calls, so this is an internal error of the driver.
    device.addEventListener("uncapturederror", ({ error }) => this.#lose(textOf(error)));
  }

  #lose(reason) {
    this.isLost = true;
    this.fail(reason);
  }

  /** Everything that the device returns from now on is worthless: no other lease begins. */
  fail(reason) {
    this.#close();
    for (const lease of this.#leases) lease.fail(reason);
  }

  add(lease) {
    this.#leases.add(lease);
  }

  remove(lease) {
    this.#leases.delete(lease);
    this.closeIfUnused();
  }

  closeIfUnused() {
    if (this.#leases.size > 0) return;
    this.#close();
    this.device.destroy();
  }

  /** Takes the errors of the calls that follow for errors of `lease`. */
  enter(lease) {
    if (this.#caller === lease) return;
    this.#leave();
    this.#caller = lease;
    for (const scope of SCOPES) this.device.pushErrorScope(scope);
    queueMicrotask(() => this.#leave());
  }

  /** Resolves when the errors of all calls until now are known. */
  async reported() {
    this.#leave();
    await this.#reported;
  }

  #leave() {
    const lease = this.#caller;
    if (!lease) return;
    this.#caller = undefined;
    const popped = SCOPES.map(() => this.#pop());
    const report = async () => {
      for (const error of await Promise.all(popped)) if (error) lease.fail(textOf(error));
    };
    this.#reported = Promise.all([this.#reported, report()]).then(() => {});
  }

  /** Returns the error of a scope, or null; a lost device, which is reported otherwise, has none. */
  async #pop() {
    try {
      return await this.device.popErrorScope();
    } catch {
      return null;
    }
  }

  #close() {
    if (!this.isClosed) this.#onClosed();
    this.isClosed = true;
  }
}

const textOf = (error) => error.message || error.constructor.name;

function infoOf(adapter) {
  const { vendor = "", architecture = "", device = "", description = "" } = adapter.info ?? {};
  const isSoftware = isEmulatedAdapter(adapter, [vendor, architecture, device, description].join("/"));
  const name = description || device || `${vendor} ${architecture}`.trim() || "GPU";
  return Object.freeze({ name, vendor, architecture, description, isSoftware });
}
