//! Compares decoded matrices with the definitions of ONNX, number by number.

use proptest::prelude::*;
use std::sync::Arc;

use super::blocks::Int4Weights;
use super::*;
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::plan::{BlockFormat, LinearOp, PlanOp, TensorRef, Vector};
use crate::encoder::spec::{Activation, LinearSpec};

/// Returns a store of these weights for a `Linear` with the matrix.
pub(super) fn store(matrix: &Matrix, weights: &[TensorData]) -> WeightStore {
    let [inputs, outputs] = matrix.used();
    let spec = LinearSpec { inputs, outputs, activation: Activation::None };
    let op =
        LinearOp { x: 0, spec, weight: matrix.clone(), bias: None, input_factors: None, input_norm: None };
    let mut store = WeightStore::new(weights.len(), &[PlanOp::Linear(Box::new(op))]);
    for (at, numbers) in weights.iter().enumerate() {
        store.put(at, numbers.clone());
    }
    store
}

/// Returns the weights that `weight(row, column)` of the stored matrix gives, in the stored order and
/// each with its output.
pub(super) fn used(matrix: &Matrix, weight: impl Fn(usize, usize) -> f32) -> Vec<(usize, f32)> {
    let [rows, columns] = matrix.shape;
    let all = (0..rows * columns).map(|i| (i / columns, i % columns));
    let outputs = all.map(|(row, column)| (if matrix.transposed { row } else { column }, row, column));
    match &matrix.columns {
        None => outputs.map(|(n, row, column)| (n, weight(row, column))).collect(),
        Some(range) => outputs
            .filter(|(n, ..)| range.contains(n))
            .map(|(n, row, column)| (n - range.start, weight(row, column)))
            .collect(),
    }
}

pub(super) fn check(got: &[f32], expected: &[(usize, f32)]) {
    assert_eq!(got.len(), expected.len());
    for (got, (_, expected)) in got.iter().zip(expected) {
        // The factors of a scale are multiplied in another order than in `expected`.
        assert!((got - expected).abs() <= 1e-6 * expected.abs(), "{got} is not {expected}");
    }
}

/// Returns a random range of the outputs, or `None` for all of them.
pub(super) fn columns(random: &mut Random, cut: bool, outputs: usize) -> Option<std::ops::Range<usize>> {
    let start = random.below(outputs);
    cut.then(|| start..start + 1 + random.below(outputs - start))
}

pub(super) fn stored(weight: usize, len: usize) -> Vector {
    Vector::Stored { tensor: TensorRef::Weight(weight), part: None, len }
}

#[derive(Debug, Clone, Copy)]
struct Affine {
    shape: [usize; 2],
    axis: Option<usize>,
    signed: bool,
    zeros: bool,
    /// True if the zero points are a constant of the graph.
    constant: bool,
    transposed: bool,
    cut: bool,
    /// Factors of the scale.
    factors: usize,
    seed: u64,
}

