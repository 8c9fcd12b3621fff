//! Codes of one bit per dimension (Gao and Long, RaBitQ, 2024), for a first pass over many items.
//!
//! ```text
//! section := block × ⌈items / 32⌉                the last block: the rest of the items
//! block   := factor: f32 × n, offset: f32 × n, square: f32 × n, group × ⌈dimension / 4⌉       n items
//! group   := ⌈n / 2⌉ bytes                       byte j has item j in its low half, item ⌈n / 2⌉ + j in its high half;
//!                                                bit i of a half is dimension 4 · group + i, and 1 if (P r) > 0
//! factor   = ‖r‖² / Σ |(P r)ᵢ|                   0 if r is 0
//! offset   = ⟨c, r⟩, square = ‖d‖²
//! ```
//! `P` is the [rotation](super::rotation). With `x = ±1` by the bits, `⟨v, r⟩ = ⟨P v, P r⟩ ≈ factor · ⟨P v, x⟩`: the
//! estimate is unbiased, because `factor · ⟨P r, x⟩ = ‖r‖²`.

use super::dot::dot;
use super::rotation::Rotation;
use crate::error::{Result, fail};
use crate::index::kernels::nibble_sums::{BLOCK_ITEMS, Group};

const WHAT: &str = "codes";
/// Bytes per item beside the bits.
const HEAD: usize = 12;
/// Dimensions per group.
pub(crate) const GROUP_DIMENSIONS: usize = 4;

/// Codes that are read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    bytes: &'a [u8],
    items: usize,
    groups: usize,
}

/// The codes of up to 32 items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CodeBlock<'a> {
    pub(crate) factors: &'a [[u8; 4]],
    pub(crate) offsets: &'a [[u8; 4]],
    pub(crate) squares: &'a [[u8; 4]],
    groups: &'a [u8],
    /// Bytes per group.
    width: usize,
}

/// Returns the groups of a code.
pub(crate) fn code_groups(dimension: usize) -> usize {
    dimension.div_ceil(GROUP_DIMENSIONS)
}

/// Returns the bytes of a block of so many items.
fn block_bytes(items: usize, groups: usize) -> usize {
    HEAD * items + groups * items.div_ceil(2)
}

impl<'a> Codes<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it has another size.
    pub(crate) fn open(section: &'a [u8], items: usize, dimension: usize) -> Result<Self> {
        let groups = code_groups(dimension);
        let whole = (items / BLOCK_ITEMS).checked_mul(block_bytes(BLOCK_ITEMS, groups));
        let size = whole.and_then(|whole| whole.checked_add(block_bytes(items % BLOCK_ITEMS, groups)));
        if Some(section.len()) != size {
            fail!(
                InvalidCatalog,
                "{WHAT}: {} bytes for {items} items of {dimension} dimensions",
                section.len()
            );
        }
        Ok(Self { bytes: section, items, groups })
    }

    /// Returns the block of the items from `block · 32` on.
    #[inline]
    pub(crate) fn block(&self, block: usize) -> CodeBlock<'a> {
        let items = (self.items - block * BLOCK_ITEMS).min(BLOCK_ITEMS);
        let start = block * block_bytes(BLOCK_ITEMS, self.groups);
        let bytes = &self.bytes[start..start + block_bytes(items, self.groups)];
        let (factors, rest) = bytes.split_at(4 * items);
        let (offsets, rest) = rest.split_at(4 * items);
        let (squares, groups) = rest.split_at(4 * items);
        let width = items.div_ceil(2);
        CodeBlock {
            factors: factors.as_chunks().0,
            offsets: offsets.as_chunks().0,
            squares: squares.as_chunks().0,
            groups,
            width,
        }
    }

    /// Returns the `⟨c, r⟩` and `‖d‖²` of an item.
    #[cfg(test)]
    pub(crate) fn offset_and_square(&self, item: usize) -> (f32, f32) {
        let (block, at) = (self.block(item / BLOCK_ITEMS), item % BLOCK_ITEMS);
        (f32::from_le_bytes(block.offsets[at]), f32::from_le_bytes(block.squares[at]))
    }

    /// Returns an estimate of the item's vector.
    pub(crate) fn vector(&self, item: usize, mean: &[f32], rotation: &Rotation) -> Vec<f32> {
        let (block, at) = (self.block(item / BLOCK_ITEMS), item % BLOCK_ITEMS);
        let factor = f32::from_le_bytes(block.factors[at]);
        let sign = |i: usize| {
            let nibble = block.nibble(i / GROUP_DIMENSIONS, at);
            if nibble >> (i % GROUP_DIMENSIONS) & 1 == 1 { 1.0 } else { -1.0 }
        };
        let mut vector: Vec<f32> = (0..mean.len()).map(|i| factor * sign(i)).collect();
        rotation.invert(&mut vector);
        vector.iter_mut().zip(mean).for_each(|(x, mean)| *x += mean);
        vector
    }
}

