//! The inner product of a row of 4-bit values and a 13-bit query.
//!
//! ```text
//! Σ n[i] · query[i]        n in 0..16; |query[i]| ≤ 4095, at most 4096 values: |sum| < 2²⁸ (4096 · 15 · 4095)
//! ```
//! Byte `j` of a block of 32 values has value `j` in its low half and value `16 + j` in its high half.

/// Values per block.
pub(crate) const BLOCK_VALUES: usize = 32;
/// Bytes per block.
pub(crate) const BLOCK_BYTES: usize = 16;

/// Returns the inner product of a row and a query.
///
/// # Panics
/// If `query` has not twice as many values as `row` has bytes.
#[inline]
pub(crate) fn dot_u4(row: &[u8], query: &[i16]) -> i32 {
    assert_eq!(2 * row.len(), query.len());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wasm::dot_u4(row, query);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return native::dot_u4(row, query);
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    use super::{BLOCK_BYTES, BLOCK_VALUES};

    #[inline]
    pub(super) fn dot_u4(row: &[u8], query: &[i16]) -> i32 {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2, the only feature that the function needs.
            return unsafe { with_avx2(row, query) };
        }
        blocks(row, query)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn with_avx2(row: &[u8], query: &[i16]) -> i32 {
        blocks(row, query)
    }

    #[inline(always)]
    fn blocks(row: &[u8], query: &[i16]) -> i32 {
        let (rows, queries) = (row.as_chunks::<BLOCK_BYTES>().0, query.as_chunks::<BLOCK_VALUES>().0);
        let mut sums = [0_i32; BLOCK_BYTES];
        for (row, query) in rows.iter().zip(queries) {
            for lane in 0..BLOCK_BYTES {
                let (low, high) = (i32::from(row[lane] & 15), i32::from(row[lane] >> 4));
                sums[lane] += low * i32::from(query[lane]) + high * i32::from(query[BLOCK_BYTES + lane]);
            }
        }
        sums.iter().sum()
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{BLOCK_BYTES, BLOCK_VALUES};

    #[inline]
    pub(super) fn dot_u4(row: &[u8], query: &[i16]) -> i32 {
        let (rows, queries) = (row.as_chunks::<BLOCK_BYTES>().0, query.as_chunks::<BLOCK_VALUES>().0);
        let (mut low_sum, mut high_sum) = (i32x4_splat(0), i32x4_splat(0));
        for (row, query) in rows.iter().zip(queries) {
            let query = query.as_ptr().cast::<v128>();
            // SAFETY: `row` is 16 readable bytes and `query` 64; `v128.load` needs no alignment.
            let (packed, queries) = unsafe {
                let load = |at| v128_load(query.add(at));
                (v128_load(row.as_ptr().cast()), [load(0), load(1), load(2), load(3)])
            };
            let (low, high) = (v128_and(packed, u8x16_splat(15)), u8x16_shr(packed, 4));
            low_sum = i32x4_add(low_sum, i32x4_dot_i16x8(u16x8_extend_low_u8x16(low), queries[0]));
            high_sum = i32x4_add(high_sum, i32x4_dot_i16x8(u16x8_extend_high_u8x16(low), queries[1]));
            low_sum = i32x4_add(low_sum, i32x4_dot_i16x8(u16x8_extend_low_u8x16(high), queries[2]));
            high_sum = i32x4_add(high_sum, i32x4_dot_i16x8(u16x8_extend_high_u8x16(high), queries[3]));
        }
        let sum = i32x4_add(low_sum, high_sum);
        i32x4_extract_lane::<0>(sum)
            + i32x4_extract_lane::<1>(sum)
            + i32x4_extract_lane::<2>(sum)
            + i32x4_extract_lane::<3>(sum)
    }
}

/// Defines [`dot_u4`].
#[cfg(test)]
fn reference_dot_u4(row: &[u8], query: &[i16]) -> i32 {
    let value = |i: usize| {
        let byte = row[i / BLOCK_VALUES * BLOCK_BYTES + i % BLOCK_BYTES];
        if i % BLOCK_VALUES < BLOCK_BYTES { byte & 15 } else { byte >> 4 }
    };
    query.iter().enumerate().map(|(i, &q)| i32::from(value(i)) * i32::from(q)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::kernels::dot_i8::MAX_QUERY;
    use crate::index::random::Random;

    #[test]
    fn products_equal_the_reference() {
        let mut random = Random(1);
        for blocks in (0..10).chain([24, 32, 128]) {
            let row: Vec<u8> = (0..blocks * BLOCK_BYTES).map(|_| random.next() as u8).collect();
            let query: Vec<i16> =
                (0..blocks * BLOCK_VALUES).map(|_| random.below(8191) as i16 - MAX_QUERY).collect();
            assert_eq!(dot_u4(&row, &query), reference_dot_u4(&row, &query), "{blocks}");
        }
        let largest = dot_u4(&[0xFF; 2048], &[MAX_QUERY; 4096]);
        assert_eq!(largest, 4096 * 15 * i32::from(MAX_QUERY));
    }
}
