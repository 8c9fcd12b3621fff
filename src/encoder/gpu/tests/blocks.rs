//! Products of quantized blocks are near those of their scalar twin, and their faults are found.

use super::device;
use super::exact::on_gpu;
use super::known::run_with;
use crate::encoder::cpu::kernels::testing::Random;
use crate::encoder::gpu::IntegerProducts::{Always, Measured};
use crate::encoder::gpu::failure::Fault;
use crate::encoder::gpu::weights::{Integers, LinearNumbers, Stored};
use crate::encoder::plan::decode::Int8Weights;
use crate::encoder::reference::linear::QuantizedWeight;
use crate::encoder::reference::linear_blocks::reference_linear_i8_blocks;
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
use crate::encoder::{EncoderOptions, KernelChoice};

#[test]
fn products_of_blocks_equal_their_scalar_twin() {
    let Some(gpu) = device() else { return };
    if !gpu.has_packed_dot() {
        return;
    }
    let mut random = Random(64);
    for (rows, inputs, outputs) in [(1, 4, 4), (3, 101, 7), (17, 64, 96), (65, 384, 130), (7, 3072, 72)] {
        for has_factors in [false, true] {
            let spec = LinearSpec { inputs, outputs, activation: Activation::Gelu };
            let q: Vec<i8> = (0..inputs * outputs).map(|_| random.next() as i8).collect();
            let scale: Vec<f32> = (0..outputs).map(|_| 0.01 + random.normal().abs()).collect();
            let bias = random.normals(outputs);
            let factors: Vec<f32> =
                if has_factors { (0..inputs).map(|_| 0.5 + random.normal().abs()).collect() } else { vec![] };
            let mut x = random.normals(rows * inputs);
            // Rows of other magnitudes: tiny, huge, zeros, and one with an infinity.
            for (row, size) in [(1, 1e-31), (2, 3e30), (3, 0.0), (5, 1e-20), (6, f32::INFINITY)] {
                x.chunks_exact_mut(inputs).nth(row).into_iter().flatten().for_each(|x| *x *= size);
            }
            let factor = |i: usize| factors.get(i % inputs).copied().unwrap_or(1.0);
            let multiplied: Vec<f32> = x.iter().enumerate().map(|(i, x)| x * factor(i)).collect();
            let weight = QuantizedWeight { q: &q, scale: &scale, zero: &[] };
            let expected = reference_linear_i8_blocks(&spec, &multiplied, weight, &bias, 64);
            let weights = Int8Weights { q, scale, zero: Vec::new() };
            let weight = Stored::Bytes { weights, order: WeightOrder::OutIn };
            let numbers = LinearNumbers { spec, weight, bias, factors };
            let actual = on_gpu(&gpu, numbers, &x, rows, Integers::Blocks);
            for (row, (actual, expected)) in actual.chunks(outputs).zip(expected.chunks(outputs)).enumerate()
            {
                let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                // A NaN is beyond any limit, except in the row with an infinity. Divisions of WGSL are not exact, so an
                // input may be rounded to the next integer.
                let is_close = |(a, b): (&f32, &f32)| {
                    (a - b).abs() <= 1e-3 * largest || (row == 6 && !a.is_finite() && !b.is_finite())
                };
                assert!(
                    actual.iter().zip(expected).all(is_close),
                    "{rows} × {inputs} × {outputs}, row {row}: {actual:?} instead of {expected:?}"
                );
            }
        }
    }
}

#[test]
fn wrong_products_of_blocks_are_found_and_the_faster_variant_is_chosen() {
    let Some(gpu) = device() else { return };
    if !gpu.has_packed_dot() {
        return;
    }
    let balanced = || EncoderOptions { kernel: KernelChoice::Fastest(|| 0.0), ..EncoderOptions::default() };
    let export = "int8-qint8-channel";
    let unedited = Fault::Edited("linear_i8_blocks", "no such text", "");
    let kernel = |gpu| {
        let (info, error) = run_with(export, EncoderOptions { gpu: Some(gpu), ..balanced() });
        assert_eq!(error, None);
        info.kernel
    };
    assert_eq!(kernel(gpu.with_integers(Always, unedited)), "wgsl int8");
    assert!(["wgsl int8", "wgsl floats"].contains(&kernel(gpu.with_integers(Measured, unedited))));
    // Not on a GPU that is emulated, unless it is asked for.
    assert!(!gpu.is_software() || kernel(gpu.clone()) == "wgsl floats");
    // Exact kernels never round.
    let exact =
        EncoderOptions { gpu: Some(gpu.with_integers(Always, unedited)), ..EncoderOptions::default() };
    assert_eq!(run_with(export, exact).0.kernel, "wgsl integers");
    for (template, from, to) in [
        ("linear_i8_blocks", "* scale[", "* scale.x + 0.0 * scale["),
        ("linear_i8_blocks", "vec4<u32>(blocks() + quad)", "vec4<u32>(quad)"),
        ("linear_i8_blocks", "(x, w.y)", "(x, w.x)"),
        ("quantize_blocks", "(round(", "(floor("),
        ("quantize_blocks", "(1.0 / 127.0)", "(1.0 / 126.0)"),
    ] {
        let edited = gpu.with_integers(Always, Fault::Edited(template, from, to));
        let error = run_with(export, EncoderOptions { gpu: Some(edited), ..balanced() }).1;
        let error = error.unwrap_or_else(|| panic!("{template} with `{to}` was not found"));
        assert!(error.contains("a product ") && error.contains("wrong"), "{template}, `{to}`: {error}");
    }
}
