//! The largest operands: no sum overflows.

use super::*;

/// The largest operands of every sign, up to the largest K for which activations have 12 bits.
#[test]
fn extreme_operands_do_not_overflow() {
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
                    PackI8::new(spec, Kernel::Exact, scale.to_vec(), vec![]).unwrap()
                } else {
                    PackI8::with_zero_points(spec, Kernel::Exact, scale.to_vec(), zero.clone(), vec![])
                        .unwrap()
                };
                let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
                let max = activation_max(inputs, if zero.is_empty() { 128 } else { 128 + 255 });
                assert!(inputs != 4096 || !zero.is_empty() || max >= 2047, "12 bits");
                // The reference panics if a sum does not fit an i32.
                assert_same_bits(&forward(&linear, &x, 1), &reference_linear_i8(&spec, &x, weight, &[], max));
            }
            let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };
            let pack = PackI8::new(spec, Kernel::RelaxedI16, scale.to_vec(), vec![]).unwrap();
            let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
            for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
                assert_same_bits(
                    &forward_with(kernel, &linear, &x, 1),
                    &reference_linear_u7(&spec, &x, weight, &[], pack_activation_blocks::BLOCK_U7),
                );
            }
            let blocks = inputs.div_ceil(32);
            for (nibble, zero) in [(15, 0), (0, 15), (15, 15), (0, 0)] {
                let (scale, zeros) = (vec![1.0; 8 * blocks], vec![zero; 8 * blocks]);
                let q = vec![nibble; 8 * inputs];
                let weight = QuantizedWeightI4 { q: &q, scale: &scale, zero: &zeros };
                let mut pack = PackI4::new(spec, Kernel::Exact, vec![]).unwrap();
                pack.put(0, &vec![nibble * 17; pack.file_bytes()]);
                pack.put_scales(0, scale.iter().copied());
                pack.put_zeros(0, zeros.iter().copied());
                let linear = pack.finish();
                assert_same_bits(&forward(&linear, &x, 1), &reference_linear_i4(&spec, &x, weight, &[]));
                for kernel in [Kernel::RelaxedI16, Kernel::RelaxedI32] {
                    assert_same_bits(
                        &forward_with(kernel, &linear, &x, 1),
                        &reference_linear_i4_i8(&spec, &x, weight, &[]),
                    );
                }
            }
        }
    }
}

/// Rows and columns of all signs beside each other. The sums of 2048 inputs come closest to 2³¹.
#[test]
fn extreme_operands_do_not_overflow_in_strassen() {
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
            let pack = PackI8::with_zero_points(spec, Kernel::Exact, scale.clone(), zeros, vec![]).unwrap();
            let linear = pack_i8(pack, &q, WeightOrder::OutIn, &mut Random(1));
            let max = activation_max(inputs, if zero.is_empty() { 128 } else { 128 + 255 });
            assert_same_bits(&forward(&linear, &x, rows), &reference_linear_i8(&spec, &x, weight, &[], max));
        }
    }
}
