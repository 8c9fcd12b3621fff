//! Every kernel against its reference: all tails, random shapes, extreme operands.

use super::quantize::{BLOCK_I4, ColumnMax, quantize_block_i4};
use super::{Kernel, Linear, PackF32, PackI4, PackI8, pack_activation_blocks};
use crate::encoder::cpu::kernels::Scratch;
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::reference::{linear::*, linear_blocks::*};
use crate::encoder::spec::*;
use proptest::prelude::*;

const ALL: [Kernel; 3] = [Kernel::Exact, Kernel::RelaxedI16, Kernel::RelaxedI32];

fn spec(inputs: usize, outputs: usize) -> LinearSpec {
    LinearSpec { inputs, outputs, activation: Activation::None }
}

fn forward_with(kernel: Kernel, linear: &Linear, x: &[f32], rows: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows * linear.spec().outputs];
    linear.forward_with(kernel, x, rows, &mut out, &mut Scratch::new());
    out
}

fn forward(linear: &Linear, x: &[f32], rows: usize) -> Vec<f32> {
    let mut out = vec![f32::NAN; rows * linear.spec().outputs];
    let mut scratch = Scratch::new();
    linear.forward(x, rows, &mut out, &mut scratch);
    // What an earlier call left in the scratch memory changes nothing.
    let mut again = vec![f32::NAN; out.len()];
    linear.forward(x, rows, &mut again, &mut scratch);
    same(&out, &again);
    out
}

/// Bit for bit, but any NaN for a NaN.
#[track_caller]
fn same(got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len());
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(g.to_bits() == e.to_bits() || g.is_nan() && e.is_nan(), "value {i}: {g} for {e}");
    }
}

fn transpose<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..columns).flat_map(|c| (0..rows).map(move |r| (r, c))).map(|(r, c)| values[r * columns + c]).collect()
}

/// int8 weights, put in chunks of odd sizes in either order.
fn pack_i8(mut pack: PackI8, q: &[i8], order: WeightOrder, random: &mut Random) -> Linear {
    let LinearSpec { inputs, outputs, .. } = pack.spec;
    let values = match order {
        WeightOrder::OutIn => q.to_vec(),
        WeightOrder::InOut => transpose(q, outputs, inputs),
    };
    let mut from = 0;
    // At once every other time, which has a way of its own.
    let most = if random.below(2) == 0 { 2 * inputs } else { values.len() };
    while from < values.len() {
        let to = if most == values.len() { most } else { values.len().min(from + 1 + random.below(most)) };
        pack.put_i8(order, from, &values[from..to]);
        from = to;
    }
    pack.finish()
}

fn bytes(len: usize, random: &mut Random) -> Vec<i8> {
    (0..len).map(|_| random.next() as i8).collect()
}

fn check_i8(rows: usize, inputs: usize, outputs: usize, seed: u64, order: WeightOrder) {
    let mut random = Random(seed);
    let spec = spec(inputs, outputs);
    let (x, q) = (random.normals(rows * inputs), bytes(inputs * outputs, &mut random));
    let (scale, bias) = (random.normals(outputs), random.normals(outputs));
    let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };

    let exact =
        pack_i8(PackI8::new(spec, Kernel::Exact, scale.clone(), bias.clone()), &q, order, &mut random);
    let max = activation_max(inputs, 128);
    same(&forward(&exact, &x, rows), &reference_linear_i8(&spec, &x, weight, &bias, max));

    let relaxed =
        pack_i8(PackI8::new(spec, Kernel::RelaxedI16, scale.clone(), bias.clone()), &q, order, &mut random);
    let expected = reference_linear_u7(&spec, &x, weight, &bias, pack_activation_blocks::BLOCK_U7);
    same(&forward(&relaxed, &x, rows), &expected);
    same(&forward_with(Kernel::RelaxedI32, &relaxed, &x, rows), &expected);

    let zero: Vec<i32> = (0..outputs).map(|_| random.below(257) as i32 - 128).collect();
    let weight = QuantizedWeight { zero: &zero, ..weight };
    let most = zero.iter().map(|z| z.unsigned_abs() as usize).max().unwrap();
    for kernel in ALL {
        let pack = PackI8::with_zero_points(spec, kernel, scale.clone(), zero.clone(), Vec::new());
        let linear = pack_i8(pack, &q, order, &mut random);
        if most > 0 {
            let max = activation_max(inputs, 128 + most);
            same(&forward(&linear, &x, rows), &reference_linear_i8(&spec, &x, weight, &[], max));
        }
    }
}

