//! AVX2 and AVX-VNNI.

use super::avx2_vectors::{F32x8, I32x8, avx2};
use super::wide::{Floats, Ints, Job, Simd, Sums};
use std::arch::x86_64::*;

/// The token of AVX2.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

/// The token of AVX2 and AVX-VNNI.
#[derive(Debug, Clone, Copy)]
pub struct AvxVnni(());

impl Avx2 {
    /// Returns the token.
    ///
    /// # Safety
    /// The machine must have AVX2.
    pub(super) unsafe fn assume() -> Self {
        Self(())
    }
}

impl AvxVnni {
    /// Returns the token.
    ///
    /// # Safety
    /// The machine must have AVX2 and AVX-VNNI.
    pub(super) unsafe fn assume() -> Self {
        Self(())
    }
}

/// The parts that [`Avx2`], [`AvxVnni`] and AVX-512 share.
macro_rules! avx2_vectors {
    () => {
        type F32 = crate::encoder::cpu::kernels::simd::avx2_vectors::F32x8;
        type I32 = crate::encoder::cpu::kernels::simd::avx2_vectors::I32x8;
        type I16 = crate::encoder::cpu::kernels::simd::avx2_vectors::I16x16;

        #[inline(always)]
        fn quantize_octets<const QUADS: bool>(
            self,
            rows: [&[f32; 8]; 4],
            inverse_scales: [f32; 4],
        ) -> [[i32; 4]; 4] {
            crate::encoder::cpu::kernels::simd::avx2::quantize_octets::<QUADS>(rows, inverse_scales)
        }

        #[inline(always)]
        fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32 {
            a.mul(b).add(c)
        }
    };
}
pub(super) use avx2_vectors;

impl Simd for Avx2 {
    avx2_vectors!();
    type Sums = I32x8;
    const PANELS: usize = 2;
    const HAS_DOT_QUADS: bool = false;
    const MIN_STRASSEN_ROWS: usize = 64;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2")]
        fn with_avx2<J: Job>(simd: Avx2, job: J) -> J::Output {
            job.run(simd)
        }
        // SAFETY: the token proves that the machine has AVX2.
        unsafe { with_avx2(self, job) }
    }

    #[inline(always)]
    fn dot_pairs(self, sums: I32x8, a: I32x8, b: I32x8) -> I32x8 {
        I32x8(avx2!(_mm256_add_epi32(sums.0, _mm256_madd_epi16(a.0, b.0))))
    }

    #[inline(always)]
    fn dot_i16(self, signed: I32x8, small: I32x8) -> I32x8 {
        // 2 · 127 · 128 fits an `i16`.
        I32x8(avx2!(_mm256_maddubs_epi16(small.0, signed.0)))
    }

    #[inline(always)]
    fn add_i16(self, a: I32x8, b: I32x8) -> I32x8 {
        I32x8(avx2!(_mm256_add_epi16(a.0, b.0)))
    }

    #[inline(always)]
    fn dot_quads(self, sums: I32x8, signed: I32x8, small: I32x8) -> I32x8 {
        self.dot_pairs(sums, self.dot_i16(signed, small), Sums::splat(0x1_0001))
    }
}

impl Simd for AvxVnni {
    avx2_vectors!();
    type Sums = I32x8;
    const PANELS: usize = 2;
    const HAS_DOT_QUADS: bool = true;
    const MIN_STRASSEN_ROWS: usize = 64;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,avxvnni")]
        fn with_avx_vnni<J: Job>(simd: AvxVnni, job: J) -> J::Output {
            job.run(simd)
        }
        // SAFETY: the token proves that the machine has AVX2 and AVX-VNNI.
        unsafe { with_avx_vnni(self, job) }
    }

    #[inline(always)]
    fn dot_pairs(self, sums: I32x8, a: I32x8, b: I32x8) -> I32x8 {
        // SAFETY: the token proves that the machine has AVX-VNNI; the intrinsic only works on registers.
        I32x8(unsafe { _mm256_dpwssd_avx_epi32(sums.0, a.0, b.0) })
    }

    #[inline(always)]
    fn dot_quads(self, sums: I32x8, signed: I32x8, small: I32x8) -> I32x8 {
        // SAFETY: the token proves that the machine has AVX-VNNI; the intrinsic only works on registers.
        I32x8(unsafe { _mm256_dpbusd_avx_epi32(sums.0, small.0, signed.0) })
    }

    #[inline(always)]
    fn dot_i16(self, signed: I32x8, small: I32x8) -> I32x8 {
        // 2 · 127 · 128 fits an `i16`.
        I32x8(avx2!(_mm256_maddubs_epi16(small.0, signed.0)))
    }

    #[inline(always)]
    fn add_i16(self, a: I32x8, b: I32x8) -> I32x8 {
        I32x8(avx2!(_mm256_add_epi16(a.0, b.0)))
    }
}

/// See [`Simd::quantize_octets`].
#[inline(always)]
pub(super) fn quantize_octets<const QUADS: bool>(
    rows: [&[f32; 8]; 4],
    inverse_scales: [f32; 4],
) -> [[i32; 4]; 4] {
    let mut rounded = [avx2!(_mm256_setzero_si256()); 4];
    for r in 0..4 {
        let live = <I32x8 as Ints>::splat(-i32::from(inverse_scales[r] > 0.0));
        let scaled = F32x8::load(rows[r]).mul(F32x8::splat(inverse_scales[r]));
        rounded[r] = live.and(scaled.to_bits()).to_float().round().0;
    }
    let mut out = [[0; 4]; 4];
    let flat = out.as_flattened_mut();
    avx2!({
        // Each half: two pairs of the first row, then two pairs of the second row.
        let mut a = _mm256_packs_epi32(rounded[0], rounded[1]);
        let mut b = _mm256_packs_epi32(rounded[2], rounded[3]);
        if QUADS {
            a = _mm256_shufflehi_epi16::<0b11_01_10_00>(_mm256_shufflelo_epi16::<0b11_01_10_00>(a));
            b = _mm256_shufflehi_epi16::<0b11_01_10_00>(_mm256_shufflelo_epi16::<0b11_01_10_00>(b));
        }
        let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
        let even = _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
        let odd = _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
        Ints::store(I32x8(_mm256_permute2x128_si256::<0x20>(even, odd)), &mut flat[..8]);
        Ints::store(I32x8(_mm256_permute2x128_si256::<0x31>(even, odd)), &mut flat[8..]);
    });
    out
}
