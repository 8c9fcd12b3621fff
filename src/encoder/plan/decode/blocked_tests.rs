//! Compares decoded blockwise matrices with the definition of `DequantizeLinear` with `block_size`.

use proptest::prelude::*;

use super::blocks::Int4Weights;
use super::tests::{check, columns, store, stored, used};
use super::*;
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::plan::{BlockFormat, Vector};

#[derive(Debug, Clone, Copy)]
struct Blocked {
    shape: [usize; 2],
    axis: usize,
    bits: usize,
    size: usize,
    signed: bool,
    zeros: bool,
    transposed: bool,
    cut: bool,
    seed: u64,
}

/// Checks `y = (x − x_zero_point) · x_scale` with one scale and zero point per block along an axis. Each element
/// and each zero point has a byte. Absent zero points are 0.
fn check_blocked(case: Blocked) {
    let Blocked { shape: [rows, inner], axis, bits, size, signed, .. } = case;
    let format =
        BlockFormat { rows, columns: inner, axis, bits, block_size: size, packed: false, float_zeros: false };
    let mut random = Random(case.seed);
    let low = if signed { -(1i32 << (bits - 1)) } else { 0 };
    let mut integers =
        |len: usize| -> Vec<i32> { (0..len).map(|_| random.below(1 << bits) as i32 + low).collect() };
    let [block_rows, block_columns] = format.blocks();
    let (q, count) = (integers(rows * inner), block_rows * block_columns);
    let zeros = if case.zeros { integers(count) } else { vec![0; count] };
    let scales = random.normals(count);
    let bytes = |numbers: &[i32]| match signed {
        true => TensorData::I8(numbers.iter().map(|x| *x as i8).collect()),
        false => TensorData::U8(numbers.iter().map(|x| *x as u8).collect()),
    };
    let zero = if case.zeros { stored(2, count) } else { Vector::Uniform(0.0) };
    let scale = Box::new(stored(1, count));
    let outputs = if case.transposed { rows } else { inner };
    let matrix = Matrix {
        parts: vec![TensorRef::Weight(0)],
        shape: [rows, inner],
        transposed: case.transposed,
        float: false,
        rounding: None,
        quantization: Quantization::Blockwise { format, scale, zero: Some(Box::new(zero)) },
        columns: columns(&mut random, case.cut, outputs),
    };
    let weights = [bytes(&q), TensorData::F32(scales.clone()), bytes(&zeros)];
    let expected = used(&matrix, |row, column| {
        let block = match axis {
            0 => row / size * block_columns + column,
            _ => row * block_columns + column / size,
        };
        (q[row * inner + column] - zeros[block]) as f32 * scales[block]
    });
    let along_inputs = axis == usize::from(case.transposed);
    let four = int4(&mut store(&matrix, &weights), &matrix).unwrap();
    assert_eq!(four.is_some(), bits <= 4 && size.is_multiple_of(32) && along_inputs);
    if let Some(Int4Weights { q, scale, zero }) = four {
        let [inputs, outputs] = matrix.used();
        let blocks = inputs.div_ceil(32);
        assert_eq!([q.len(), scale.len()], [outputs * blocks * 16, outputs * blocks]);
        let weight = |output: usize, input: usize| {
            let block = output * blocks + input / 32;
            let byte = q[block * 16 + input % 32 / 2];
            let nibble = if input.is_multiple_of(2) { byte & 15 } else { byte >> 4 };
            (f32::from(nibble) - f32::from(zero[block])) * scale[block]
        };
        // In the stored order, as `expected`.
        let got: Vec<f32> = match case.transposed {
            true => (0..outputs)
                .flat_map(|n| (0..inputs).map(move |k| (n, k)))
                .map(|(n, k)| weight(n, k))
                .collect(),
            false => (0..inputs)
                .flat_map(|k| (0..outputs).map(move |n| (n, k)))
                .map(|(n, k)| weight(n, k))
                .collect(),
        };
        check(&got, &expected);
    }
    check(&floats(&mut store(&matrix, &weights), &matrix).unwrap(), &expected);
}

proptest! {
    #[test]
    fn blocks_are_dequantize_linear_s(
        shape in [1usize..80, 1usize..80], axis in 0usize..2, bits in prop::sample::select(vec![2usize, 4, 8]),
        size in prop::sample::select(vec![1usize, 7, 16, 32, 64]),
        [signed, zeros, transposed, cut] in any::<[bool; 4]>(), seed in any::<u64>(),
    ) {
        check_blocked(Blocked { shape, axis, bits, size, signed, zeros, transposed, cut, seed });
    }
}

/// A weight that the graph rounds has the integers of `QuantizeLinear`, as int8 and as floats.
#[test]
fn rounded_floats_are_the_integers_of_quantize_linear() {
    let values = vec![0.26f32, -0.24, 9.0, -9.0, 0.25, 0.75];
    for (min, max, zero, expected) in [
        (-128, 127, 0.0, [1i32, 0, 18, -18, 0, 2]),
        (0, 255, 3.0, [4, 3, 21, 0, 3, 5]),
        (-8, 7, 0.0, [1, 0, 7, -8, 0, 2]),
    ] {
        let rounding =
            Rounding { axis: None, scale: Vector::Uniform(0.5), zero: Vector::Uniform(zero), min, max };
        let quantization = Quantization::Affine {
            axis: None,
            scale: vec![Vector::Uniform(0.5)],
            zero: Some(Vector::Uniform(zero)),
        };
        let matrix = Matrix {
            parts: vec![TensorRef::Weight(0)],
            shape: [2, 3],
            transposed: false,
            float: true,
            rounding: Some(rounding),
            quantization,
            columns: None,
        };
        let weights = [TensorData::F32(values.clone())];
        let floats = floats(&mut store(&matrix, &weights), &matrix).unwrap();
        assert_eq!(floats, expected.map(|q| (q as f32 - zero) * 0.5));
        let bytes = int8(&mut store(&matrix, &weights), &matrix).unwrap().unwrap();
        let shift = if max > 127 { 128 } else { 0 };
        assert_eq!(bytes.q, expected.map(|q| (q - shift) as i8));
    }
}
