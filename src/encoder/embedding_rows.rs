//! The rows of embedding tables: floats, or int8 with a scale per row. Float word embeddings may be quantized while
//! they arrive, so that they are never in memory as floats.

use std::collections::BTreeMap;

use super::plan::decode::{Int8Weights, floats, int8};
use super::plan::{Matrix, Plan, PlanOp, Quantization, TensorData, TensorRef, WeightStore, packing_failed};
use super::quantize::int8::quantize_rows_i8;
use super::reserve::try_with_capacity;
use crate::error::{Result, fail};

/// The rows of a table, row-major.
pub(super) enum EmbeddingRows {
    F32(Vec<f32>),
    /// `scales[row] · q`.
    I8 {
        q: Vec<i8>,
        scales: Vec<f32>,
    },
}

/// Returns the weights of the word embeddings and the width of a row, or `None` if they are not floats that
/// nothing else reads.
pub(super) fn float_word_weights(plan: &Plan) -> Option<(Vec<usize>, usize)> {
    let word = plan.ops.iter().find_map(|op| match op {
        PlanOp::Embed(embed) => Some(&embed.word),
        _ => None,
    })?;
    let Quantization::Affine { axis: None, scale, zero: None } = &word.quantization else { return None };
    let is_raw = word.rounding.is_none() && scale.is_empty();
    if !word.float || !is_raw || word.transposed || word.columns.is_some() {
        return None;
    }
    let parts = word.parts.iter().map(|part| match part {
        TensorRef::Weight(weight) => Some(*weight),
        TensorRef::Constant(_) => None,
    });
    let parts: Vec<usize> = parts.collect::<Option<_>>()?;
    let uses = plan.ops.iter().flat_map(PlanOp::weights).filter(|used| parts.contains(used)).count();
    (uses == parts.len()).then_some((parts, word.shape[1]))
}

/// Takes the word embeddings. Floats become int8 if `quantize` is set. `row_scales` has the scales of each weight that
/// arrived as int8 rows; those of the word embeddings are taken out.
///
/// # Errors
/// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
pub(super) fn word_rows(
    store: &mut WeightStore,
    word: &Matrix,
    quantize: bool,
    row_scales: &mut BTreeMap<usize, Vec<f32>>,
) -> Result<EmbeddingRows> {
    match int8_rows(store, word, row_scales)? {
        Some(rows) => Ok(rows),
        None => embedding_rows(store, word, quantize),
    }
}

/// Takes a table. int8 tables without zero points stay int8. Floats become int8 if `quantize` is set.
///
/// # Errors
/// The errors of [`word_rows`].
pub(super) fn embedding_rows(
    store: &mut WeightStore,
    matrix: &Matrix,
    quantize: bool,
) -> Result<EmbeddingRows> {
    let width = matrix.shape[1];
    // A table has one scale per row, as a transposed matrix has one per output.
    let transposed = Matrix { transposed: true, ..matrix.clone() };
    if let Some(Int8Weights { q, scale, zero }) = int8(store, &transposed)? {
        if zero.is_empty() {
            return Ok(EmbeddingRows::I8 { q, scales: scale });
        }
        let row = |(i, q): (usize, &i8)| (i32::from(*q) - zero[i / width]) as f32 * scale[i / width];
        let mut values = try_with_capacity(q.len(), "a table as floats")?;
        values.extend(q.iter().enumerate().map(row));
        drop(q);
        return quantized(width, values, quantize);
    }
    let values = floats(store, matrix)?;
    quantized(width, values, quantize)
}

fn quantized(width: usize, values: Vec<f32>, quantize: bool) -> Result<EmbeddingRows> {
    if !quantize {
        return Ok(EmbeddingRows::F32(values));
    }
    let (q, scales) = quantize_rows_i8(&values, width)?;
    Ok(EmbeddingRows::I8 { q, scales })
}

/// Takes word embeddings of which a part has arrived as int8 rows, or returns `None` if no part has. Other parts,
/// which lie in the ONNX file for instance, are quantized.
///
/// # Errors
/// `INVALID_MODEL` for a weight that is not finite, `OUT_OF_MEMORY`.
fn int8_rows(
    store: &mut WeightStore,
    word: &Matrix,
    row_scales: &mut BTreeMap<usize, Vec<f32>>,
) -> Result<Option<EmbeddingRows>> {
    let scales = word.parts.iter().map(|part| match part {
        TensorRef::Weight(weight) => row_scales.remove(weight),
        TensorRef::Constant(_) => None,
    });
    let scales: Vec<Option<Vec<f32>>> = scales.collect();
    if scales.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [rows, width] = word.shape;
    let (mut q, mut all_scales) = (Vec::new(), Vec::new());
    for (part, scales) in word.parts.iter().zip(scales) {
        let (part, scales) = match (store.take(part)?, scales) {
            (TensorData::I8(q), Some(scales)) => (q, scales),
            (TensorData::F32(values), None) if values.iter().all(|x| x.is_finite()) => {
                quantize_rows_i8(&values, width)?
            }
            (TensorData::F32(_), None) => {
                fail!(InvalidModel, "a weight is not finite: its file is damaged")
            }
            _ => return Err(packing_failed("a table did not arrive in rows")),
        };
        if q.is_empty() {
            q = part; // A table of one part is not copied.
        } else {
            if q.try_reserve_exact(part.len()).is_err() {
                fail!(OutOfMemory, "not enough memory for a table of {rows} × {width} in int8");
            }
            q.extend_from_slice(&part);
        }
        all_scales.extend(scales);
    }
    if all_scales.len() != rows || q.len() != rows.saturating_mul(width) {
        return Err(packing_failed("a table has another size than its place"));
    }
    Ok(Some(EmbeddingRows::I8 { q, scales: all_scales }))
}