impl<'a> CodeBlock<'a> {
    /// Returns the number of items.
    #[inline]
    pub(crate) fn items(&self) -> usize {
        self.factors.len()
    }

    /// Returns the groups of a block of 32 items. A smaller block has none.
    #[inline]
    pub(crate) fn whole_groups(&self) -> Option<&'a [Group]> {
        (self.items() == BLOCK_ITEMS).then_some(self.groups.as_chunks().0)
    }

    /// Returns the bits of an item in a group.
    #[inline]
    pub(crate) fn nibble(&self, group: usize, at: usize) -> u8 {
        let byte = self.groups[group * self.width + at % self.width];
        if at < self.width { byte & 15 } else { byte >> 4 }
    }
}

/// Collects the codes of a catalog.
#[derive(Debug)]
pub(crate) struct CodesWriter {
    rotation: Rotation,
    groups: usize,
    /// The items of the block that is not full yet.
    items: Vec<Code>,
    section: Vec<u8>,
}

/// The code of one item.
#[derive(Debug)]
struct Code {
    /// `factor`, `offset`, `square`.
    head: [[u8; 4]; 3],
    nibbles: Vec<u8>,
}

impl CodesWriter {
    pub(crate) fn new(dimension: usize) -> Self {
        Self {
            rotation: Rotation::new(dimension),
            groups: code_groups(dimension),
            items: Vec::new(),
            section: Vec::new(),
        }
    }

    /// Adds a vector. `square`: `‖d‖²`.
    pub(crate) fn add(&mut self, vector: &[f32], mean: &[f32], square: f32) {
        let mut residual: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - mean).collect();
        let offset = dot(&residual, mean);
        let length: f32 = residual.iter().map(|x| x * x).sum();
        self.rotation.apply(&mut residual);
        let sum: f32 = residual.iter().map(|x| x.abs()).sum();
        let factor = if sum > 0.0 { length / sum } else { 0.0 };
        let nibble = |group: &[f32]| {
            group.iter().enumerate().fold(0, |nibble, (i, &x)| nibble | u8::from(x > 0.0) << i)
        };
        let nibbles = residual.chunks(GROUP_DIMENSIONS).map(nibble).collect();
        self.push(Code { head: [factor, offset, square].map(f32::to_le_bytes), nibbles });
    }

    /// Adds the code of an item of another catalog with the same mean.
    pub(crate) fn copy(&mut self, codes: &Codes, item: usize) {
        let (block, at) = (codes.block(item / BLOCK_ITEMS), item % BLOCK_ITEMS);
        let head = [block.factors[at], block.offsets[at], block.squares[at]];
        let nibbles = (0..self.groups).map(|group| block.nibble(group, at)).collect();
        self.push(Code { head, nibbles });
    }

    fn push(&mut self, code: Code) {
        self.items.push(code);
        if self.items.len() == BLOCK_ITEMS {
            self.write_block();
        }
    }

    fn write_block(&mut self) {
        for part in 0..3 {
            self.section.extend(self.items.iter().flat_map(|code| code.head[part]));
        }
        let (low, high) = self.items.split_at(self.items.len().div_ceil(2));
        for group in 0..self.groups {
            let high = |at: usize| high.get(at).map_or(0, |code: &Code| code.nibbles[group]);
            let bytes = low.iter().enumerate().map(|(at, code)| code.nibbles[group] | high(at) << 4);
            self.section.extend(bytes);
        }
        self.items.clear();
    }

    /// Returns the section.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.write_block();
        self.section
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn codes_have_the_signs_of_the_rotated_residuals() {
        let mut random = Random(1);
        for dimension in [1, 4, 7, 100] {
            let mean = random.normals(dimension);
            let vectors: Vec<Vec<f32>> = (0..70).map(|_| random.normals(dimension)).collect();
            for items in [0, 1, 2, 3, 31, 32, 33, 70] {
                let (mut writer, mut copy) = (CodesWriter::new(dimension), CodesWriter::new(dimension));
                vectors[..items].iter().for_each(|vector| writer.add(vector, &mean, dot(vector, vector)));
                let section = writer.finish();
                let codes = Codes::open(&section, items, dimension).unwrap();
                for (item, vector) in vectors[..items].iter().enumerate() {
                    copy.copy(&codes, item);
                    let mut residual: Vec<f32> = vector.iter().zip(&mean).map(|(x, mean)| x - mean).collect();
                    assert_eq!(codes.offset_and_square(item), (dot(&residual, &mean), dot(vector, vector)));
                    Rotation::new(dimension).apply(&mut residual);
                    let block = codes.block(item / BLOCK_ITEMS);
                    for (i, x) in residual.iter().enumerate() {
                        let nibble = block.nibble(i / 4, item % BLOCK_ITEMS);
                        assert_eq!(nibble >> (i % 4) & 1 == 1, *x > 0.0, "{dimension} {items}: {item} {i}");
                    }
                }
                assert_eq!(copy.finish(), section, "{dimension} {items}");
                assert!(items == 0 || Codes::open(&section[1..], items, dimension).is_err());
            }
        }
    }
}
