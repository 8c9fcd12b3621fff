//! The CPU back end: packs the ops of a plan for SIMD kernels and lets tract run them.
//!
//! | part | content |
//! |---|---|
//! | [`kernels`] | the fused ops on slices; the only `unsafe`; knows neither tract nor plans |
//! | `pack` | the weights of an op in the layout of its kernel |
//! | `builder` | packs ops as weights arrive, and wires them into tract's graph |
//! | `tract_ops` | the fused ops as ops of tract's graph |
//! | `encoder` | runs a batch |

mod builder;
mod encoder;
pub mod kernels;
mod pack;
mod tract_ops;

pub(super) use builder::CpuBuilder;