fn check_i4(rows: usize, inputs: usize, outputs: usize, seed: u64) {
    let mut random = Random(seed);
    let (spec, blocks) = (spec(inputs, outputs), inputs.div_ceil(BLOCK_I4));
    let (x, bias) = (random.normals(rows * inputs), random.normals(outputs));
    let q: Vec<u8> = (0..inputs * outputs).map(|_| random.below(16) as u8).collect();
    let scale = random.normals(outputs * blocks);
    let zero: Vec<u8> = (0..outputs * blocks).map(|_| random.below(16) as u8).collect();
    // The file: what fills up the last block is rubbish.
    let mut file = vec![0xa5; outputs * blocks * BLOCK_I4 / 2];
    for (i, nibble) in q.iter().enumerate() {
        let (n, k) = (i / inputs, i % inputs);
        let byte = &mut file[n * blocks * BLOCK_I4 / 2 + k / 2];
        *byte = *byte & !(15 << (4 * (k % 2))) | nibble << (4 * (k % 2));
    }
    for zeros in [true, false] {
        let mut pack = PackI4::new(spec, Kernel::Exact, bias.clone());
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
        let weight = Weight4 { q: &q, scale: &scale, zero: if zeros { &zero } else { &eights } };
        same(&forward(&linear, &x, rows), &reference_linear_i4(&spec, &x, weight, &bias));
        let expected = reference_linear_i4_i8(&spec, &x, weight, &bias);
        for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
            same(&forward_with(kernel, &linear, &x, rows), &expected);
        }
    }
}

fn check_f32(rows: usize, inputs: usize, outputs: usize, seed: u64, order: WeightOrder) {
    let mut random = Random(seed);
    let spec = spec(inputs, outputs);
    let (x, w, bias) =
        (random.normals(rows * inputs), random.normals(inputs * outputs), random.normals(outputs));
    let mut pack = PackF32::new(spec, Kernel::Exact, bias.clone());
    let values = match order {
        WeightOrder::OutIn => w.clone(),
        WeightOrder::InOut => transpose(&w, outputs, inputs),
    };
    let cut = random.below(values.len() + 1);
    pack.put(order, cut, &values[cut..]);
    pack.put(order, 0, &values[..cut]);
    let linear = pack.finish();
    let expected = reference_linear(&spec, &x, &w, &bias);
    for kernel in ALL {
        for (got, expected) in forward_with(kernel, &linear, &x, rows).iter().zip(&expected) {
            assert!((got - expected).abs() < 3e-6 * (1.0 + inputs as f32), "{got} {expected}");
        }
    }
    // And in the exact kernel's own order of additions, bit for bit.
    let in_order: Vec<f32> = (0..rows * outputs)
        .map(|i| {
            let (x, w) = (&x[i / outputs * inputs..][..inputs], &w[i % outputs * inputs..][..inputs]);
            x.iter().zip(w).fold(0.0f32, |sum, (x, w)| sum + x * w) + bias[i % outputs]
        })
        .collect();
    same(&forward(&linear, &x, rows), &in_order);
}

#[test]
fn every_tail() {
    for rows in 0..10 {
        for (inputs, outputs) in [(1, 1), (2, 8), (3, 9), (64, 16), (65, 7), (33, 24), (31, 5)] {
            let seed = (rows * 1000 + inputs) as u64;
            check_i8(rows, inputs, outputs, seed, WeightOrder::OutIn);
            check_i4(rows, inputs, outputs, seed);
            check_f32(rows, inputs, outputs, seed, WeightOrder::InOut);
        }
    }
    for inputs in 1..140 {
        check_i8(5, inputs, 3, inputs as u64, WeightOrder::InOut);
        check_i4(5, inputs, 3, inputs as u64);
    }
    for outputs in 1..40 {
        check_i8(3, 6, outputs, outputs as u64, WeightOrder::OutIn);
        check_i4(3, 6, outputs, outputs as u64);
        check_f32(3, 6, outputs, outputs as u64, WeightOrder::OutIn);
    }
    // What goes through `strassen`, with what does not beside it.
    for rows in 64..73 {
        for (inputs, outputs) in [(3, 17), (4, 9), (8, 24), (68, 33), (128, 16), (130, 17), (200, 19)] {
            check_i8(rows, inputs, outputs, (rows * inputs) as u64, WeightOrder::OutIn);
        }
    }
    // More than one block of rows, and more than one group of panels.
    check_i8(70, 3072, 9, 1, WeightOrder::OutIn);
    check_i8(530, 20, 150, 1, WeightOrder::InOut);
    check_i4(70, 3072, 9, 1);
    check_f32(70, 3000, 9, 1, WeightOrder::OutIn);
}