/// Checks `DequantizeLinear`: `y = (x − x_zero_point) · x_scale`, per axis or per tensor.
fn check_affine(case: Affine) {
    let Affine { shape: [rows, columns_of_file], axis, signed, .. } = case;
    let mut random = Random(case.seed);
    let bytes_of =
        |random: &mut Random, len: usize| -> Vec<u8> { (0..len).map(|_| random.next() as u8).collect() };
    let numbers = |bytes: &[u8]| {
        let signed_bytes = || bytes.iter().map(|b| b.cast_signed()).collect();
        if signed { TensorData::I8(signed_bytes()) } else { TensorData::U8(bytes.to_vec()) }
    };
    let value = |byte: u8| if signed { f32::from(byte.cast_signed()) } else { f32::from(byte) };
    let len = axis.map_or(1, |axis| case.shape[axis]);
    let x = bytes_of(&mut random, rows * columns_of_file);
    let zero_points = if case.zeros { bytes_of(&mut random, len) } else { vec![0; len] };
    let scales: Vec<Vec<f32>> = (0..case.factors).map(|_| random.normals(len)).collect();

    let zero_tensor = match numbers(&zero_points) {
        _ if !case.constant => TensorRef::Weight(1),
        data => TensorRef::Constant(Arc::new(data)),
    };
    let quantization = Quantization::Affine {
        axis,
        scale: (0..case.factors).map(|factor| stored(2 + factor, len)).collect(),
        zero: case.zeros.then_some(Vector::Stored { tensor: zero_tensor, part: None, len }),
    };
    let outputs = case.shape[usize::from(!case.transposed)];
    let matrix = Matrix {
        parts: vec![TensorRef::Weight(0)],
        shape: case.shape,
        transposed: case.transposed,
        float: false,
        rounding: None,
        quantization,
        columns: columns(&mut random, case.cut, outputs),
    };
    let mut weights = vec![numbers(&x), numbers(&zero_points)];
    weights.extend(scales.iter().cloned().map(TensorData::F32));

    let expected = used(&matrix, |row, column| {
        let at = axis.map_or(0, |axis| [row, column][axis]);
        scales
            .iter()
            .fold(value(x[row * columns_of_file + column]) - value(zero_points[at]), |y, s| y * s[at])
    });
    let mut store_of_all = store(&matrix, &weights);
    let an_output = axis.is_none_or(|axis| axis == usize::from(!case.transposed));
    let bytes = int8(&mut store_of_all, &matrix).unwrap();
    assert_eq!(bytes.is_some(), an_output);
    if let Some(Int8Weights { q, scale, zero }) = bytes {
        let outputs = matrix.used()[1];
        assert_eq!(scale.len(), outputs);
        assert!(zero.is_empty() || zero.len() == outputs && zero.iter().any(|zero| *zero != 0));
        let zero = |n: usize| zero.get(n).copied().unwrap_or(0);
        let got = q.iter().zip(&expected).map(|(q, (n, _))| (i32::from(*q) - zero(*n)) as f32 * scale[*n]);
        check(&got.collect::<Vec<f32>>(), &expected);
        store_of_all = store(&matrix, &weights);
    }
    // A decoder that returns `None` leaves the elements in the store.
    assert!(int4(&mut store_of_all, &matrix).unwrap().is_none());
    check(&floats(&mut store_of_all, &matrix).unwrap(), &expected);
}

/// The layout of blockwise elements in a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Layout {
    /// `MatMulNBits` of 4 bits: two per byte, the first one in the low half.
    Four,
    /// `MatMulNBits` of 8 bits.
    Eight,
    /// `GatherBlockQuantized` of uint4, unpacked to one byte each. The last block is not padded.
    Spread,
}

