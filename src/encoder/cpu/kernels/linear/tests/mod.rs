//! Every kernel against its scalar reference. The helpers pack weights and compare bits; the tests are in the
//! files of this folder.

mod extremes;
mod factors;
mod memory;
mod rows;
mod shapes;

use super::{Kernel, Linear, PackF32, PackI4, PackI8, pack_activation_blocks};
use crate::encoder::cpu::kernels::Scratch;
use crate::encoder::cpu::kernels::simd::InstructionSet;
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::quantize::int4::{BLOCK_I4, quantize_block_i4};
use crate::encoder::quantize::int8::ColumnMax;
use crate::encoder::reference::linear::*;
use crate::encoder::reference::linear_blocks::*;
use crate::encoder::spec::*;

const ALL_KERNELS: [Kernel; 3] = [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32];

/// Returns a spec without an activation function.
fn spec(inputs: usize, outputs: usize) -> LinearSpec {
    LinearSpec { inputs, outputs, activation: Activation::None }
}

/// Computes `linear` with a kernel, with every instruction set, all with the same scratch memory: what an
/// earlier call left there must not matter. All results must have the same bits.
fn forward_with(kernel: Kernel, linear: &Linear, x: &[f32], rows: usize) -> Vec<f32> {
    let mut scratch = Scratch::new();
    let mut forward = |set: InstructionSet| {
        let mut out = vec![f32::NAN; rows * linear.spec().outputs];
        set.with(|| linear.forward_with(kernel, x, rows, &mut out, &mut scratch));
        out
    };
    let first = forward(InstructionSet::Base);
    for set in InstructionSet::available() {
        assert_same_bits(&forward(set), &first);
    }
    first
}

/// Computes `linear` with the kernel that its weights were packed for.
fn forward(linear: &Linear, x: &[f32], rows: usize) -> Vec<f32> {
    forward_with(linear.kernel(), linear, x, rows)
}

/// Asserts that all values have the same bits. All NaN are equal.
#[track_caller]
fn assert_same_bits(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(g.to_bits() == e.to_bits() || g.is_nan() && e.is_nan(), "value {i}: {g} for {e}");
    }
}

/// Returns `[rows, columns]` as `[columns, rows]`.
fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| values[r * columns + c]).collect()
}

/// Packs int8 weights in either order: at once or in chunks of odd sizes, which are different code.
fn pack_i8(mut pack: PackI8, q: &[i8], order: WeightOrder, random: &mut Random) -> Linear {
    let LinearSpec { inputs, outputs, .. } = pack.spec;
    let values = match order {
        WeightOrder::OutIn => q.to_vec(),
        WeightOrder::InOut => transpose(q, outputs, inputs),
    };
    let mut from = 0;
    let chunk = if random.below(2) == 0 { 2 * inputs } else { values.len() };
    while from < values.len() {
        let to = if chunk == values.len() { chunk } else { values.len().min(from + 1 + random.below(chunk)) };
        pack.put_i8(order, from, &values[from..to]);
        from = to;
    }
    pack.finish()
}

/// Returns random int8 weights.
fn bytes(len: usize, random: &mut Random) -> Vec<i8> {
    (0..len).map(|_| random.next() as i8).collect()
}

/// Checks the int8 kernels, with and without zero points.
fn check_i8(rows: usize, inputs: usize, outputs: usize, seed: u64, order: WeightOrder) {
    let mut random = Random(seed);
    let spec = spec(inputs, outputs);
    let (x, q) = (random.normals(rows * inputs), bytes(inputs * outputs, &mut random));
    let (scale, bias) = (random.normals(outputs), random.normals(outputs));
    let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };

    let exact = pack_i8(
        PackI8::new(spec, Kernel::Exact, scale.clone(), bias.clone()).unwrap(),
        &q,
        order,
        &mut random,
    );
    let max = activation_max(inputs, 128);
    assert_same_bits(&forward(&exact, &x, rows), &reference_linear_i8(&spec, &x, weight, &bias, max));

    let relaxed = pack_i8(
        PackI8::new(spec, Kernel::RelaxedI16, scale.clone(), bias.clone()).unwrap(),
        &q,
        order,
        &mut random,
    );
    let expected = reference_linear_u7(&spec, &x, weight, &bias, pack_activation_blocks::BLOCK_U7);
    assert_same_bits(&forward(&relaxed, &x, rows), &expected);
    assert_same_bits(&forward_with(Kernel::RelaxedI32, &relaxed, &x, rows), &expected);

    let zero: Vec<i32> = (0..outputs).map(|_| random.below(257) as i32 - 128).collect();
    let weight = QuantizedWeight { zero: &zero, ..weight };
    let zero_max = zero.iter().map(|z| z.unsigned_abs() as usize).max().unwrap();
    for kernel in ALL_KERNELS {
        let pack = PackI8::with_zero_points(spec, kernel, scale.clone(), zero.clone(), Vec::new()).unwrap();
        let linear = pack_i8(pack, &q, order, &mut random);
        if zero_max > 0 {
            let max = activation_max(inputs, 128 + zero_max);
            assert_same_bits(&forward(&linear, &x, rows), &reference_linear_i8(&spec, &x, weight, &[], max));
        }
    }
}

