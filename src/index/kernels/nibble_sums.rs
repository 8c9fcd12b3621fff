//! Sums of table values for 32 codes at a time ("fast scan": André, Kermarrec and Le Scouarnec, Quicker ADC, 2019).
//!
//! ```text
//! sums[item] = Σ over groups g: table[g][nibble of the item in group g]
//! block      := group × groups         group: 16 bytes; byte j has the nibble of item j in its low half, of item 16 + j
//!                                      in its high half
//! ```
//! A table fits a vector register, so one shuffle looks up 16 items. Values are at most [`MAX_VALUE`], so four groups
//! fit a byte.

/// Items per block.
pub(crate) const BLOCK_ITEMS: usize = 32;
/// Bytes per group of a block.
pub(crate) const GROUP_BYTES: usize = 16;
/// The largest value of a table.
pub(crate) const MAX_VALUE: u8 = 63;
/// Groups whose sum fits a byte.
const GROUPS_PER_BYTE: usize = 4;
/// The groups whose sum fits 16 bits.
pub(crate) const MAX_GROUPS: usize = 1024;

/// The values of a group's 16 nibbles.
pub(crate) type Table = [u8; 16];
/// The nibbles of 32 items in one group.
pub(crate) type Group = [u8; GROUP_BYTES];

/// Returns the sum of each item of a block.
///
/// # Panics
/// If there are not as many groups as tables, or more than [`MAX_GROUPS`].
#[inline(always)]
pub(crate) fn nibble_sums(block: &[Group], tables: &[Table]) -> [u16; BLOCK_ITEMS] {
    assert!(block.len() == tables.len() && block.len() <= MAX_GROUPS);
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    return wasm::nibble_sums(block, tables);
    #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
    return native::nibble_sums(block, tables);
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod native {
    use super::{BLOCK_ITEMS, Group, Table};

    #[inline(always)]
    pub(super) fn nibble_sums(block: &[Group], tables: &[Table]) -> [u16; BLOCK_ITEMS] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("ssse3") {
            // SAFETY: the machine has SSSE3, the only feature that the function needs.
            return unsafe { with_ssse3(block, tables) };
        }
        super::one_by_one(block, tables)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "ssse3")]
    fn with_ssse3(block: &[Group], tables: &[Table]) -> [u16; BLOCK_ITEMS] {
        use std::arch::x86_64::*;

        use super::GROUPS_PER_BYTE;
        // SAFETY: a group and a table are 16 readable bytes; the load needs no alignment.
        let load = |bytes: &[u8; 16]| unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
        let low_half = _mm_set1_epi8(15);
        let (mut all, mut odd) = ([_mm_setzero_si128(); 2], [_mm_setzero_si128(); 2]);
        for (groups, tables) in block.chunks(GROUPS_PER_BYTE).zip(tables.chunks(GROUPS_PER_BYTE)) {
            let mut bytes = [_mm_setzero_si128(); 2];
            for (group, table) in groups.iter().zip(tables) {
                let (group, table) = (load(group), load(table));
                let nibbles =
                    [_mm_and_si128(group, low_half), _mm_and_si128(_mm_srli_epi16::<4>(group), low_half)];
                for half in 0..2 {
                    bytes[half] = _mm_add_epi8(bytes[half], _mm_shuffle_epi8(table, nibbles[half]));
                }
            }
            for half in 0..2 {
                all[half] = _mm_add_epi16(all[half], bytes[half]);
                odd[half] = _mm_add_epi16(odd[half], _mm_srli_epi16::<8>(bytes[half]));
            }
        }
        let mut sums = [0; BLOCK_ITEMS];
        for (half, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let even = _mm_sub_epi16(all[half], _mm_slli_epi16::<8>(odd[half]));
            let (first, last) = sums.split_at_mut(8);
            // SAFETY: each part is 16 writable bytes; the store needs no alignment.
            unsafe {
                _mm_storeu_si128(first.as_mut_ptr().cast(), _mm_unpacklo_epi16(even, odd[half]));
                _mm_storeu_si128(last.as_mut_ptr().cast(), _mm_unpackhi_epi16(even, odd[half]));
            }
        }
        sums
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use std::arch::wasm32::*;

    use super::{BLOCK_ITEMS, GROUPS_PER_BYTE, Group, Table};

    #[inline(always)]
    pub(super) fn nibble_sums(block: &[Group], tables: &[Table]) -> [u16; BLOCK_ITEMS] {
        let zero = i16x8_splat(0);
        let (mut all, mut odd) = ([zero; 2], [zero; 2]);
        let (fours, rest) = block.as_chunks::<GROUPS_PER_BYTE>();
        let (four_tables, rest_tables) = tables.as_chunks::<GROUPS_PER_BYTE>();
        for (groups, tables) in fours.iter().zip(four_tables) {
            let mut bytes = [zero; 2];
            for at in 0..GROUPS_PER_BYTE {
                bytes = add_group(bytes, &groups[at], &tables[at]);
            }
            (all, odd) = widen(all, odd, bytes);
        }
        let mut bytes = [zero; 2];
        for (group, table) in rest.iter().zip(rest_tables) {
            bytes = add_group(bytes, group, table);
        }
        (all, odd) = widen(all, odd, bytes);
        let mut sums = [0; BLOCK_ITEMS];
        for (half, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
            let even = i16x8_sub(all[half], i16x8_shl(odd[half], 8));
            let (first, last) = sums.split_at_mut(8);
            // SAFETY: each part is 16 writable bytes; `v128.store` needs no alignment.
            unsafe {
                let low = i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(even, odd[half]);
                v128_store(first.as_mut_ptr().cast(), low);
                let high = i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(even, odd[half]);
                v128_store(last.as_mut_ptr().cast(), high);
            }
        }
        sums
    }

    /// Adds a group's values to the sums in bytes of the items of either half.
    #[inline(always)]
    fn add_group(bytes: [v128; 2], group: &Group, table: &Table) -> [v128; 2] {
        let (group, table) = (load(group), load(table));
        let low_half = u8x16_splat(15);
        let (low, high) = (v128_and(group, low_half), v128_and(u16x8_shr(group, 4), low_half));
        [u8x16_add(bytes[0], u8x16_swizzle(table, low)), u8x16_add(bytes[1], u8x16_swizzle(table, high))]
    }

    /// Adds sums in bytes to sums in 16 bits: those of all bytes, in which the sums of odd ones are carried along, and
    /// those of odd bytes.
    #[inline(always)]
    fn widen(all: [v128; 2], odd: [v128; 2], bytes: [v128; 2]) -> ([v128; 2], [v128; 2]) {
        (
            [i16x8_add(all[0], bytes[0]), i16x8_add(all[1], bytes[1])],
            [i16x8_add(odd[0], u16x8_shr(bytes[0], 8)), i16x8_add(odd[1], u16x8_shr(bytes[1], 8))],
        )
    }

    #[inline(always)]
    fn load(bytes: &[u8; 16]) -> v128 {
        // SAFETY: `bytes` is 16 readable bytes; `v128.load` needs no alignment.
        unsafe { v128_load(bytes.as_ptr().cast()) }
    }
}

