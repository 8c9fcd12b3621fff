//! Rows of int8 or 4-bit values.
//!
//! ```text
//! section := row × items
//! row     := scale: f32, offset: f32, square: f32, values
//! int8    := i8 × dimension                      r ≈ scale · values
//! int4    := [u8; 16] × ⌈dimension / 32⌉         r ≈ scale · (2 n − 15), n in 0..16: see `kernels/dot_u4.rs`
//!            offset = ⟨c, r⟩, square = ‖d‖²
//! ```
//! Halves of bytes beyond the dimension are 0.

use sha2::{Digest, Sha256};

use super::dot::dot;
use crate::error::{Result, fail};
use crate::index::kernels::dot_u4::{BLOCK_BYTES, BLOCK_VALUES};
use crate::index::schema::RowKind;

const WHAT: &str = "rows";
/// Bytes of a row before its values.
const HEAD: usize = 12;
/// The largest 4-bit value, of `2 n − 15`.
const MAX_INT4: f32 = 15.0;
/// The shares of the largest value at which 4-bit values end: the best one is taken.
const CLIPS: [f32; 8] = [1.0, 0.93, 0.86, 0.79, 0.72, 0.65, 0.58, 0.51];

/// Rows that are read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    bytes: &'a [u8],
    kind: RowKind,
    width: usize,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    pub(crate) square: f32,
    pub(crate) values: &'a [u8],
    pub(crate) kind: RowKind,
}

/// Bytes of the hash of a row.
pub(crate) const ROW_HASH_BYTES: usize = 4;

/// Returns the beginning of the SHA-256 of a row. A row that arrives by itself is compared with it: the hash of the section
/// says nothing about a part of it.
pub(crate) fn row_hash(row: &[u8]) -> [u8; ROW_HASH_BYTES] {
    let hash = Sha256::digest(row);
    [hash[0], hash[1], hash[2], hash[3]]
}

/// Returns the bytes of a row.
pub(crate) fn row_bytes(dimension: usize, kind: RowKind) -> usize {
    match kind {
        RowKind::Int8 => HEAD + dimension,
        RowKind::Int4 => HEAD + dimension.div_ceil(BLOCK_VALUES) * BLOCK_BYTES,
        RowKind::None => 0,
    }
}

impl<'a> Rows<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it has another size.
    pub(crate) fn open(section: &'a [u8], items: usize, dimension: usize, kind: RowKind) -> Result<Self> {
        let width = row_bytes(dimension, kind);
        if Some(section.len()) != items.checked_mul(width) {
            fail!(
                InvalidCatalog,
                "{WHAT}: {} bytes for {items} items of {dimension} dimensions",
                section.len()
            );
        }
        Ok(Self { bytes: section, kind, width })
    }

    /// Returns the row of an item.
    #[inline(always)]
    pub(crate) fn get(&self, item: usize) -> Row<'a> {
        Row::read(self.bytes(item), self.kind)
    }

    /// Returns the bytes of a row.
    #[inline(always)]
    pub(crate) fn bytes(&self, item: usize) -> &'a [u8] {
        &self.bytes[item * self.width..][..self.width]
    }
}

impl<'a> Row<'a> {
    /// Reads the bytes of a row.
    #[inline(always)]
    pub(crate) fn read(row: &'a [u8], kind: RowKind) -> Self {
        let (head, values) = row.split_at(HEAD);
        let number = |at: usize| f32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Self { scale: number(0), offset: number(4), square: number(8), values, kind }
    }

    /// Returns the item's vector.
    pub(crate) fn vector(&self, mean: &[f32]) -> Vec<f32> {
        let value = |i: usize| match self.kind {
            RowKind::Int4 => {
                let byte = self.values[i / BLOCK_VALUES * BLOCK_BYTES + i % BLOCK_BYTES];
                let half = if i % BLOCK_VALUES < BLOCK_BYTES { byte & 15 } else { byte >> 4 };
                2.0 * f32::from(half) - MAX_INT4
            }
            _ => f32::from(self.values[i] as i8),
        };
        mean.iter().enumerate().map(|(i, mean)| mean + self.scale * value(i)).collect()
    }
}

