//! The formats of a packed weight.

/// The number format of a packed weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightFormat {
    /// int8 with one scale per output.
    I8,
    /// 4 bits in blocks of 32 inputs, with one scale and one zero point per block.
    I4,
    /// f32.
    F32,
}