/// Defines [`nibble_sums`].
#[cfg(any(test, not(all(target_arch = "wasm32", target_feature = "simd128"))))]
fn one_by_one(block: &[Group], tables: &[Table]) -> [u16; BLOCK_ITEMS] {
    let mut sums = [0; BLOCK_ITEMS];
    for (group, table) in block.iter().zip(tables) {
        for (j, byte) in group.iter().enumerate() {
            sums[j] += u16::from(table[usize::from(byte & 15)]);
            sums[GROUP_BYTES + j] += u16::from(table[usize::from(byte >> 4)]);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn sums_equal_the_reference() {
        let mut random = Random(1);
        for groups in (0..18).chain([64, 192, 193, MAX_GROUPS]) {
            let block: Vec<Group> =
                (0..groups).map(|_| std::array::from_fn(|_| random.next() as u8)).collect();
            let tables: Vec<Table> = (0..groups)
                .map(|_| std::array::from_fn(|_| random.below(usize::from(MAX_VALUE) + 1) as u8))
                .collect();
            assert_eq!(nibble_sums(&block, &tables), one_by_one(&block, &tables), "{groups}");
        }
        let largest = nibble_sums(&[[0xFF; GROUP_BYTES]; MAX_GROUPS], &[[MAX_VALUE; 16]; MAX_GROUPS]);
        assert_eq!(largest, [MAX_GROUPS as u16 * u16::from(MAX_VALUE); BLOCK_ITEMS]);
    }
}
