//! Which kernel a `Linear` runs.

/// How a `Linear` computes. Packed weights keep the kernel they were packed for; the two relaxed
/// ones share a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kernel {
    /// Integers of up to 13 bits against int8 weights, of 15 against 4-bit ones; floats by plain multiply and add:
    /// the same bits on every machine. The fastest that plain `simd128` can do.
    #[default]
    Exact,
    /// Relaxed SIMD, `i16x8.relaxed_dot_i8x16_i7x16`: activations of 7 bits in blocks of 64
    /// inputs (8 bits in blocks of 32 against 4-bit weights), floats fused. Fastest without VNNI.
    RelaxedI16,
    /// Relaxed SIMD, `i32x4.relaxed_dot_i8x16_i7x16_add`: the same integers, so the same bits,
    /// by an instruction that a machine with AVX-VNNI or Arm's dot product has, and others
    /// spell out slowly.
    RelaxedI32,
}

impl Kernel {
    /// Its name, as `corom.info` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::RelaxedI16 => "relaxed-i16",
            Self::RelaxedI32 => "relaxed-i32",
        }
    }

    /// Whether it is one of the relaxed ones.
    pub fn is_relaxed(self) -> bool {
        self != Self::Exact
    }
}
