//! int8 rows.
//!
//! ```text
//! section := row × items
//! row     := scale: f32, offset: f32, square: f32, values: i8 × dimension
//!            r ≈ scale · values, offset = ⟨c, r⟩, square = ‖d‖²
//! ```

use super::dot::dot;
use crate::error::{Result, fail};

const WHAT: &str = "rows";
/// Bytes of a row before its values.
const HEAD: usize = 12;

/// Rows that are read in place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    bytes: &'a [u8],
    dimension: usize,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) scale: f32,
    pub(crate) offset: f32,
    pub(crate) square: f32,
    pub(crate) values: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Opens the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if it has another size.
    pub(crate) fn open(section: &'a [u8], items: usize, dimension: usize) -> Result<Self> {
        if Some(section.len()) != items.checked_mul(HEAD + dimension) {
            fail!(
                InvalidCatalog,
                "{WHAT}: {} bytes for {items} items of {dimension} dimensions",
                section.len()
            );
        }
        Ok(Self { bytes: section, dimension })
    }

    /// Returns the row of an item.
    #[inline]
    pub(crate) fn get(&self, item: usize) -> Row<'a> {
        let row = &self.bytes[item * (HEAD + self.dimension)..][..HEAD + self.dimension];
        let (head, values) = row.split_at(HEAD);
        let number = |at: usize| f32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Row { scale: number(0), offset: number(4), square: number(8), values }
    }

    /// Returns the bytes of a row.
    pub(crate) fn bytes(&self, item: usize) -> &'a [u8] {
        &self.bytes[item * (HEAD + self.dimension)..][..HEAD + self.dimension]
    }
}

impl Row<'_> {
    /// Returns the item's vector.
    pub(crate) fn vector(&self, mean: &[f32]) -> Vec<f32> {
        self.values
            .iter()
            .zip(mean)
            .map(|(&value, &mean)| mean + self.scale * f32::from(value as i8))
            .collect()
    }
}

/// Appends the row of a vector to the section.
pub(crate) fn write_row(section: &mut Vec<u8>, vector: &[f32], mean: &[f32]) {
    let residual: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - mean).collect();
    let largest = residual.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let scale = largest / 127.0;
    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    let square = dot(vector, vector);
    section.extend(scale.to_le_bytes());
    section.extend(dot(&residual, mean).to_le_bytes());
    section.extend(square.to_le_bytes());
    section.extend(residual.iter().map(|x| (x * inverse).round_ties_even().clamp(-127.0, 127.0) as i8 as u8));
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
        vectors.iter().for_each(|vector| write_row(&mut section, vector, &mean));
        let rows = Rows::open(&section, 21, 50).unwrap();
        for (item, vector) in vectors.iter().enumerate() {
            let row = rows.get(item);
            let close = |(a, b): (&f32, &f32)| (a - b).abs() <= row.scale * 0.501 + 1e-6;
            assert!(row.vector(&mean).iter().zip(vector).all(close), "{item}");
            assert!((row.square - vector.iter().map(|x| x * x).sum::<f32>()).abs() < 1e-3);
        }
        assert!(Rows::open(&section[1..], 21, 50).is_err());
    }
}
