//! The kernels and what they are compiled with, from the crate's own source files.

pub mod cpu;
#[path = "../../../src/encoder/quantize/mod.rs"]
pub mod quantize;
#[path = "../../../src/encoder/reference/mod.rs"]
pub mod reference;
#[path = "../../../src/encoder/reserve.rs"]
mod reserve;
#[path = "../../../src/encoder/spec.rs"]
pub mod spec;
