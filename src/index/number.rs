//! Numbers to text and back. In WebAssembly the host does it: the tables of the standard library are a tenth of the
//! search binary. Both round correctly, so both give the same numbers.

/// Returns the shortest text that reads as the number. It is JSON for a finite number.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn text(number: f64) -> String {
    number.to_string()
}

/// Returns the shortest text that reads as the number.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn text_f32(number: f32) -> String {
    number.to_string()
}

/// Reads a number in the syntax of JSON. A number that is too large becomes infinite.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn parse(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::wasm::number::{parse, text, text_f32};
