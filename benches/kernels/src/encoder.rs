//! The kernels, as the crate has them.

#[path = "../../../src/encoder/cpu/mod.rs"]
pub mod cpu;
#[path = "../../../src/encoder/ops/mod.rs"]
pub mod ops;
