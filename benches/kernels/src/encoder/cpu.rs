//! The CPU back end without its ops in tract's graph.

#[allow(unused_imports, reason = "the crate's other modules use what is not measured here")]
#[path = "../../../../src/encoder/cpu/kernels/mod.rs"]
pub mod kernels;
