//! The class `Gpu`: a GPU that a model is loaded onto. `pkg/lib/gpu-guard.js` opens it and watches it.

use js_sys::Promise;
use js_sys::futures::future_to_promise;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use super::clock::now;
use super::convert::from_js;
use crate::encoder::gpu::{GpuDevice, WebAdapter};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Adapter {
    name: String,
    vendor: String,
    is_software: bool,
    submission_ms: f64,
    #[serde(default)]
    variants: u32,
}

/// See [`GpuDevice`].
#[wasm_bindgen]
pub struct Gpu(pub(super) GpuDevice);

#[wasm_bindgen]
impl Gpu {
    /// Opens the page's GPU. `adapter`: `{ name, vendor, isSoftware, submissionMs, variants }`; `variants` is
    /// what an earlier load has returned. Returns a promise of a `Gpu`.
    pub fn open(adapter: JsValue) -> Promise {
        future_to_promise(async move {
            let Adapter { name, vendor, is_software, submission_ms, variants } = from_js(adapter, "adapter")?;
            let adapter = WebAdapter { name, vendor, is_software, submission_ms, variants, clock: now };
            let gpu = GpuDevice::open_web(&adapter).await?;
            Ok(Self(gpu).into())
        })
    }

    /// Records that the GPU has failed.
    pub fn fail(&self, reason: &str) {
        self.0.fail(reason);
    }

    /// Returns the first failure.
    pub fn failure(&self) -> Option<String> {
        self.0.failure()
    }

    /// Returns the time that the checks took, with the compilation of shaders; 0 before.
    #[wasm_bindgen(js_name = checkMs)]
    pub fn check_ms(&self) -> f64 {
        self.0.check_ms()
    }

    /// Returns the number of the variants of products that were measured, now or by an earlier load; 0 before, and where
    /// they are not measured.
    pub fn variants(&self) -> u32 {
        self.0.variants_code()
    }

    /// Returns the bytes of all buffers that this instance has on the GPU.
    #[wasm_bindgen(js_name = liveBytes)]
    pub fn live_bytes(&self) -> f64 {
        self.0.live_bytes() as f64
    }
}
