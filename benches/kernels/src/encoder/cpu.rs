//! The kernels of the CPU back end.

#[allow(unused_imports, reason = "the crate's other modules use what is not measured here")]
#[path = "../../../../src/encoder/cpu/kernels/mod.rs"]
pub mod kernels;
