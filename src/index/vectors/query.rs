//! The vector of a query, prepared for the scans.
//!
//! ```text
//! v = q − α c, α = ⟨q, c⟩ / ⟨c, c⟩            ⟨q, d⟩ = ⟨q, c⟩ + α ⟨c, r⟩ + ⟨v, r⟩
//! int8 rows:  ⟨v, r⟩ ≈ scale · step · Σ values[i] · v₁₆[i]            v ≈ step · v₁₆
//! int4 rows:  ⟨v, r⟩ ≈ scale · step · (2 · Σ n[i] · v₁₆[i] − 15 · Σ v₁₆[i])
//! codes:      ⟨v, r⟩ ≈ factor · Σ over groups g of 4 dimensions: Σ ±(P v)ᵢ, the signs by the bits of the code
//!             Σ ±(P v)ᵢ ≈ low(g) + step · table(g)[bits]           low(g) = −Σ |(P v)ᵢ|, table values in 0..64
//! ```
//! `⟨c, r⟩` is stored as a float, so what a query has in common with every item adds no error of quantization.

use super::codes::{CodeBlock, GROUP_DIMENSIONS, code_groups};
use super::dot::dot;
use super::rotation::Rotation;
use super::rows::Row;
use crate::error::{Result, fail};
use crate::index::kernels::dot_i8::{MAX_QUERY, dot_i8};
use crate::index::kernels::dot_u4::{BLOCK_VALUES, dot_u4};
use crate::index::kernels::nibble_sums::{BLOCK_ITEMS, MAX_VALUE, Table, nibble_sums};
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

    #[inline(always)]
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
    tables: Vec<Table>,
    /// `Σ low(g)` over the groups.
    low: f32,
    step: f32,
}

impl CodeQuery {
    /// Prepares a query.
    pub(crate) fn new(query: &VectorQuery, rotation: &Rotation) -> Self {
        let mut rotated = query.rest.clone();
        rotation.apply(&mut rotated);
        rotated.resize(code_groups(rotated.len()) * GROUP_DIMENSIONS, 0.0);
        let groups = rotated.as_chunks::<GROUP_DIMENSIONS>().0;
        let length = |group: &[f32; GROUP_DIMENSIONS]| group.iter().map(|x| x.abs()).sum::<f32>();
        let largest = groups.iter().map(length).fold(0.0_f32, f32::max);
        let step = 2.0 * largest / f32::from(MAX_VALUE);
        let inverse = if step > 0.0 { 1.0 / step } else { 0.0 };
        let table = |group: &[f32; GROUP_DIMENSIONS]| {
            std::array::from_fn(|nibble| {
                let signed = |(i, &x): (usize, &f32)| if nibble >> i & 1 == 1 { x } else { -x };
                let sum: f32 = group.iter().enumerate().map(signed).sum();
                ((sum + length(group)) * inverse).round_ties_even().clamp(0.0, f32::from(MAX_VALUE)) as u8
            })
        };
        let tables = groups.iter().map(table).collect();
        Self { tables, low: -groups.iter().map(length).sum::<f32>(), step }
    }

    /// Estimates the scores of the items of a block, one per item of `scores`.
    #[inline]
    pub(crate) fn estimate(&self, query: &VectorQuery, block: CodeBlock, scores: &mut [f32]) {
        let mut sums = [0; BLOCK_ITEMS];
        match block.whole_groups() {
            Some(groups) => sums = nibble_sums(groups, &self.tables),
            None => {
                for (group, table) in self.tables.iter().enumerate() {
                    for (at, sum) in sums[..block.items()].iter_mut().enumerate() {
                        *sum += u16::from(table[usize::from(block.nibble(group, at))]);
                    }
                }
            }
        }
        let heads = block.factors.iter().zip(block.offsets).zip(block.squares);
        for ((score, sum), ((factor, offset), square)) in scores.iter_mut().zip(sums).zip(heads) {
            let rest = f32::from_le_bytes(*factor) * (self.low + self.step * f32::from(sum));
            let product = query.with_mean + query.share * f32::from_le_bytes(*offset) + rest;
            *score = query.of_product(product, f32::from_le_bytes(*square));
        }
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
