//! Packs the weights of an op for its kernel.

use std::collections::BTreeMap;

use crate::encoder::Precision;
use crate::encoder::cpu::kernels::add_norm::LayerNorm;
use crate::encoder::cpu::kernels::embed::{Embed, EmbeddingTable};
use crate::encoder::cpu::kernels::linear::{Kernel, Linear, PackF32, PackI4, PackI8};
use crate::encoder::embedding_rows::{EmbeddingRows, embedding_rows, word_rows};
use crate::encoder::plan::decode::{Int8Weights, floats, int4, int8, order};
use crate::encoder::plan::{EmbedOp, LinearOp, Matrix, NormWeights, WeightStore};
use crate::encoder::quantize::equalize::{divide_inputs, input_factors, multiply_inputs, norm_magnitudes};
use crate::encoder::quantize::int8::ColumnMax;
use crate::error::{Result, fail};

/// Packs a `Linear`.
pub(super) fn linear(
    store: &mut WeightStore,
    op: &LinearOp,
    precision: Precision,
    kernel: Kernel,
) -> Result<Linear> {
    let spec = op.spec;
    let bias = match &op.bias {
        Some(bias) => store.vector(bias, spec.outputs)?,
        None => Vec::new(),
    };
    if bias.iter().any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a bias is not finite: the weight file is damaged");
    }
    let order = order(&op.weight);
    let factors = match &op.input_factors {
        Some(factors) => store.vector(factors, spec.inputs)?,
        None => Vec::new(),
    };
    if factors.iter().any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a factor of a weight's inputs is not finite: the weight file is damaged");
    }
    if precision == Precision::F32 {
        let mut weights = floats(store, &op.weight)?;
        multiply_inputs(&spec, order, &mut weights, &factors);
        let mut pack = PackF32::new(spec, kernel, bias)?;
        pack.put(order, 0, &weights);
        return Ok(pack.finish());
    }
    if let Some(Int8Weights { q, scale, zero }) = int8(store, &op.weight)? {
        let mut pack = if zero.is_empty() {
            PackI8::new(spec, kernel, scale, bias)?
        } else {
            PackI8::with_zero_points(spec, kernel, scale, zero, bias)?
        };
        pack.put_i8(order, 0, &q);
        return Ok(pack.finish().with_input_factors(factors));
    }
    if let Some(weights) = int4(store, &op.weight)? {
        let mut pack = PackI4::new(spec, kernel, bias)?;
        pack.put(0, &weights.q);
        pack.put_scales(0, weights.scale);
        pack.put_zeros(0, weights.zero);
        return Ok(pack.finish().with_input_factors(factors));
    }
    let mut weights = floats(store, &op.weight)?;
    multiply_inputs(&spec, order, &mut weights, &factors);
    let magnitudes = match &op.input_norm {
        Some(norm) => {
            norm_magnitudes(&store.vector(&norm.gamma, norm.width)?, &store.vector(&norm.beta, norm.width)?)?
        }
        None => Vec::new(),
    };
    let factors = input_factors(&spec, order, &weights, &magnitudes)?;
    divide_inputs(&spec, order, &mut weights, &factors);
    let mut column_max = ColumnMax::new(spec, order)?;
    column_max.update(0, weights.iter().copied());
    let mut pack = PackI8::new(spec, kernel, column_max.into_scales(), bias)?;
    pack.put_f32(order, 0, weights)?;
    Ok(pack.finish().with_input_factors(factors))
}

/// Packs the embeddings. `row_scales` has the scales of each weight that arrived as int8 rows; those of the word
/// embeddings are taken out.
pub(super) fn embed(
    store: &mut WeightStore,
    op: &EmbedOp,
    precision: Precision,
    row_scales: &mut BTreeMap<usize, Vec<f32>>,
) -> Result<Embed> {
    let word = word_rows(store, &op.word, precision == Precision::Auto, row_scales)?;
    let word = embedding_table(op.word.shape[1], word);
    let token_type = match (&op.token_type, &op.constant) {
        (Some(types), Some(constant)) => {
            let (mut values, first) = (floats(store, &types.table)?, floats(store, constant)?);
            let width = op.norm.width;
            values.iter_mut().enumerate().for_each(|(i, x)| *x += first[i % width]);
            Some(EmbeddingTable::f32(width, values))
        }
        (Some(types), None) => Some(table(store, &types.table, false)?),
        (None, _) => None,
    };
    let norm = norm(store, &op.norm)?;
    let Some(positions) = &op.position else { return Ok(Embed::new(word, token_type, None, norm)) };
    let position = table(store, &positions.table, false)?;
    Ok(Embed::new(word, token_type, Some(position), norm).with_positions(positions.rule))
}

