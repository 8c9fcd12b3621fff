//! The CPU back end. Its [`kernels`] compute the fused ops on slices.

pub mod kernels;
