//! The CPU back end: packs the ops of a plan for SIMD kernels and runs them.
//!
//! | part | content |
//! |---|---|
//! | [`kernels`] | the fused ops on slices; the only `unsafe`; knows no plans |
//! | `pack` | the weights of an op in the layout of its kernel |
//! | `builder` | packs ops as weights arrive |
//! | `packed_op` | the ops with their packed weights, and how they run |
//! | `encoder` | runs a batch |

mod builder;
mod encoder;
pub mod kernels;
mod pack;
mod packed_op;

pub(super) use builder::CpuBuilder;
