//! The formats of a weight.

/// Which weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFormat {
    /// int8 per output.
    I8,
    /// 4 bits in blocks.
    I4,
    /// As they are.
    F32,
}
