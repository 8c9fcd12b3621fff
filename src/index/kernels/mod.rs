//! The inner loops of the scans, one file per operation, on slices. Each has a scalar reference; the tests compare the
//! two. Sums are integers, so every machine gives the same bits.

pub(crate) mod at_least;
pub(crate) mod dot_i8;
pub(crate) mod dot_u4;
pub(crate) mod nibble_sums;
