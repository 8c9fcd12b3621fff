//! The number types of vectors in an output.

use corom::error::Result;
use half::f16;

use super::row::Window;
use crate::fail;

/// The number type of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum VectorType {
    /// 32-bit floating point
    F32,
    /// 16-bit floating point
    F16,
    /// 8-bit integers with one scale per vector: number × scale
    Int8,
}

/// The vectors of a window.
#[derive(Debug)]
pub(super) struct Vectors {
    /// The number of elements of a vector.
    pub(super) dimension: usize,
    /// The vectors, `[rows, dimension]`.
    pub(super) data: Vec<f32>,
}

impl Vectors {
    /// Returns the vector of each row of a window: none for a row without a text.
    pub(super) fn rows<'a>(&'a self, window: &'a Window) -> impl Iterator<Item = Option<&'a [f32]>> {
        let vectors = self.data.chunks_exact(self.dimension.max(1));
        window.rows.iter().zip(vectors).map(|(row, vector)| row.text.is_some().then_some(vector))
    }

    /// Checks that the numbers fit the type.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if a number is too large for 16 bits.
    pub(super) fn check(&self, window: &Window, vector_type: VectorType) -> Result<()> {
        if vector_type != VectorType::F16 {
            return Ok(());
        }
        for (row, vector) in window.rows.iter().zip(self.rows(window)) {
            if let Some(wide) = vector.unwrap_or_default().iter().find(|x| f16::from_f32(**x).is_infinite()) {
                fail!(
                    InvalidArgument,
                    "--vectors f16: the vector of {} has {wide}, and the largest number of f16 is {}; use f32",
                    row.place,
                    f16::MAX
                );
            }
        }
        Ok(())
    }
}

/// Quantizes a vector: `x ≈ q × scale`, with `scale = max |x| / 127`. The cosine of two vectors does not depend on the
/// scales.
pub(super) fn quantize(vector: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let scale = vector.iter().fold(0f32, |max, x| max.max(x.abs())) / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    (scale, vector.iter().map(move |x| (x * inverse).round().clamp(-127.0, 127.0) as i8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantize_keeps_the_largest_number_and_zeros() {
        let (scale, numbers) = quantize(&[0.5, -1.0, 0.0, 0.001]);
        assert_eq!(scale, 1.0 / 127.0);
        assert_eq!(numbers.collect::<Vec<_>>(), [64, -127, 0, 0]);
        let (scale, numbers) = quantize(&[0.0, 0.0]);
        assert_eq!((scale, numbers.collect::<Vec<_>>()), (0.0, vec![0, 0]));
    }
}