#[derive(Debug, Clone, Copy)]
struct InBlocks {
    layout: Layout,
    rows: usize,
    columns: usize,
    size: usize,
    zeros: Zeros,
    transposed: bool,
    cut: bool,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Zeros {
    Absent,
    /// Integers like the weights.
    Integers,
    /// Floats, one per scale.
    Floats,
}

/// Packs 4-bit integers, two per byte. Fills the last half byte of an odd count with 11.
fn pack_halves(numbers: &[u8]) -> Vec<u8> {
    numbers.chunks(2).map(|two| two[0] | two.get(1).unwrap_or(&11) << 4).collect()
}

/// Checks `com.microsoft.MatMulNBits`: `B[n, k] = (q[n, k] − zero_points[n, block]) · scales[n, block]`
/// with `block = k / block_size`. Absent zero points are half of the range; zero points may be floats.
fn check_blocks(case: InBlocks) {
    let InBlocks { layout, rows, columns: inner, size, .. } = case;
    let mut random = Random(case.seed);
    let bits = if layout == Layout::Eight { 8 } else { 4 };
    let blocks = inner.div_ceil(size);
    let mut numbers = |len: usize| -> Vec<u8> { (0..len).map(|_| random.below(1 << bits) as u8).collect() };
    // The padding of the last block has random elements.
    let q = numbers(rows * blocks * size);
    let zeros = match case.zeros {
        Zeros::Integers => numbers(rows * blocks),
        _ => vec![1 << (bits - 1); rows * blocks],
    };
    let zero_points: Vec<f32> = match case.zeros {
        Zeros::Floats => random.normals(rows * blocks),
        _ => zeros.iter().map(|zero| f32::from(*zero)).collect(),
    };
    let scales = random.normals(rows * blocks);

    let packed = match layout {
        Layout::Four => pack_halves(&q),
        Layout::Eight => q.clone(),
        Layout::Spread => q.chunks(blocks * size).flat_map(|row| &row[..inner]).copied().collect(),
    };
    let (stored_zeros, zeros_len) = match layout {
        _ if case.zeros == Zeros::Floats => (TensorData::F32(zero_points.clone()), rows * blocks),
        Layout::Four => {
            let halves: Vec<u8> = zeros.chunks(blocks).flat_map(pack_halves).collect();
            (TensorData::U8(halves), rows * blocks.div_ceil(2))
        }
        _ => (TensorData::U8(zeros), rows * blocks),
    };
    let float_zeros = case.zeros == Zeros::Floats;
    let format = BlockFormat {
        rows,
        columns: inner,
        axis: 1,
        bits,
        block_size: size,
        packed: layout == Layout::Four,
        float_zeros,
    };
    let quantization = Quantization::Blockwise {
        format,
        scale: Box::new(stored(1, scales.len())),
        zero: (case.zeros != Zeros::Absent).then(|| Box::new(stored(2, zeros_len))),
    };
    let matrix = Matrix {
        parts: vec![TensorRef::Weight(0)],
        shape: [rows, inner],
        transposed: case.transposed,
        float: false,
        rounding: None,
        quantization,
        columns: columns(&mut random, case.cut, if case.transposed { rows } else { inner }),
    };
    let weights = [TensorData::U8(packed), TensorData::F32(scales.clone()), stored_zeros];

    let weight = |row: usize, column: usize| {
        let block = row * blocks + column / size;
        (f32::from(q[row * blocks * size + column]) - zero_points[block]) * scales[block]
    };
    let expected = used(&matrix, weight);
    let mut store_of_all = store(&matrix, &weights);
    assert!(int8(&mut store_of_all, &matrix).unwrap().is_none());
    let four = layout != Layout::Eight && size >= 32 && case.transposed && !float_zeros;
    let nibbles = int4(&mut store_of_all, &matrix).unwrap();
    assert_eq!(nibbles.is_some(), four);
    if let Some(Int4Weights { q, scale, zero }) = nibbles {
        let (ours, outputs) = (inner.div_ceil(32), matrix.used()[1]);
        assert_eq!([q.len(), scale.len(), zero.len()], [outputs * ours * 16, outputs * ours, outputs * ours]);
        let got = (0..outputs * inner).map(|i| {
            let (block, at) = (i / inner * ours + i % inner / 32, i % inner % 32);
            let byte = q[block * 16 + at / 2];
            let number = if at % 2 == 0 { byte & 15 } else { byte >> 4 };
            (f32::from(number) - f32::from(zero[block])) * scale[block]
        });
        check(&got.collect::<Vec<f32>>(), &expected);
        store_of_all = store(&matrix, &weights);
    }
    check(&floats(&mut store_of_all, &matrix).unwrap(), &expected);
}

proptest! {
    #[test]
    fn affine_codings_are_dequantize_linear_s(
        shape in [1usize..14, 1usize..14], axis in prop::option::of(0usize..2), factors in 1usize..3,
        [signed, zeros, constant, transposed, cut] in any::<[bool; 5]>(), seed in any::<u64>(),
    ) {
        check_affine(Affine { shape, axis, signed, zeros, constant, transposed, cut, factors, seed });
    }

    #[test]
    fn blocks_are_matmul_nbits_s(
        layout in prop::sample::select(vec![Layout::Four, Layout::Eight, Layout::Spread]),
        rows in 1usize..7, columns in 1usize..300, size in prop::sample::select(vec![16usize, 32, 64, 128]),
        zeros in prop::sample::select(vec![Zeros::Absent, Zeros::Integers, Zeros::Floats]),
        [transposed, cut] in any::<[bool; 2]>(), seed in any::<u64>(),
    ) {
        // A table of uint4 always has zero points, of its own type.
        let zeros = if layout == Layout::Spread { Zeros::Integers } else { zeros };
        check_blocks(InBlocks { layout, rows, columns, size, zeros, transposed, cut, seed });
    }

    #[test]
    fn matrices_below_one_another_are_one(
        rows in prop::collection::vec(1usize..9, 1..4), width in 1usize..9, float: bool,
        [transposed, cut] in any::<[bool; 2]>(), seed in any::<u64>(),
    ) {
        let mut random = Random(seed);
        let shape = [rows.iter().sum(), width];
        let weights: Vec<TensorData> = rows.iter().map(|rows| match float {
            true => TensorData::F32(random.normals(rows * width)),
            false => TensorData::I8((0..rows * width).map(|_| random.next() as i8).collect()),
        }).collect();
        let matrix = Matrix {
            parts: (0..rows.len()).map(TensorRef::Weight).collect(),
            shape, transposed, float, rounding: None,
            quantization: Quantization::Affine { axis: None, scale: Vec::new(), zero: None },
            columns: columns(&mut random, cut, shape[usize::from(!transposed)]),
        };
        let all: Vec<f32> = weights.iter().flat_map(|part| part.clone().try_into_f32("a test").unwrap()).collect();
        let expected = used(&matrix, |row, column| all[row * width + column]);
        check(&floats(&mut store(&matrix, &weights), &matrix).unwrap(), &expected);
    }
}
