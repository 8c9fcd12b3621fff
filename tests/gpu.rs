//! The GPU back end: every export against the reference, and what happens when a GPU fails.
//!
//! An adapter is needed, which may be a processor that emulates one (`./build.sh test gpu` says how). Without an adapter
//! the tests return early, unless `COROM_GPU_REQUIRED` is set.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

#[path = "gpu/command.rs"]
mod command;
mod encoder_support;
#[path = "gpu/faults.rs"]
mod faults;

use std::time::Duration;

use corom::config::Pooling;
use corom::encoder::gpu::{Fault, GpuDevice, GpuOptions, IntegerProducts, ProductChecks};
use corom::encoder::{BackendChoice, EncoderOptions, KernelChoice, Precision};
use encoder_support::{Fixture, Golden, Text, cosines, embed, exports};

/// Returns the GPU of the tests.
fn device(fault: Option<Fault>) -> Option<GpuDevice> {
    checking_device(fault, ProductChecks::Never)
}

fn checking_device(fault: Option<Fault>, product_checks: ProductChecks) -> Option<GpuDevice> {
    open(fault, product_checks, IntegerProducts::Auto)
}

fn open(
    fault: Option<Fault>,
    product_checks: ProductChecks,
    integer_products: IntegerProducts,
) -> Option<GpuDevice> {
    let is_silent = matches!(fault, Some(Fault::NoResults(_)));
    let deadline = is_silent.then_some(Duration::from_secs(2));
    let options = GpuOptions { allow_software: true, fault, deadline, product_checks, integer_products };
    let device = GpuDevice::open(options).unwrap();
    let is_required = std::env::var_os("COROM_GPU_REQUIRED").is_some();
    assert!(device.is_some() || !is_required, "COROM_GPU_REQUIRED is set, and there is no adapter");
    device
}

fn vectors(
    fixture: &Fixture,
    pooling: Pooling,
    texts: &[Text],
    options: EncoderOptions,
) -> Result<(Vec<Vec<f32>>, &'static str, &'static str), String> {
    let mut encoder = fixture.load_fused(pooling, options).map_err(|e| e.to_string())?;
    let vectors = embed(&mut *encoder, texts, pooling, 0).map_err(|e| e.to_string())?;
    let info = encoder.info();
    if let Some(reason) = &info.fallback {
        return Err(format!("not on the GPU: {reason}"));
    }
    Ok((vectors, info.backend, info.kernel))
}

fn check(fixture: &Fixture, gpu: &GpuDevice) -> Result<String, String> {
    let golden = Golden::of(fixture);
    let pooling = if golden.vectors.contains_key("cls") { Pooling::Cls } else { Pooling::Mean };
    let f32 = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
    let reference = EncoderOptions { backend: BackendChoice::Reference, ..f32.clone() };
    let (expected, _, _) = vectors(fixture, pooling, &golden.texts, reference)?;
    let on_gpu = |options| EncoderOptions { gpu: Some(gpu.clone()), ..options };
    let mut report = String::new();
    // Floats as in the file; half floats; integers where the weights are int8.
    let fastest = EncoderOptions { kernel: KernelChoice::Fastest(|| 0.0), ..EncoderOptions::default() };
    for (name, options, min) in
        [("f32", f32, 0.99999), ("auto", fastest, 0.9999), ("exact", EncoderOptions::default(), 0.9998)]
    {
        let (actual, backend, kernel) = vectors(fixture, pooling, &golden.texts, on_gpu(options))?;
        let (lowest, _) = cosines(&actual, &expected);
        report += &format!("{name} {lowest:.7} ({kernel}) ");
        let is_close = lowest >= min;
        if backend != "gpu" || !is_close {
            return Err(report);
        }
    }
    Ok(report)
}

#[test]
fn every_export_gives_the_vectors_of_the_reference() {
    let Some(gpu) = device(None) else { return };
    println!("{}", gpu.name());
    let (mut table, mut failed) = (String::new(), 0);
    for fixture in exports() {
        if std::env::var("COROM_ONLY").is_ok_and(|only| !fixture.name.contains(&only)) {
            continue;
        }
        let (mark, text) = match check(&fixture, &gpu) {
            Ok(report) => ("ok  ", report),
            Err(report) => {
                failed += 1;
                ("FAIL", report)
            }
        };
        table += &format!("{mark} {:24} {text}\n", fixture.name);
    }
    println!("{table}");
    assert!(!table.is_empty(), "COROM_ONLY matches no export");
    assert_eq!(failed, 0, "{failed} exports fail:\n{table}");
    assert_eq!(gpu.failure(), None);
}

