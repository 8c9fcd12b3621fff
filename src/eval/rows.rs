//! The vectors of a corpus, as f32 or int8 rows.

use crate::encoder::reserve::try_with_capacity;
use crate::error::{Error, Result, fail};
use crate::similarity::{Metric, dot};

/// The type of the stored numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowType {
    /// 4 bytes a number.
    #[default]
    F32,
    /// 1 byte a number and a scale per row: the largest absolute value becomes 127.
    Int8,
}

impl std::str::FromStr for RowType {
    type Err = Error;

    /// Parses `f32` or `int8`.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "int8" => Ok(Self::Int8),
            _ => fail!(InvalidArgument, "row type `{name}` is unknown; use f32 or int8"),
        }
    }
}

/// Vectors of one length, for [`scan`](super::scan()).
#[derive(Debug)]
pub struct Rows {
    pub(super) dimension: usize,
    pub(super) metric: Metric,
    pub(super) numbers: Numbers,
    count: usize,
}

#[derive(Debug)]
pub(super) enum Numbers {
    F32(Vec<f32>),
    Int8(Vec<i8>, Vec<Int8Row>),
}

/// The scale and the norm of a row of 8-bit numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Int8Row {
    pub(super) scale: f32,
    /// The squared L2 norm of the row as stored.
    pub(super) squared_norm: f32,
}

impl Rows {
    /// Makes a list without rows and reserves memory for `capacity` of them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a dimension of 0 or over 65,536, and for int8 rows with the metric L1, which has no
    /// exact scan of 8-bit numbers; `OUT_OF_MEMORY`.
    pub fn new(row_type: RowType, dimension: usize, metric: Metric, capacity: usize) -> Result<Self> {
        if dimension == 0 || dimension > 1 << 16 {
            fail!(InvalidArgument, "vectors of {dimension} numbers; expected 1 to 65536");
        }
        let what = format_args!("{capacity} vectors of {dimension} numbers");
        let numbers = match row_type {
            RowType::F32 => Numbers::F32(try_with_capacity(capacity.saturating_mul(dimension), what)?),
            RowType::Int8 if metric == Metric::L1 => {
                fail!(InvalidArgument, "int8 rows cannot be searched by the metric l1; use f32 rows");
            }
            RowType::Int8 => Numbers::Int8(
                try_with_capacity(capacity.saturating_mul(dimension), what)?,
                try_with_capacity(capacity, what)?,
            ),
        };
        Ok(Self { dimension, metric, numbers, count: 0 })
    }

    /// Adds vectors, `[n, dimension]`, row-major. For the cosine they are normalized.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the numbers are no whole number of rows or not finite.
    pub fn extend(&mut self, vectors: &[f32]) -> Result<()> {
        let dimension = self.dimension;
        if !vectors.len().is_multiple_of(dimension) || !vectors.iter().all(|x| x.is_finite()) {
            let found = vectors.len();
            fail!(InvalidArgument, "{found} numbers; expected finite numbers in rows of {dimension}");
        }
        let normalize = self.metric == Metric::Cosine;
        for vector in vectors.chunks_exact(dimension) {
            let norm = dot(vector, vector).sqrt();
            let factor = if normalize && norm > 0.0 { 1.0 / norm } else { 1.0 };
            let scaled = vector.iter().map(|x| x * factor);
            match &mut self.numbers {
                Numbers::F32(numbers) => numbers.extend(scaled),
                Numbers::Int8(numbers, rows) => {
                    let largest = vector.iter().fold(0.0f32, |largest, x| largest.max(x.abs())) * factor;
                    let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
                    let start = numbers.len();
                    numbers.extend(scaled.map(|x| (x * inverse).round() as i8));
                    let scale = largest / 127.0;
                    let squares: i64 = numbers[start..].iter().map(|&x| i64::from(x) * i64::from(x)).sum();
                    rows.push(Int8Row { scale, squared_norm: squares as f32 * scale * scale });
                }
            }
        }
        self.count += vectors.len() / dimension;
        Ok(())
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
