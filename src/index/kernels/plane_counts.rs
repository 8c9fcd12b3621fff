//! The inner product of a code of one bit per dimension and a query of four bits per dimension, as four bit planes.
//!
//! ```text
//! Σ over planes p: 2ᵖ · popcount(code & plane p)
//! ```
//! A code and a plane are `words` times 16 bytes. The four planes lie one after the other.

/// Bits of a query's value.
pub(crate) const PLANES: usize = 4;
/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 16;

/// Returns the inner product of a code and a query's planes.
///
/// # Panics
/// If `planes` has not four times as many blocks as `code`.
#[inline]
pub(crate) fn plane_counts(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
    assert_eq!(planes.len(), PLANES * code.len());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wasm::plane_counts(code, planes);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return portable::plane_counts(code, planes);
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod portable {
    use super::{BLOCK_BYTES, PLANES};

    #[inline]
    pub(super) fn plane_counts(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: the machine has `popcnt`, the only feature that the function needs.
            return unsafe { with_popcnt(code, planes) };
        }
        counts(code, planes)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "popcnt")]
    fn with_popcnt(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
        counts(code, planes)
    }

    #[inline(always)]
    fn counts(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
        let mut sum = 0;
        for plane in 0..PLANES {
            let blocks = code.iter().zip(&planes[plane * code.len()..]);
            let ones: u32 =
                blocks.map(|(a, b)| (u128::from_le_bytes(*a) & u128::from_le_bytes(*b)).count_ones()).sum();
            sum += ones << plane;
        }
        sum
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{BLOCK_BYTES, PLANES};

    /// A lane of bytes counts at most 8 per block.
    const BLOCKS_PER_SUM: usize = 31;

    #[inline]
    pub(super) fn plane_counts(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
        let blocks = code.len();
        let mut totals = [u32x4_splat(0); PLANES];
        for (part, codes) in code.chunks(BLOCKS_PER_SUM).enumerate() {
            let mut sums = [u8x16_splat(0); PLANES];
            for (at, block) in codes.iter().enumerate() {
                let bits = load(block);
                for (plane, sum) in sums.iter_mut().enumerate() {
                    let query = load(&planes[plane * blocks + part * BLOCKS_PER_SUM + at]);
                    *sum = u8x16_add(*sum, u8x16_popcnt(v128_and(bits, query)));
                }
            }
            for (total, sum) in totals.iter_mut().zip(sums) {
                let pairs = u16x8_extadd_pairwise_u8x16(sum);
                *total = u32x4_add(*total, u32x4_extadd_pairwise_u16x8(pairs));
            }
        }
        let mut all = totals[PLANES - 1];
        for total in totals.into_iter().rev().skip(1) {
            all = u32x4_add(u32x4_shl(all, 1), total);
        }
        u32x4_extract_lane::<0>(all)
            + u32x4_extract_lane::<1>(all)
            + u32x4_extract_lane::<2>(all)
            + u32x4_extract_lane::<3>(all)
    }

    #[inline(always)]
    fn load(block: &[u8; BLOCK_BYTES]) -> v128 {
        // SAFETY: `block` is 16 readable bytes; `v128.load` needs no alignment.
        unsafe { v128_load(block.as_ptr().cast()) }
    }
}

/// Defines [`plane_counts`].
#[cfg(test)]
fn reference_plane_counts(code: &[[u8; BLOCK_BYTES]], planes: &[[u8; BLOCK_BYTES]]) -> u32 {
    let bit = |blocks: &[[u8; BLOCK_BYTES]], i: usize| u32::from(blocks[i / 128][i % 128 / 8] >> (i % 8) & 1);
    let value =
        |i: usize| (0..PLANES).map(|plane| bit(&planes[plane * code.len()..], i) << plane).sum::<u32>();
    (0..code.len() * 128).map(|i| bit(code, i) * value(i)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn counts_equal_the_reference() {
        let mut random = Random(1);
        for blocks in (0..10).chain([31, 32, 33]) {
            let mut list = |count: usize| -> Vec<[u8; BLOCK_BYTES]> {
                (0..count).map(|_| std::array::from_fn(|_| random.next() as u8)).collect()
            };
            let (code, planes) = (list(blocks), list(PLANES * blocks));
            assert_eq!(plane_counts(&code, &planes), reference_plane_counts(&code, &planes), "{blocks}");
        }
        let (code, planes) = (vec![[0xFF; BLOCK_BYTES]; 32], vec![[0xFF; BLOCK_BYTES]; 128]);
        assert_eq!(plane_counts(&code, &planes), 32 * 128 * 15);
    }
}
