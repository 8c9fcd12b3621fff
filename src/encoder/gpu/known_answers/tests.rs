//! The checks of a device are submitted in pieces of bounded work.

use std::path::Path;

use super::products::KnownProducts;
use crate::batch::Batch;
use crate::encoder::gpu::device::GpuDevice;
use crate::encoder::gpu::tests::{device, load, wait};
use crate::encoder::gpu::weights::{Integers, LinearNumbers, Stored};
use crate::encoder::spec::{Activation, LinearSpec, WeightOrder};
use crate::encoder::{EncoderOptions, Precision};

/// The work per ms of the slowest GPU that is expected: 32 GFLOP/s.
const WORK_PER_MS: f64 = 16e6;

/// Products of the size that is checked on a GPU: the largest one takes 20 ms of a slow one.
#[test]
fn products_of_the_checked_size_take_a_slow_gpu_20_ms_each_on_a_page_and_100_ms_elsewhere() {
    let Some(gpu) = device() else { return };
    let spec = LinearSpec { inputs: 1100, outputs: 1100, activation: Activation::None };
    let values = vec![0.0; spec.inputs * spec.outputs];
    let weight = Stored::Floats { values, order: WeightOrder::OutIn, as_halves: false };
    let numbers = LinearNumbers { spec, weight, bias: vec![0.0; spec.outputs], factors: Vec::new() };
    let linear = numbers.upload(&gpu, Integers::None).unwrap();
    for (submission_ms, pieces) in [(20.0, 2), (100.0, 1)] {
        let gpu = gpu.with_pace(submission_ms, false);
        let products = KnownProducts::of_linear(&gpu, &linear, spec.activation, false).unwrap();
        products.check(&wait(products.submit(&gpu, 0).unwrap())).unwrap();
        let (count, largest) = gpu.faults().pieces();
        assert_eq!(count, pieces, "{submission_ms} ms");
        assert!(largest as f64 <= submission_ms * WORK_PER_MS, "{submission_ms} ms: {largest}");
        assert!(largest >= 300 << 20, "the size is no smaller: {largest}");
    }
}

/// Runs all checks of a model and a batch. Returns the number of pieces, and the work of the largest one.
fn checked(gpu: &GpuDevice, submission_ms: f64) -> (u32, u64) {
    let gpu = gpu.with_pace(submission_ms, gpu.is_software());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports/legacy-op17");
    let options =
        EncoderOptions { gpu: Some(gpu.clone()), precision: Precision::F32, ..EncoderOptions::default() };
    let mut encoder = load(&folder, options);
    assert_eq!(gpu.check_ms(), 0.0);
    encoder.forward(&Batch::new([(&[2, 3][..], &[0; 2][..])])).unwrap();
    assert!(gpu.check_ms() > 0.0);
    gpu.faults().pieces()
}

#[test]
fn all_checks_of_a_model_are_in_pieces_of_bounded_work() {
    let Some(gpu) = device() else { return };
    let (most, single) = checked(&gpu, 0.0);
    let (fewest, whole) = checked(&gpu, 20.0);
    assert!(most > 3 * fewest && whole > single, "{most} and {fewest} pieces, {single} and {whole}");
    // Less than the largest dispatch, which is alone then; small ones are joined.
    let submission_ms = 0.5 * single as f64 / WORK_PER_MS;
    let (some, largest) = checked(&gpu, submission_ms);
    assert!(fewest < some && some < most, "{fewest}, {some}, {most} pieces");
    assert_eq!(largest, single);
}