/// Packs an embedding table. int8 tables without zero points stay int8. Float tables become int8 if
/// `quantize` is set.
fn table(store: &mut WeightStore, matrix: &Matrix, quantize: bool) -> Result<EmbeddingTable> {
    Ok(embedding_table(matrix.shape[1], embedding_rows(store, matrix, quantize)?))
}

fn embedding_table(width: usize, rows: EmbeddingRows) -> EmbeddingTable {
    match rows {
        EmbeddingRows::F32(values) => EmbeddingTable::f32(width, values),
        EmbeddingRows::I8 { q, scales } => EmbeddingTable::i8(width, q, scales),
    }
}

/// Packs the weights of a LayerNorm.
pub(super) fn norm(store: &WeightStore, norm: &NormWeights) -> Result<LayerNorm> {
    let gamma = store.vector(&norm.gamma, norm.width)?;
    let beta = store.vector(&norm.beta, norm.width)?;
    if gamma.iter().chain(&beta).any(|x| !x.is_finite()) {
        fail!(InvalidModel, "a LayerNorm weight is not finite: the weight file is damaged");
    }
    Ok(LayerNorm::new(gamma, beta, norm.eps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::Precision;
    use crate::encoder::plan::{
        EmbedOp, LinearOp, Matrix, NormWeights, Quantization, TensorRef, Vector, WeightStore,
    };
    use crate::encoder::spec::{Activation, LinearSpec};
    use crate::error::{Error, ErrorCode};

    /// More than an address says, and few enough to be counted in bytes.
    const MANY: usize = 1 << (usize::BITS - 8);

    fn check(error: &Error, bytes: usize, shape: [usize; 2]) {
        assert_eq!(error.code(), ErrorCode::OutOfMemory, "{error}");
        let [rows, columns] = shape;
        for part in [format!(" {bytes} bytes "), format!(" {rows} × {columns}")] {
            assert!(error.message().contains(&part), "{error}");
        }
    }

    #[test]
    fn steps_that_no_memory_holds_are_errors() {
        // In two parts, which are put together before their numbers are looked at.
        let matrix = |shape: [usize; 2]| {
            let quantization = Quantization::Affine { axis: None, scale: Vec::new(), zero: None };
            let parts = vec![TensorRef::Weight(0), TensorRef::Weight(1)];
            Matrix {
                parts,
                shape,
                transposed: false,
                float: true,
                rounding: None,
                quantization,
                columns: None,
            }
        };
        let mut store = WeightStore::new(0, &[]);
        let spec = LinearSpec { inputs: 8, outputs: MANY, activation: Activation::None };
        let step = LinearOp {
            x: 0,
            spec,
            weight: matrix([8, MANY]),
            bias: None,
            input_factors: None,
            input_norm: None,
        };
        for precision in [Precision::Auto, Precision::F32] {
            let error = linear(&mut store, &step, precision, Kernel::Exact).unwrap_err();
            check(&error, 4 * 8 * MANY, [8, MANY]);
        }
        let vector = Vector::Uniform(1.0);
        let norm = NormWeights { width: 8, eps: 1e-5, gamma: vector.clone(), beta: vector };
        let tables =
            EmbedOp { word: matrix([MANY, 8]), token_type: None, constant: None, position: None, norm };
        let error = embed(&mut store, &tables, Precision::Auto, &mut BTreeMap::new()).unwrap_err();
        check(&error, 4 * 8 * MANY, [MANY, 8]);
    }
}