/// Appends the row of a vector to the section.
pub(crate) fn write_row(section: &mut Vec<u8>, vector: &[f32], mean: &[f32], kind: RowKind) {
    let residual: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - mean).collect();
    let largest = residual.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let head = |section: &mut Vec<u8>, scale: f32| {
        for number in [scale, dot(&residual, mean), dot(vector, vector)] {
            section.extend(number.to_le_bytes());
        }
    };
    match kind {
        RowKind::None => {}
        RowKind::Int8 => {
            head(section, largest / 127.0);
            let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            let value = |x: &f32| (x * inverse).round_ties_even().clamp(-127.0, 127.0) as i8 as u8;
            section.extend(residual.iter().map(value));
        }
        RowKind::Int4 => {
            let (values, scale) = int4(&residual, largest);
            head(section, scale);
            for block in values.chunks(BLOCK_VALUES) {
                let half = |at: usize| block.get(at).copied().unwrap_or(0);
                section.extend((0..BLOCK_BYTES).map(|at| half(at) | half(BLOCK_BYTES + at) << 4));
            }
        }
    }
}

/// Returns the 4-bit values of a vector and their scale: `‖r‖² / ⟨r, values⟩`, so that the estimate of `⟨r, r⟩` is exact.
fn int4(residual: &[f32], largest: f32) -> (Vec<u8>, f32) {
    let mut best = (Vec::new(), 0.0, -1.0);
    for clip in CLIPS {
        let inverse = if largest > 0.0 { MAX_INT4 / (clip * largest) } else { 0.0 };
        let half = |x: &f32| ((x * inverse + MAX_INT4) / 2.0).round_ties_even().clamp(0.0, MAX_INT4) as u8;
        let halves: Vec<u8> = residual.iter().map(half).collect();
        let values: Vec<f32> = halves.iter().map(|&half| 2.0 * f32::from(half) - MAX_INT4).collect();
        let product = dot(residual, &values);
        let likeness = product * product / dot(&values, &values).max(f32::MIN_POSITIVE);
        if likeness > best.2 {
            let scale = if product > 0.0 { dot(residual, residual) / product } else { 0.0 };
            best = (halves, scale, likeness);
        }
    }
    (best.0, best.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn rows_are_the_vectors_within_half_a_step() {
        let mut random = Random(1);
        let mean = random.normals(50);
        let vectors: Vec<Vec<f32>> = (0..20).map(|_| random.normals(50)).chain([mean.clone()]).collect();
        let mut section = Vec::new();
        vectors.iter().for_each(|vector| write_row(&mut section, vector, &mean, RowKind::Int8));
        let rows = Rows::open(&section, 21, 50, RowKind::Int8).unwrap();
        for (item, vector) in vectors.iter().enumerate() {
            let row = rows.get(item);
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= row.scale * 0.501 + 1e-6;
            assert!(row.vector(&mean).iter().zip(vector).all(close), "{item}");
            assert!((row.square - vector.iter().map(|x| x * x).sum::<f32>()).abs() < 1e-3);
        }
        assert!(Rows::open(&section[1..], 21, 50, RowKind::Int8).is_err());
        assert!(Rows::open(&section, 21, 50, RowKind::Int4).is_err());
    }

    #[test]
    fn rows_of_4_bits_keep_the_direction() {
        let mut random = Random(2);
        for dimension in [1, 31, 32, 33, 200, 768] {
            let mean = random.normals(dimension);
            let vectors: Vec<Vec<f32>> =
                (0..20).map(|_| random.normals(dimension)).chain([mean.clone()]).collect();
            let mut section = Vec::new();
            vectors.iter().for_each(|vector| write_row(&mut section, vector, &mean, RowKind::Int4));
            assert_eq!(section.len(), 21 * row_bytes(dimension, RowKind::Int4));
            let rows = Rows::open(&section, 21, dimension, RowKind::Int4).unwrap();
            for (item, vector) in vectors.iter().enumerate() {
                let read = rows.get(item).vector(&mean);
                let residual: Vec<f32> = vector.iter().zip(&mean).map(|(x, m)| x - m).collect();
                let error: Vec<f32> = read.iter().zip(vector).map(|(x, y)| x - y).collect();
                let share = (dot(&error, &error) / dot(&residual, &residual).max(1e-9)).sqrt();
                assert!(share < 0.13, "{dimension} {item}: {share}");
            }
        }
        assert_eq!(row_bytes(768, RowKind::Int4), 396);
    }
}
