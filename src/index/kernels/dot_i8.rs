//! The inner product of an int8 row and a 13-bit query.
//!
//! ```text
//! Σ row[i] · query[i]        |row[i]| ≤ 128, |query[i]| ≤ 4095, at most 4096 values: |sum| < 2³¹ (4096 · 128 · 4095)
//! ```

/// The largest magnitude of a query's values.
pub(crate) const MAX_QUERY: i16 = 4095;
const LANES: usize = 16;

/// Returns the inner product of a row of `i8` and a query.
///
/// # Panics
/// If the lengths differ.
#[inline]
pub(crate) fn dot_i8(row: &[u8], query: &[i16]) -> i32 {
    assert_eq!(row.len(), query.len());
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wasm::dot_i8(row, query);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return native::dot_i8(row, query);
}

#[inline(always)]
fn rest(row: &[u8], query: &[i16]) -> i32 {
    row.iter().zip(query).map(|(&a, &b)| i32::from(a as i8) * i32::from(b)).sum()
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    use super::{LANES, rest};

    #[inline]
    pub(super) fn dot_i8(row: &[u8], query: &[i16]) -> i32 {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the machine has AVX2, the only feature that the function needs.
            return unsafe { with_avx2(row, query) };
        }
        blocks(row, query)
    }

    /// Multiplies 16 values at a time, and adds pairs of products (`vpmaddwd`).
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn with_avx2(row: &[u8], query: &[i16]) -> i32 {
        use std::arch::x86_64::*;
        let (rows, row_rest) = row.as_chunks::<LANES>();
        let (queries, query_rest) = query.as_chunks::<LANES>();
        let mut sums = _mm256_setzero_si256();
        for (row, query) in rows.iter().zip(queries) {
            // SAFETY: `row` is 16 readable bytes and `query` 32; the loads need no alignment.
            let (row, query) =
                unsafe { (_mm_loadu_si128(row.as_ptr().cast()), _mm256_loadu_si256(query.as_ptr().cast())) };
            sums = _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_cvtepi8_epi16(row), query));
        }
        let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
        let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
        let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two));
        _mm_cvtsi128_si32(one) + rest(row_rest, query_rest)
    }

    #[inline(always)]
    fn blocks(row: &[u8], query: &[i16]) -> i32 {
        let (rows, row_rest) = row.as_chunks::<LANES>();
        let (queries, query_rest) = query.as_chunks::<LANES>();
        let mut sums = [0_i32; LANES];
        for (row, query) in rows.iter().zip(queries) {
            for lane in 0..LANES {
                sums[lane] += i32::from(row[lane] as i8) * i32::from(query[lane]);
            }
        }
        sums.iter().sum::<i32>() + rest(row_rest, query_rest)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{LANES, rest};

    #[inline]
    pub(super) fn dot_i8(row: &[u8], query: &[i16]) -> i32 {
        let (rows, row_rest) = row.as_chunks::<LANES>();
        let (queries, query_rest) = query.as_chunks::<LANES>();
        let (mut low_sum, mut high_sum) = (i32x4_splat(0), i32x4_splat(0));
        for (row, query) in rows.iter().zip(queries) {
            let (low, high) = load(row, query);
            low_sum = i32x4_add(low_sum, low);
            high_sum = i32x4_add(high_sum, high);
        }
        let sum = i32x4_add(low_sum, high_sum);
        i32x4_extract_lane::<0>(sum)
            + i32x4_extract_lane::<1>(sum)
            + i32x4_extract_lane::<2>(sum)
            + i32x4_extract_lane::<3>(sum)
            + rest(row_rest, query_rest)
    }

    /// Returns the sums of pairs of products of the first and of the last eight values.
    #[inline(always)]
    fn load(row: &[u8; LANES], query: &[i16; LANES]) -> (v128, v128) {
        let (row, query) = (row.as_ptr().cast::<i8>(), query.as_ptr().cast::<v128>());
        // SAFETY: `row` is 16 readable bytes and `query` 32; the loads need no alignment.
        unsafe {
            (
                i32x4_dot_i16x8(i16x8_load_extend_i8x8(row), v128_load(query)),
                i32x4_dot_i16x8(i16x8_load_extend_i8x8(row.add(LANES / 2)), v128_load(query.add(1))),
            )
        }
    }
}

/// Defines [`dot_i8`].
#[cfg(test)]
fn reference_dot_i8(row: &[u8], query: &[i16]) -> i32 {
    row.iter().zip(query).map(|(&a, &b)| i32::from(a as i8) * i32::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn products_equal_the_reference() {
        let mut random = Random(1);
        for length in (0..70).chain([256, 512, 767, 768, 1024, 4096]) {
            let row: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            let query: Vec<i16> = (0..length).map(|_| random.below(8191) as i16 - MAX_QUERY).collect();
            assert_eq!(dot_i8(&row, &query), reference_dot_i8(&row, &query), "{length}");
        }
        let (row, query) = (vec![(-128_i8) as u8; 4096], vec![-MAX_QUERY; 4096]);
        assert_eq!(dot_i8(&row, &query), 4096 * 128 * 4095);
    }
}
