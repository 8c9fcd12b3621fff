//! AVX-512-VNNI: sums in vectors of 64 bytes. Everything else uses the vectors of AVX2, which a machine with
//! AVX-512 has too: these loops are short, and their vectors of 64 bytes would gain little.

use super::avx2::avx2_vectors;
use super::wide::{Floats, Job, Simd, Sums};
use std::arch::x86_64::*;

/// The token of AVX-512 (F, BW, VL) and AVX-512-VNNI.
#[derive(Debug, Clone, Copy)]
pub struct Avx512Vnni(());

impl Avx512Vnni {
    /// Returns the token.
    ///
    /// # Safety
    /// The machine must have AVX2, AVX-512F, AVX-512BW, AVX-512VL and AVX-512-VNNI.
    pub(super) unsafe fn assume() -> Self {
        Self(())
    }
}

/// Sixteen `i32`, or pairs of `i16`, or quads of `i8`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct I32x16(__m512i);

impl Simd for Avx512Vnni {
    avx2_vectors!();
    type Sums = I32x16;
    const PANELS: usize = 4;
    const HAS_DOT_QUADS: bool = true;
    const MIN_STRASSEN_ROWS: usize = 64;

    #[inline(always)]
    fn vectorize<J: Job>(self, job: J) -> J::Output {
        #[inline(never)]
        #[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
        fn with_avx512_vnni<J: Job>(simd: Avx512Vnni, job: J) -> J::Output {
            job.run(simd)
        }
        // SAFETY: the token proves that the machine has these instructions.
        unsafe { with_avx512_vnni(self, job) }
    }

    #[inline(always)]
    fn dot_pairs(self, sums: I32x16, a: I32x16, b: I32x16) -> I32x16 {
        // SAFETY: the token proves that the machine has AVX-512-VNNI; the intrinsic only works on registers.
        I32x16(unsafe { _mm512_dpwssd_epi32(sums.0, a.0, b.0) })
    }

    #[inline(always)]
    fn dot_quads(self, sums: I32x16, signed: I32x16, small: I32x16) -> I32x16 {
        // SAFETY: the token proves that the machine has AVX-512-VNNI; the intrinsic only works on registers.
        I32x16(unsafe { _mm512_dpbusd_epi32(sums.0, small.0, signed.0) })
    }

    #[inline(always)]
    fn dot_i16(self, signed: I32x16, small: I32x16) -> I32x16 {
        // SAFETY: the token proves that the machine has AVX-512BW; the intrinsic only works on registers.
        I32x16(unsafe { _mm512_maddubs_epi16(small.0, signed.0) })
    }

    #[inline(always)]
    fn add_i16(self, a: I32x16, b: I32x16) -> I32x16 {
        // SAFETY: the token proves that the machine has AVX-512BW; the intrinsic only works on registers.
        I32x16(unsafe { _mm512_add_epi16(a.0, b.0) })
    }
}

impl I32x16 {
    /// Adds the sums times `scale` to `totals`.
    #[inline(always)]
    fn add_to(self, scale: __m512, totals: &mut [f32]) {
        let totals: &mut [f32; 16] = &mut totals.as_chunks_mut().0[0];
        // SAFETY: vectors exist only in jobs, which get a token, so the machine has AVX-512F; `totals` is 64
        // readable and writable bytes, and load and store are unaligned.
        unsafe {
            let product = _mm512_mul_ps(_mm512_cvtepi32_ps(self.0), scale);
            let total = _mm512_add_ps(_mm512_loadu_ps(totals.as_ptr()), product);
            _mm512_storeu_ps(totals.as_mut_ptr(), total);
        }
    }
}

impl Sums for I32x16 {
    const LANES: usize = 16;

    #[inline(always)]
    fn splat(value: i32) -> Self {
        // SAFETY: vectors exist only in jobs, which get a token, so the machine has AVX-512F.
        Self(unsafe { _mm512_set1_epi32(value) })
    }

    #[inline(always)]
    fn load(from: &[i32]) -> Self {
        let from: &[i32; 16] = &from.as_chunks().0[0];
        // SAFETY: the machine has AVX-512F (see `splat`); `from` is 64 readable bytes, and the load is unaligned.
        Self(unsafe { _mm512_loadu_si512(from.as_ptr().cast()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [i32]) {
        let to: &mut [i32; 16] = &mut to.as_chunks_mut().0[0];
        // SAFETY: the machine has AVX-512F (see `splat`); `to` is 64 writable bytes, and the store is unaligned.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    fn add_scaled(self, scale: f32, totals: &mut [f32]) {
        // SAFETY: the machine has AVX-512F (see `splat`); the intrinsic only works on registers.
        self.add_to(unsafe { _mm512_set1_ps(scale) }, totals);
    }

    #[inline(always)]
    fn add_products(self, scales: &[f32], totals: &mut [f32]) {
        let scales: &[f32; 16] = &scales.as_chunks().0[0];
        // SAFETY: the machine has AVX-512F (see `splat`); `scales` is 64 readable bytes, and the load is unaligned.
        self.add_to(unsafe { _mm512_loadu_ps(scales.as_ptr()) }, totals);
    }

    #[inline(always)]
    fn add_scaled_products(self, scales: &[f32], scale: f32, totals: &mut [f32]) {
        let scales: &[f32; 16] = &scales.as_chunks().0[0];
        // SAFETY: the machine has AVX-512F (see `splat`); `scales` is 64 readable bytes, and the load is unaligned.
        let scales = unsafe { _mm512_mul_ps(_mm512_loadu_ps(scales.as_ptr()), _mm512_set1_ps(scale)) };
        self.add_to(scales, totals);
    }
}
