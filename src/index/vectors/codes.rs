//! Codes of one bit per dimension (Gao and Long, RaBitQ, 2024), for a first pass over many items.
//!
//! ```text
//! section := factor: f32 × items, offset: f32 × items, square: f32 × items, ones: u16 × items, code × items
//! code    := bits                    bytes: dimension / 8, rounded up to a multiple of 16; bit i is 1 if (P r)ᵢ > 0
//! factor   = ‖r‖² / Σ |(P r)ᵢ|       0 if r is 0
//! offset   = ⟨c, r⟩, square = ‖d‖²
//! ```
//! `P` is the [rotation](super::rotation). With `x = ±1` by the bits, `⟨v, r⟩ = ⟨P v, P r⟩ ≈ factor · ⟨P v, x⟩`: the
//! estimate is unbiased, because `factor · ⟨P r, x⟩ = ‖r‖²`.

use super::dot::dot;
use super::rotation::Rotation;
use crate::error::{Result, fail};
use crate::index::kernels::plane_counts::BLOCK_BYTES;

const WHAT: &str = "codes";
/// Bytes per item beside the bits.
const HEAD: usize = 14;

/// Codes that are read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    factors: &'a [[u8; 4]],
    offsets: &'a [[u8; 4]],
    squares: &'a [[u8; 4]],
    ones: &'a [[u8; 2]],
    blocks: &'a [[u8; BLOCK_BYTES]],
    /// Blocks per code.
    width: usize,
}

/// Returns the blocks of a code.
pub(crate) fn code_blocks(dimension: usize) -> usize {
    dimension.div_ceil(8 * BLOCK_BYTES)
}

impl<'a> Codes<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it has another size.
    pub(crate) fn open(section: &'a [u8], items: usize, dimension: usize) -> Result<Self> {
        let width = code_blocks(dimension);
        if Some(section.len()) != items.checked_mul(HEAD + width * BLOCK_BYTES) {
            fail!(
                InvalidCatalog,
                "{WHAT}: {} bytes for {items} items of {dimension} dimensions",
                section.len()
            );
        }
        let (factors, rest) = section.split_at(4 * items);
        let (offsets, rest) = rest.split_at(4 * items);
        let (squares, rest) = rest.split_at(4 * items);
        let (ones, blocks) = rest.split_at(2 * items);
        let (factors, offsets, squares) =
            (factors.as_chunks().0, offsets.as_chunks().0, squares.as_chunks().0);
        Ok(Self { factors, offsets, squares, ones: ones.as_chunks().0, blocks: blocks.as_chunks().0, width })
    }

    /// Returns the bits of an item's code.
    #[inline]
    pub(crate) fn code(&self, item: usize) -> &'a [[u8; BLOCK_BYTES]] {
        &self.blocks[item * self.width..][..self.width]
    }

    #[inline]
    pub(crate) fn factor(&self, item: usize) -> f32 {
        f32::from_le_bytes(self.factors[item])
    }

    /// Returns `⟨c, r⟩`.
    #[inline]
    pub(crate) fn offset(&self, item: usize) -> f32 {
        f32::from_le_bytes(self.offsets[item])
    }

    /// Returns `‖d‖²`.
    #[inline]
    pub(crate) fn square(&self, item: usize) -> f32 {
        f32::from_le_bytes(self.squares[item])
    }

    /// Returns an estimate of the item's vector.
    pub(crate) fn vector(&self, item: usize, mean: &[f32], rotation: &Rotation) -> Vec<f32> {
        let bits = self.code(item).as_flattened();
        let sign = |i: usize| if bits[i / 8] >> (i % 8) & 1 == 1 { 1.0 } else { -1.0 };
        let mut vector: Vec<f32> = (0..mean.len()).map(|i| self.factor(item) * sign(i)).collect();
        rotation.invert(&mut vector);
        vector.iter_mut().zip(mean).for_each(|(x, mean)| *x += mean);
        vector
    }

    /// Returns the number of bits that are 1.
    #[inline]
    pub(crate) fn ones(&self, item: usize) -> u32 {
        u32::from(u16::from_le_bytes(self.ones[item]))
    }
}

/// Collects the codes of a catalog.
#[derive(Debug)]
pub(crate) struct CodesWriter {
    rotation: Rotation,
    dimension: usize,
    factors: Vec<u8>,
    offsets: Vec<u8>,
    squares: Vec<u8>,
    ones: Vec<u8>,
    blocks: Vec<u8>,
}

impl CodesWriter {
    pub(crate) fn new(dimension: usize) -> Self {
        let rotation = Rotation::new(dimension);
        Self {
            rotation,
            dimension,
            factors: vec![],
            offsets: vec![],
            squares: vec![],
            ones: vec![],
            blocks: vec![],
        }
    }

    /// Adds a vector. `square`: `‖d‖²`.
    pub(crate) fn add(&mut self, vector: &[f32], mean: &[f32], square: f32) {
        let mut residual: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - mean).collect();
        self.offsets.extend(dot(&residual, mean).to_le_bytes());
        let length: f32 = residual.iter().map(|x| x * x).sum();
        self.rotation.apply(&mut residual);
        let sum: f32 = residual.iter().map(|x| x.abs()).sum();
        let factor = if sum > 0.0 { length / sum } else { 0.0 };
        self.factors.extend(factor.to_le_bytes());
        self.squares.extend(square.to_le_bytes());
        let start = self.blocks.len();
        self.blocks.resize(start + code_blocks(self.dimension) * BLOCK_BYTES, 0);
        for (i, x) in residual.iter().enumerate() {
            self.blocks[start + i / 8] |= u8::from(*x > 0.0) << (i % 8);
        }
        let ones = residual.iter().filter(|&&x| x > 0.0).count() as u16;
        self.ones.extend(ones.to_le_bytes());
    }

    /// Adds the code of an item of another catalog with the same mean.
    pub(crate) fn copy(&mut self, codes: &Codes, item: usize) {
        self.factors.extend(codes.factors[item]);
        self.offsets.extend(codes.offsets[item]);
        self.squares.extend(codes.squares[item]);
        self.ones.extend(codes.ones[item]);
        self.blocks.extend(codes.code(item).as_flattened());
    }

    /// Returns the section.
    pub(crate) fn finish(self) -> Vec<u8> {
        [self.factors, self.offsets, self.squares, self.ones, self.blocks].concat()
    }
}
