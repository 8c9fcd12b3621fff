//! The vector of a query, prepared for the scans.
//!
//! ```text
//! v = q − α c, α = ⟨q, c⟩ / ⟨c, c⟩            ⟨q, d⟩ = ⟨q, c⟩ + α ⟨c, r⟩ + ⟨v, r⟩
//! int8 rows:  ⟨v, r⟩ ≈ scale · step · Σ values[i] · v₁₆[i]            v ≈ step · v₁₆
//! int4 rows:  ⟨v, r⟩ ≈ scale · step · (2 · Σ n[i] · v₁₆[i] − 15 · Σ v₁₆[i])
//! codes:      ⟨v, r⟩ ≈ factor · (2 · Σ bits[i] · (P v)ᵢ − Σ (P v)ᵢ)   (P v)ᵢ ≈ low + width · u[i], u in 0..16
//! ```
//! `⟨c, r⟩` is stored as a float, so what a query has in common with every item adds no error of quantization.

use super::codes::{Codes, code_blocks};
use super::dot::dot;
use super::rotation::Rotation;
use super::rows::Row;
use crate::error::{Result, fail};
use crate::index::kernels::dot_i8::{MAX_QUERY, dot_i8};
use crate::index::kernels::dot_u4::{BLOCK_VALUES, dot_u4};
use crate::index::kernels::plane_counts::{BLOCK_BYTES, PLANES, plane_counts};
use crate::index::number::text_f32;
use crate::index::schema::{RowKind, SpaceMetric, VectorSpace};
use crate::l2::l2_normalize;

/// A query's vector.
#[derive(Debug, Clone)]
pub(crate) struct VectorQuery {
    metric: SpaceMetric,
    /// `⟨q, c⟩`.
    with_mean: f32,
    /// `α`.
    share: f32,
    /// `‖q‖²`.
    square: f32,
    /// `v`.
    rest: Vec<f32>,
    step: f32,
    values: Vec<i16>,
    /// `values`, filled up with zeros to whole blocks of 4-bit rows.
    padded: Vec<i16>,
    /// The sum of `values`.
    sum: i32,
}

impl VectorQuery {
    /// Prepares a vector.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if it has another dimension, or a value that is not finite.
    pub(crate) fn new(vector: &[f32], space: &VectorSpace, mean: &[f32]) -> Result<Self> {
        let vector = checked(vector, space)?;
        let (with_mean, mean_square) = (dot(&vector, mean), dot(mean, mean));
        let share = if mean_square > 0.0 { with_mean / mean_square } else { 0.0 };
        let rest: Vec<f32> = vector.iter().zip(mean).map(|(x, mean)| x - share * mean).collect();
        let largest = rest.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let limit = f32::from(MAX_QUERY);
        let inverse = if largest > 0.0 { limit / largest } else { 0.0 };
        let values: Vec<i16> =
            rest.iter().map(|x| (x * inverse).round_ties_even().clamp(-limit, limit) as i16).collect();
        let mut padded = values.clone();
        padded.resize(values.len().next_multiple_of(BLOCK_VALUES), 0);
        Ok(Self {
            metric: space.metric,
            with_mean,
            share,
            square: dot(&vector, &vector),
            rest,
            step: largest / limit,
            sum: values.iter().map(|&value| i32::from(value)).sum(),
            values,
            padded,
        })
    }

    /// Returns the score of a row: more is nearer.
    #[inline]
    pub(crate) fn score(&self, row: Row) -> f32 {
        let sum = match row.kind {
            RowKind::Int4 => 2 * dot_u4(row.values, &self.padded) - 15 * self.sum,
            _ => dot_i8(row.values, &self.values),
        };
        let rest = row.scale * self.step * sum as f32;
        let product = self.with_mean + self.share * row.offset + rest;
        self.of_product(product, row.square)
    }

    #[inline]
    fn of_product(&self, product: f32, square: f32) -> f32 {
        match self.metric {
            SpaceMetric::Dot | SpaceMetric::Cosine => product,
            SpaceMetric::L2 => -(self.square - 2.0 * product + square).max(0.0).sqrt(),
        }
    }
}

/// Returns the vector as the metric takes it: normalized for the cosine.
///
/// # Errors
/// `INVALID_ARGUMENT` if it has another dimension, or a value that is not finite.
pub(crate) fn checked(vector: &[f32], space: &VectorSpace) -> Result<Vec<f32>> {
    if vector.len() != space.dimension {
        fail!(
            InvalidArgument,
            "vector: {} values; the catalog has {} dimensions",
            vector.len(),
            space.dimension
        );
    }
    let mut vector = vector.to_vec();
    // Beyond this limit squares and products of int8 rows overflow.
    if let Some(x) = vector.iter().find(|x| x.is_nan() || x.abs() > 1e15) {
        let found = text_f32(*x);
        fail!(InvalidArgument, "vector: found the value {found}; expected a finite number of at most 1e15");
    }
    if space.metric == SpaceMetric::Cosine {
        l2_normalize(&mut vector, space.dimension);
    }
    Ok(vector)
}

/// A query's vector, prepared for codes.
#[derive(Debug, Clone)]
pub(crate) struct CodeQuery {
    planes: Vec<[u8; BLOCK_BYTES]>,
    low: f32,
    width: f32,
    sum: f32,
}

impl CodeQuery {
    /// Prepares a query.
    pub(crate) fn new(query: &VectorQuery, rotation: &Rotation) -> Self {
        let mut rotated = query.rest.clone();
        rotation.apply(&mut rotated);
        let low = rotated.iter().fold(f32::INFINITY, |low, &x| low.min(x));
        let high = rotated.iter().fold(f32::NEG_INFINITY, |high, &x| high.max(x));
        let width = (high - low) / 15.0;
        let inverse = if width > 0.0 { 1.0 / width } else { 0.0 };
        let blocks = code_blocks(rotated.len());
        let mut planes = vec![[0; BLOCK_BYTES]; PLANES * blocks];
        let mut sum = 0.0;
        for (i, x) in rotated.iter().enumerate() {
            let value = ((x - low) * inverse).round_ties_even().clamp(0.0, 15.0) as u8;
            for plane in 0..PLANES {
                planes[plane * blocks + i / 128][i % 128 / 8] |= (value >> plane & 1) << (i % 8);
            }
            sum += low + width * f32::from(value);
        }
        Self { planes, low, width, sum }
    }

    /// Estimates the score of an item from its code.
    #[inline]
    pub(crate) fn estimate(&self, query: &VectorQuery, codes: &Codes, item: usize) -> f32 {
        let counts = plane_counts(codes.code(item), &self.planes) as f32;
        let on_ones = self.low * codes.ones(item) as f32 + self.width * counts;
        let rest = codes.factor(item) * (2.0 * on_ones - self.sum);
        let product = query.with_mean + query.share * codes.offset(item) + rest;
        query.of_product(product, codes.square(item))
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
