//! The kernels that a `Linear` can run.

/// The kernel with which a `Linear` computes its products. Packed weights keep the kernel that they were packed for.
/// The two relaxed kernels share a weight layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernel {
    /// Has the same bits on every machine, and is the fastest kernel without relaxed SIMD. Activations are integers
    /// of up to 13 bits for int8 weights and of 15 bits for 4-bit weights. f32 products are not fused with
    /// their sums.
    #[default]
    Exact,
    /// Relaxed SIMD, `i16x8.relaxed_dot_i8x16_i7x16_s`. Activations have 7 bits in blocks of 64 inputs for
    /// int8 weights, and 8 bits in blocks of 32 inputs for 4-bit weights. f32 products are fused with their
    /// sums. The fastest kernel on processors without VNNI.
    RelaxedI16,
    /// Relaxed SIMD, `i32x4.relaxed_dot_i8x16_i7x16_add_s`. The integers and the resulting bits are those of
    /// [`Kernel::RelaxedI16`]. One instruction on processors with AVX-VNNI or with Arm's dot product; a slow
    /// sequence on others.
    RelaxedI32,
}

impl Kernel {
    /// Returns the name that `corom.info` reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::RelaxedI16 => "relaxed-i16",
            Self::RelaxedI32 => "relaxed-i32",
        }
    }

    /// Returns true for the two relaxed kernels.
    pub fn is_relaxed(self) -> bool {
        self != Self::Exact
    }
}
