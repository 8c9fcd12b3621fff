//! The kernels, as the crate has them.

#[allow(unused_imports, reason = "the crate's other modules need what is not measured here")]
#[path = "../../../src/encoder/cpu/mod.rs"]
pub mod cpu;
#[path = "../../../src/encoder/reference/mod.rs"]
pub mod reference;