proptest! {
    #[test]
    fn random_shapes(rows in prop_oneof![0usize..14, 62usize..75], inputs in 1usize..200, outputs in 1usize..40, seed in any::<u64>(), out_in in any::<bool>()) {
        let order = if out_in { WeightOrder::OutIn } else { WeightOrder::InOut };
        check_i8(rows, inputs, outputs, seed, order);
        check_i4(rows, inputs, outputs, seed);
        check_f32(rows, inputs, outputs, seed, order);
    }
}

/// The largest operands of every sign and the largest K that keeps 12 bits: nothing overflows.
#[test]
fn extreme_operands() {
    for inputs in [511, 512, 768, 3072, 4096] {
        let spec = spec(inputs, 8);
        for (x_sign, alternate) in [(1.0f32, false), (-1.0, false), (1.0, true)] {
            let x: Vec<f32> =
                (0..inputs).map(|k| if alternate && k % 2 == 1 { -x_sign } else { x_sign }).collect();
            let q: Vec<i8> = (0..8 * inputs)
                .map(|i| match i / inputs {
                    0 => 127,
                    1 => -128,
                    2 => [127, -128][i % inputs % 2],
                    _ => [0, 1, -1, 64, -127][i % 5],
                })
                .collect();
            let scale = [1.0; 8];
            for zero in [vec![], vec![-128, 127, 255, -255, 0, 1, -1, 8]] {
                let weight = QuantizedWeight { q: &q, scale: &scale, zero: &zero };
                let pack = if zero.is_empty() {
                    PackI8::new(spec, Kernel::Exact, scale.to_vec(), vec![])
                } else {
                    PackI8::with_zero_points(spec, Kernel::Exact, scale.to_vec(), zero.clone(), vec![])
                };
                let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
                let max = activation_max(inputs, if zero.is_empty() { 128 } else { 128 + 255 });
                assert!(inputs != 4096 || !zero.is_empty() || max >= 2047, "12 bits");
                // The reference panics where a sum leaves an i32.
                same(&forward(&linear, &x, 1), &reference_linear_i8(&spec, &x, weight, &[], max));
            }
            let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };
            let pack = PackI8::new(spec, Kernel::RelaxedI16, scale.to_vec(), vec![]);
            let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
            for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
                same(
                    &forward_with(kernel, &linear, &x, 1),
                    &reference_linear_u7(&spec, &x, weight, &[], pack_activation_blocks::BLOCK_U7),
                );
            }
            let blocks = inputs.div_ceil(32);
            for (nibble, zero) in [(15, 0), (0, 15), (15, 15), (0, 0)] {
                let (scale, zeros) = (vec![1.0; 8 * blocks], vec![zero; 8 * blocks]);
                let q = vec![nibble; 8 * inputs];
                let weight = Weight4 { q: &q, scale: &scale, zero: &zeros };
                let mut pack = PackI4::new(spec, Kernel::Exact, vec![]);
                pack.put(0, &vec![nibble * 17; pack.file_bytes()]);
                pack.put_scales(0, scale.iter().copied());
                pack.put_zeros(0, zeros.iter().copied());
                let linear = pack.finish();
                same(&forward(&linear, &x, 1), &reference_linear_i4(&spec, &x, weight, &[]));
                for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
                    same(
                        &forward_with(kernel, &linear, &x, 1),
                        &reference_linear_i4_i8(&spec, &x, weight, &[]),
                    );
                }
            }
        }
    }
}

/// The same through `strassen`, rows and columns of all signs beside each other. 2048 inputs come nearest to 2³¹.
#[test]
fn extreme_operands_in_sevens() {
    let (rows, outputs) = (64, 16);
    for inputs in [512, 768, 2048, 3072, 4096] {
        let spec = spec(inputs, outputs);
        let x: Vec<f32> = (0..rows * inputs)
            .map(|i| {
                let (tile, half) = (i / inputs / 4, i % inputs / 64 % 2);
                [1.0, -1.0][(((tile / 2 * 5 + 3) % 16) >> (2 * (tile % 2) + half)) % 2]
            })
            .collect();
        let q: Vec<i8> = (0..outputs * inputs)
            .map(|i| {
                let (panel, half) = (i / inputs / 8, i % inputs / 64 % 2);
                let odd = [0, 1, panel ^ half, 1 ^ panel ^ half, half, panel, panel & half, panel | half];
                [127, -128][odd[i / inputs % 8]]
            })
            .collect();
        let scale = vec![1.0; outputs];
        for zero in [vec![], (0..outputs as i32).map(|n| [255, -255, 0, 128][n as usize % 4]).collect()] {
            let weight = QuantizedWeight { q: &q, scale: &scale, zero: &zero };
            let zeros = if zero.is_empty() { vec![0; outputs] } else { zero.clone() };
            let pack = PackI8::with_zero_points(spec, Kernel::Exact, scale.clone(), zeros, vec![]);
            let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
            let max = activation_max(inputs, if zero.is_empty() { 128 } else { 128 + 255 });
            same(&forward(&linear, &x, rows), &reference_linear_i8(&spec, &x, weight, &[], max));
        }
    }
}