/// Checks the int4 kernels, with and without zero points.
fn check_i4(rows: usize, inputs: usize, outputs: usize, seed: u64) {
    let mut random = Random(seed);
    let (spec, blocks) = (spec(inputs, outputs), inputs.div_ceil(BLOCK_I4));
    let (x, bias) = (random.normals(rows * inputs), random.normals(outputs));
    let q: Vec<u8> = (0..inputs * outputs).map(|_| random.below(16) as u8).collect();
    let scale = random.normals(outputs * blocks);
    let zero: Vec<u8> = (0..outputs * blocks).map(|_| random.below(16) as u8).collect();
    // The padding of the last block must not matter.
    let mut file = vec![0xa5; outputs * blocks * BLOCK_I4 / 2];
    for (i, nibble) in q.iter().enumerate() {
        let (n, k) = (i / inputs, i % inputs);
        let byte = &mut file[n * blocks * BLOCK_I4 / 2 + k / 2];
        *byte = *byte & !(15 << (4 * (k % 2))) | nibble << (4 * (k % 2));
    }
    for zeros in [true, false] {
        let mut pack = PackI4::new(spec, Kernel::Exact, bias.clone()).unwrap();
        assert_eq!(pack.file_bytes(), file.len());
        let cut = random.below(file.len() + 1);
        pack.put(0, &file[..cut]);
        pack.put(cut, &file[cut..]);
        pack.put_scales(0, scale.iter().copied());
        if zeros {
            pack.put_zeros(0, zero.iter().copied());
        }
        let linear = pack.finish();
        let eights = vec![8; zero.len()];
        let weight = QuantizedWeightI4 { q: &q, scale: &scale, zero: if zeros { &zero } else { &eights } };
        assert_same_bits(&forward(&linear, &x, rows), &reference_linear_i4(&spec, &x, weight, &bias));
        let expected = reference_linear_i4_i8(&spec, &x, weight, &bias);
        for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
            assert_same_bits(&forward_with(kernel, &linear, &x, rows), &expected);
        }
    }
}

/// Checks the f32 kernels.
fn check_f32(rows: usize, inputs: usize, outputs: usize, seed: u64, order: WeightOrder) {
    let mut random = Random(seed);
    let spec = spec(inputs, outputs);
    let (x, w, bias) =
        (random.normals(rows * inputs), random.normals(inputs * outputs), random.normals(outputs));
    let mut pack = PackF32::new(spec, Kernel::Exact, bias.clone()).unwrap();
    let values = match order {
        WeightOrder::OutIn => w.clone(),
        WeightOrder::InOut => transpose(&w, outputs, inputs),
    };
    let cut = random.below(values.len() + 1);
    pack.put(order, cut, &values[cut..]);
    pack.put(order, 0, &values[..cut]);
    let linear = pack.finish();
    let expected = reference_linear(&spec, &x, &w, &bias);
    for kernel in ALL_KERNELS {
        for (got, expected) in forward_with(kernel, &linear, &x, rows).iter().zip(&expected) {
            assert!((got - expected).abs() < 3e-6 * (1.0 + inputs as f32), "{got} {expected}");
        }
    }
    // The exact kernel adds in the order of the inputs.
    let in_order: Vec<f32> = (0..rows * outputs)
        .map(|i| {
            let (x, w) = (&x[i / outputs * inputs..][..inputs], &w[i % outputs * inputs..][..inputs]);
            x.iter().zip(w).fold(0.0f32, |sum, (x, w)| sum + x * w) + bias[i % outputs]
        })
        .collect();
    assert_same_bits(&forward(&linear, &x, rows), &in_order);
}

/// Returns one `Linear` per format and kernel with the same f32 weights.
fn linears(inputs: usize, outputs: usize, activation: Activation) -> Vec<Linear> {
    let mut random = Random(11);
    let spec = LinearSpec { activation, ..spec(inputs, outputs) };
    let (w, bias) = (random.normals(inputs * outputs), random.normals(outputs));
    let mut linears = Vec::new();
    for kernel in ALL_KERNELS {
        let mut max = ColumnMax::new(spec, WeightOrder::OutIn).unwrap();
        max.update(0, w.iter().copied());
        let mut pack = PackI8::new(spec, kernel, max.into_scales(), bias.clone()).unwrap();
        pack.put_f32(WeightOrder::OutIn, 0, w.iter().copied()).unwrap();
        linears.push(pack.finish());
        let mut pack = PackF32::new(spec, kernel, bias.clone()).unwrap();
        pack.put(WeightOrder::OutIn, 0, &w);
        linears.push(pack.finish());
        let mut pack = PackI4::new(spec, kernel, bias.clone()).unwrap();
        for (n, row) in w.chunks_exact(inputs).enumerate() {
            for (b, block) in row.chunks(BLOCK_I4).enumerate() {
                pack.put_block(n, b, &quantize_block_i4(block));
            }
        }
        linears.push(pack.finish());
    }
    linears
}
