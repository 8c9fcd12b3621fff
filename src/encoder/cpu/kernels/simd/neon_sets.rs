//! NEON, with and without its dot product.
//!
//! NEON multiplies `i16` to `i32` lane by lane: `smlal` takes the low half of its operands, `smlal2` the high half.
//! Adding up neighbors would take two more instructions per product, so [`NeonSums`] adds them up at its end.

use super::base::Base;
use super::neon::{F32x4, I8x16, I16x8, I32x4, neon};
use super::wide::{Job, Simd, Sums};
use std::arch::aarch64::*;
use std::arch::asm;

/// The token of NEON.
#[derive(Debug, Clone, Copy)]
pub struct Neon;

/// The token of NEON with the dot product.
#[derive(Debug, Clone, Copy)]
pub struct NeonDot(());

impl NeonDot {
    /// Returns the token.
    ///
    /// # Safety
    /// The machine must have the dot product.
    pub(super) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Four sums. Lane `i` is lane `i` of `whole` plus the neighbors `2 i` and `2 i + 1` of `low` and then `high`.
///
/// As an operand it is `whole`: four `i32`, or pairs of `i16`, or quads of `i8`. An operand's halves are zeros, which
/// the compiler leaves out.
#[derive(Debug, Clone, Copy)]
pub struct NeonSums {
    whole: I32x4,
    low: I32x4,
    high: I32x4,
}

impl NeonSums {
    #[inline(always)]
    fn new(whole: I32x4) -> Self {
        Self { whole, low: I32x4::zero(), high: I32x4::zero() }
    }

    /// Returns the sums.
    #[inline(always)]
    fn total(self) -> I32x4 {
        self.whole.add(I32x4(neon!(vpaddq_s32(self.low.0, self.high.0))))
    }
}

/// The parts that both sets share.
macro_rules! neon_vectors {
    () => {
        type F32 = F32x4;
        type I32 = I32x4;
        type Sums = NeonSums;
        type I16 = [I16x8; 2];
        const PANELS: usize = 1;
        const MIN_STRASSEN_ROWS: usize = 64;

        #[inline(always)]
        fn dot_pairs(self, sums: NeonSums, a: NeonSums, b: NeonSums) -> NeonSums {
            let (I16x8(a), I16x8(b)) = (a.whole.to_i16_pairs(), b.whole.to_i16_pairs());
            NeonSums {
                low: I32x4(neon!(vmlal_s16(sums.low.0, vget_low_s16(a), vget_low_s16(b)))),
                high: I32x4(neon!(vmlal_high_s16(sums.high.0, a, b))),
                ..sums
            }
        }

        #[inline(always)]
        fn add_pairs(self, sums: NeonSums, pairs: NeonSums) -> NeonSums {
            let whole = I32x4(neon!(vpadalq_s16(sums.whole.0, pairs.whole.to_i16_pairs().0)));
            NeonSums { whole, ..sums }
        }

        #[inline(always)]
        fn dot_i16(self, signed: NeonSums, small: NeonSums) -> NeonSums {
            let (I8x16(a), I8x16(b)) = (signed.whole.to_i8(), small.whole.to_i8());
            // 2 · 127 · 128 fits an `i16`.
            let pairs =
                I16x8(neon!({ vpaddq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)), vmull_high_s8(a, b)) }));
            NeonSums::new(pairs.to_i32())
        }

        #[inline(always)]
        fn add_i16(self, a: NeonSums, b: NeonSums) -> NeonSums {
            NeonSums::new(a.whole.to_i16_pairs().add(b.whole.to_i16_pairs()).to_i32())
        }

        #[inline(always)]
        fn mul_add(self, a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
            a.mul(b).add(c)
        }

        #[inline(always)]
        fn quantize_octets<const QUADS: bool>(
            self,
            rows: [&[f32; 8]; 4],
            inverse_scales: [f32; 4],
        ) -> [[i32; 4]; 4] {
            Base.quantize_octets::<QUADS>(rows, inverse_scales)
        }
    };
}

impl Simd for Neon {
    neon_vectors!();
    const HAS_DOT_QUADS: bool = false;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        fn with_neon<J: Job>(job: J) -> J::Output {
            job.run(Neon)
        }
        with_neon(job)
    }

    #[inline(always)]
    fn dot_quads(self, sums: NeonSums, signed: NeonSums, small: NeonSums) -> NeonSums {
        self.add_pairs(sums, self.dot_i16(signed, small))
    }
}

impl Simd for NeonDot {
    neon_vectors!();
    const HAS_DOT_QUADS: bool = true;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        #[target_feature(enable = "dotprod")]
        fn with_dot<J: Job>(simd: NeonDot, job: J) -> J::Output {
            job.run(simd)
        }
        // SAFETY: the token proves that the machine has the dot product.
        unsafe { with_dot(self, job) }
    }

    #[inline(always)]
    fn dot_quads(self, sums: NeonSums, signed: NeonSums, small: NeonSums) -> NeonSums {
        let mut whole = sums.whole.0;
        // Rust's intrinsic for this instruction, `vdotq_s32`, is not stable.
        // SAFETY: the token proves that the machine has the instruction, which only works on registers.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {signed:v}.16b, {small:v}.16b",
                sums = inout(vreg) whole,
                signed = in(vreg) signed.whole.0,
                small = in(vreg) small.whole.0,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        NeonSums { whole: I32x4(whole), ..sums }
    }
}

impl Sums for NeonSums {
    const LANES: usize = 4;

    #[inline(always)]
    fn splat(value: i32) -> Self {
        Self::new(I32x4::splat(value))
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        Self::new(Sums::load(from))
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        Sums::store(self.total(), to);
    }

    #[inline(always)]
    fn add_scaled(self, scale: f32, totals: &mut [f32]) {
        self.total().add_scaled(scale, totals);
    }

    #[inline(always)]
    fn add_products(self, scales: &[f32], totals: &mut [f32]) {
        self.total().add_products(scales, totals);
    }

    #[inline(always)]
    fn add_scaled_products(self, scales: &[f32], scale: f32, totals: &mut [f32]) {
        self.total().add_scaled_products(scales, scale, totals);
    }
}