#[test]
fn a_row_is_the_same_alone_and_among_others() {
    let mut random = Random(7);
    let (inputs, outputs, rows) = (132, 21, 75);
    let x = random.normals(rows * inputs);
    for linear in linears(inputs, outputs, Activation::Gelu) {
        let together = forward(&linear, &x, rows);
        for r in 0..rows {
            same(&forward(&linear, &x[r * inputs..][..inputs], 1), &together[r * outputs..][..outputs]);
        }
    }
}

#[test]
fn a_row_that_is_no_number_harms_no_other() {
    let (inputs, outputs, rows) = (72, 17, 70);
    for bad in [f32::NAN, f32::INFINITY] {
        let mut x = Random(8).normals(rows * inputs);
        x[2 * inputs + 69] = bad;
        x[3 * inputs..4 * inputs].fill(0.0);
        for linear in linears(inputs, outputs, Activation::None) {
            let out = forward(&linear, &x, rows);
            for (r, row) in out.chunks_exact(outputs).enumerate() {
                assert!(row.iter().all(|y| y.is_finite() == (r != 2)), "{bad} in row 2: row {r} is {row:?}");
            }
        }
    }
}

/// One of each kind and kernel, of the same float weights.
fn linears(inputs: usize, outputs: usize, activation: Activation) -> Vec<Linear> {
    let mut random = Random(11);
    let spec = LinearSpec { activation, ..spec(inputs, outputs) };
    let (w, bias) = (random.normals(inputs * outputs), random.normals(outputs));
    let mut linears = Vec::new();
    for kernel in ALL {
        let mut max = ColumnMax::new(spec, WeightOrder::OutIn);
        max.update(0, w.iter().copied());
        let mut pack = PackI8::new(spec, kernel, max.scales(), bias.clone());
        pack.put_f32(WeightOrder::OutIn, 0, w.iter().copied());
        linears.push(pack.finish());
        let mut pack = PackF32::new(spec, kernel, bias.clone());
        pack.put(WeightOrder::OutIn, 0, &w);
        linears.push(pack.finish());
        let mut pack = PackI4::new(spec, kernel, bias.clone());
        for (n, row) in w.chunks_exact(inputs).enumerate() {
            for (b, block) in row.chunks(BLOCK_I4).enumerate() {
                pack.put_block(n, b, &quantize_block_i4(block));
            }
        }
        linears.push(pack.finish());
    }
    linears
}

/// How far from the float `Linear` each is, relative to the root mean square of its outputs.
#[test]
fn quantised_is_near_the_float_one() {
    let (inputs, outputs, rows) = (768, 64, 16);
    for activation in
        [Activation::None, Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh]
    {
        let mut random = Random(11);
        let (w, bias) = (random.normals(inputs * outputs), random.normals(outputs));
        let x = random.normals(rows * inputs);
        let spec = LinearSpec { activation, ..spec(inputs, outputs) };
        let expected = reference_linear(&spec, &x, &w, &bias);
        let size = (expected.iter().map(|y| y * y).sum::<f32>() / expected.len() as f32).sqrt();
        for linear in linears(inputs, outputs, activation) {
            let got = forward(&linear, &x, rows);
            let error =
                got.iter().zip(&expected).map(|(g, e)| (g - e) * (g - e)).sum::<f32>() / got.len() as f32;
            let most = match &linear {
                Linear::F32(_) => 1e-5,
                Linear::I8(_) => 0.01,
                Linear::I8Relaxed(_) => 0.02,
                Linear::I4(_) => 0.1,
            };
            // tanh saturates: a sum's error shows in full where it does not.
            let most = if activation == Activation::Tanh { most * 30.0 } else { most };
            assert!(error.sqrt() <= most * size, "{activation:?}: {} of {size}", error.sqrt());
        }
    }
}

#[test]
fn bytes_are_what_the_memory_budget_counts_on() {
    let bytes: Vec<usize> = linears(768, 3072, Activation::None).iter().map(Linear::bytes).collect();
    let weights = 768 * 3072;
    assert_eq!(bytes[0], weights + 8 * 3072, "int8 exact: weights, scale, bias");
    assert_eq!(bytes[1], 4 * weights + 4 * 3072, "f32");
    assert_eq!(
        bytes[2],
        weights / 2 + weights / 32 * 9 / 2 + 4 * 3072,
        "4 bits: weights, scale and half a byte a block, bias"
    );
    assert_eq!(
        bytes[3],
        weights + weights / 64 * 2 + weights / 512 + 8 * 3072,
        "int8 relaxed: and sums of blocks"
    );
}