/// Large batches are cut into several submissions, and the texts keep their order.
#[test]
fn texts_of_a_large_batch_keep_their_order() {
    let Some(gpu) = device(None) else { return };
    let fixture = Fixture::export("legacy-op17");
    let golden = Golden::of(&fixture);
    let options = EncoderOptions { precision: Precision::F32, gpu: Some(gpu), ..EncoderOptions::default() };
    for pooling in [Pooling::Cls, Pooling::Mean] {
        let first_rows = pooling == Pooling::Cls;
        let options = EncoderOptions { first_rows, ..options.clone() };
        let mut encoder = fixture.load_fused(pooling, options).unwrap();
        let alone: Vec<Vec<f32>> = golden
            .texts
            .iter()
            .map(|text| embed(&mut *encoder, std::slice::from_ref(text), pooling, 0).unwrap().remove(0))
            .collect();
        let count = 1500 / golden.texts[0].ids.len();
        let many: Vec<Text> = golden.texts.iter().cycle().take(count).cloned().collect();
        let expected: Vec<Vec<f32>> = alone.iter().cycle().take(count).cloned().collect();
        let (lowest, _) = cosines(&embed(&mut *encoder, &many, pooling, 0).unwrap(), &expected);
        assert!(lowest > 0.999999, "{pooling:?}: {lowest}");
    }
}

/// Products are checked by the sums of their rows, whatever the weights and the activation function.
#[test]
fn checked_products_give_the_same_vectors_and_wrong_ones_are_seen() {
    let Some(gpu) = checking_device(None, ProductChecks::Always) else { return };
    for name in ["legacy-op17", "act-relu", "nbits4-odd", "int8-matmul-only"] {
        let report = check(&Fixture::export(name), &gpu);
        assert!(report.is_ok(), "{name}: {report:?}");
    }
    assert_eq!(gpu.failure(), None);
    // A submission after the checks of the pipelines, in which the canary is far from the wrong rows.
    let fixture = Fixture::export("legacy-op17");
    let golden = Golden::of(&fixture);
    let many: Vec<Text> = golden.texts.iter().cycle().take(40).cloned().collect();
    let options = |gpu| EncoderOptions { gpu, ..EncoderOptions::default() };
    let gpu = checking_device(None, ProductChecks::Always).unwrap();
    let mut encoder = fixture.load_fused(Pooling::Mean, options(Some(gpu.clone()))).unwrap();
    embed(&mut *encoder, &many, Pooling::Mean, 0).unwrap();
    let (submissions, _) = gpu.counts();
    let fault = Some(Fault::WrongProducts(submissions));
    let gpu = checking_device(fault, ProductChecks::Always).unwrap();
    let mut encoder = fixture.load_fused(Pooling::Mean, options(Some(gpu.clone()))).unwrap();
    embed(&mut *encoder, &many, Pooling::Mean, 0).unwrap();
    let error = embed(&mut *encoder, &many, Pooling::Mean, 0).unwrap_err();
    assert_eq!(gpu.failure().as_deref(), Some("the sum of a product is wrong"), "{error}");
}

/// Products of int8 weights with activations of 8 bits. Emulated GPUs have them only if they are asked for.
#[test]
fn products_of_quantized_blocks_are_near_the_reference_and_wrong_ones_are_seen() {
    let opened = |fault| open(fault, ProductChecks::Never, IntegerProducts::Always);
    let Some(gpu) = opened(None) else { return };
    let f32 = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
    let reference = EncoderOptions { backend: BackendChoice::Reference, ..f32.clone() };
    let fixture = Fixture::export("int8-qint8-channel");
    let texts = Golden::of(&fixture).texts;
    let (expected, ..) = vectors(&fixture, Pooling::Mean, &texts, reference).unwrap();
    let load = |gpu, precision| {
        let kernel = KernelChoice::Fastest(|| 0.0);
        let options = EncoderOptions { kernel, precision, gpu: Some(gpu), ..EncoderOptions::default() };
        fixture.load_fused(Pooling::Mean, options).unwrap()
    };
    let mut encoder = load(gpu.clone(), Precision::Auto);
    let actual = embed(&mut *encoder, &texts, Pooling::Mean, 0).unwrap();
    let (lowest, _) = cosines(&actual, &expected);
    println!("{lowest:.7}");
    assert!((0.999..0.999999).contains(&lowest), "{lowest}");
    assert_eq!((encoder.info().kernel, gpu.failure()), ("wgsl int8", None));
    // The same vectors alone and in a batch.
    let alone = embed(&mut *encoder, &texts[1..2], Pooling::Mean, 0).unwrap();
    assert!(cosines(&alone, &actual[1..2]).0 > 0.999999);
    let fault = Some(Fault::WrongProducts(gpu.counts().0));
    let mut encoder = load(opened(fault).unwrap(), Precision::Auto);
    embed(&mut *encoder, &texts, Pooling::Mean, 0).unwrap();
    embed(&mut *encoder, &texts[1..2], Pooling::Mean, 0).unwrap();
    let error = embed(&mut *encoder, &texts, Pooling::Mean, 0).unwrap_err();
    assert!(error.to_string().contains("got another one"), "{error}");
    // Never in f32.
    let mut encoder = load(gpu, Precision::F32);
    embed(&mut *encoder, &texts[..1], Pooling::Mean, 0).unwrap();
    assert_eq!(encoder.info().kernel, "wgsl floats");
}
