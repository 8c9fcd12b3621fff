//! A step's weights, packed for its kernel.

use super::matrix::{Bytes, bytes, floats, nibbles, order};
use super::room;
use super::store::Store;
use crate::encoder::cpu::add_norm::Norm;
use crate::encoder::cpu::embed::{Embed, Table};
use crate::encoder::cpu::linear::quantize::{ColumnMax, quantize_rows_i8};
use crate::encoder::cpu::linear::{Kernel, Linear, PackF32, PackI4, PackI8, Weights};
use crate::encoder::matcher::{EmbedStep, LinearStep, Matrix, NormStep};
use crate::error::{Result, fail};

/// How exact the fused graph is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// int8 weights an output, or the file's 4 bits; activations quantised a row.
    #[default]
    Auto,
    /// f32 throughout.
    F32,
}

impl Precision {
    /// `auto` or `f32`.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for anything else.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "f32" => Ok(Self::F32),
            _ => fail!(InvalidArgument, "precision is \"auto\" or \"f32\", not \"{name}\""),
        }
    }
}

/// Packs a `Linear`.
pub(super) fn linear(
    store: &mut Store,
    step: &LinearStep,
    precision: Precision,
    kernel: Kernel,
) -> Result<Linear> {
    let spec = step.spec;
    let bias = match &step.bias {
        Some(bias) => store.vector(bias, spec.outputs)?,
        None => Vec::new(),
    };
    if bias.iter().any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a bias is not finite: its file is damaged");
    }
    let order = order(&step.weight);
    if precision == Precision::F32 {
        let mut pack = PackF32::new(spec, kernel, bias)?;
        pack.put(order, 0, &floats(store, &step.weight)?);
        return Ok(pack.finish());
    }
    if let Some(Bytes { q, scale, zero }) = bytes(store, &step.weight)? {
        let mut pack = if zero.is_empty() {
            PackI8::new(spec, kernel, scale, bias)?
        } else {
            PackI8::with_zero_points(spec, kernel, scale, zero, bias)?
        };
        pack.put_i8(order, 0, &q);
        return Ok(pack.finish());
    }
    if let Some(nibbles) = nibbles(store, &step.weight)? {
        let mut pack = PackI4::new(spec, kernel, bias)?;
        pack.put(0, &nibbles.q);
        pack.put_scales(0, nibbles.scale);
        pack.put_zeros(0, nibbles.zero);
        return Ok(pack.finish());
    }
    let weights = floats(store, &step.weight)?;
    let mut max = ColumnMax::new(spec, order)?;
    max.update(0, weights.iter().copied());
    let mut pack = PackI8::new(spec, kernel, max.into_scales(), bias)?;
    pack.put_f32(order, 0, weights)?;
    Ok(pack.finish())
}

/// Packs the embeddings.
pub(super) fn embed(store: &mut Store, step: &EmbedStep, precision: Precision) -> Result<Embed> {
    let word = table(store, &step.word, precision == Precision::Auto)?;
    let token_type = match &step.token_type {
        Some((table_of, _)) => Some(table(store, table_of, false)?),
        None => None,
    };
    let position = match &step.position {
        Some(table_of) => Some(table(store, table_of, false)?),
        None => None,
    };
    Ok(Embed::new(word, token_type, position, norm(store, &step.norm)?))
}

/// A table: bytes stay bytes where their zero points allow it; floats become bytes if asked for.
fn table(store: &mut Store, matrix: &Matrix, quantize: bool) -> Result<EmbeddingTable> {
    let width = matrix.shape[1];
    // Rows are what scales go along: a table's outputs, so to say.
    let transposed = Matrix { transposed: true, ..matrix.clone() };
    if let Some(Bytes { q, scale, zero }) = bytes(store, &transposed)? {
        if zero.is_empty() {
            return Ok(EmbeddingTable::i8(width, q, scale));
        }
        let row = |(i, q): (usize, &i8)| (i32::from(*q) - zero[i / width]) as f32 * scale[i / width];
        let mut values = room::list(q.len(), "a table as floats")?;
        values.extend(q.iter().enumerate().map(row));
        drop(q);
        return quantized(width, values, quantize);
    }
    let values = floats(store, matrix)?;
    quantized(width, values, quantize)
}

fn quantized(width: usize, values: Vec<f32>, quantize: bool) -> Result<EmbeddingTable> {
    if !quantize {
        return Ok(EmbeddingTable::f32(width, values));
    }
    let (q, scales) = quantize_rows_i8(&values, width)?;
    Ok(EmbeddingTable::i8(width, q, scales))
}

/// A norm's gain and shift.
pub(super) fn norm(store: &Store, step: &NormStep) -> Result<LayerNorm> {
    let gamma = store.vector(&step.gamma, step.width)?;
    let beta = store.vector(&step.beta, step.width)?;
    if gamma.iter().chain(&beta).any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a LayerNorm's weights are not finite: their file is damaged");
    }
    Ok(LayerNorm::new(gamma, beta, step.eps))
}
