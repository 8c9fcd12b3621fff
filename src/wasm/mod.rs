//! The classes and functions that JavaScript sees: one file per class, conversions only.

#[cfg(feature = "search")]
mod analysis;
#[cfg(feature = "search")]
mod catalog;
#[cfg(feature = "index")]
mod catalog_builder;
#[cfg(feature = "search")]
mod catalog_file;
#[cfg(feature = "embed")]
mod clock;
mod convert;
#[cfg(feature = "convert")]
mod converter;
#[cfg(feature = "embed")]
mod embedder;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "embed")]
mod job;
#[cfg(feature = "embed")]
mod kept_vectors;
#[cfg(feature = "embed")]
mod loader;
#[cfg(feature = "search")]
pub(crate) mod number;
#[cfg(feature = "embed")]
mod reranker;
#[cfg(feature = "embed")]
mod unverified_model;

use wasm_bindgen::prelude::*;

/// Prints panics to the console. Runs once, when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Returns the version of the crate.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Returns the size of the linear memory in bytes. The memory never shrinks, so this is its peak.
#[wasm_bindgen(js_name = memoryBytes)]
pub fn memory_bytes() -> f64 {
    (core::arch::wasm32::memory_size(0) * 65536) as f64
}
