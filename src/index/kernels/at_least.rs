//! The scores of up to 64 items that reach a limit, as bits.

/// Scores that are compared at once.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
const LANES: usize = 16;

/// Returns a bit for each of up to 64 scores, the first one lowest: 1 if the score is `least` or more.
// Its callers spend their time in it, and two copies are larger.
#[inline(never)]
pub(crate) fn at_least(scores: &[f32], least: f32) -> u64 {
    debug_assert!(scores.len() <= 64);
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wasm::at_least(scores, least);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return one_by_one(scores, least);
}

/// Defines [`at_least`].
fn one_by_one(scores: &[f32], least: f32) -> u64 {
    scores.iter().enumerate().fold(0, |bits, (at, &score)| bits | u64::from(score >= least) << at)
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{LANES, one_by_one};

    #[inline]
    pub(super) fn at_least(scores: &[f32], least: f32) -> u64 {
        let (chunks, rest) = scores.as_chunks::<LANES>();
        let limit = f32x4_splat(least);
        // After four chunks the rest is empty: its bits are 0, and so is any shift of them.
        let mut bits = one_by_one(rest, least).wrapping_shl((chunks.len() * LANES) as u32);
        for (number, chunk) in chunks.iter().enumerate() {
            let from = chunk.as_ptr().cast::<v128>();
            // SAFETY: `chunk` is 64 readable bytes; `v128.load` needs no alignment.
            let [a, b, c, d] = unsafe {
                let load = |at| f32x4_ge(v128_load(from.add(at)), limit);
                [load(0), load(1), load(2), load(3)]
            };
            // All bits of a lane are set or none, and stay so when lanes are narrowed.
            let all = i8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
            bits |= u64::from(i8x16_bitmask(all)) << (number * LANES);
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn bits_equal_the_reference() {
        let mut random = Random(1);
        for length in 0..=64 {
            let mut scores: Vec<f32> = (0..length).map(|_| random.below(7) as f32 - 3.0).collect();
            if length > 5 {
                scores[length - 5..].copy_from_slice(&[
                    f32::NAN,
                    -0.0,
                    f32::INFINITY,
                    f32::NEG_INFINITY,
                    0.0,
                ]);
            }
            for least in [-3.0, 0.0, -0.0, 2.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
                assert_eq!(at_least(&scores, least), one_by_one(&scores, least), "{length} {least}");
            }
        }
    }
}
