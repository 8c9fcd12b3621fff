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
use corom::encoder::gpu::{Fault, GpuDevice, GpuOptions, ProductChecks};
use corom::encoder::{BackendChoice, EncoderOptions, KernelChoice, Precision};
use encoder_support::{Fixture, Golden, Text, cosines, embed, exports};

/// Returns the GPU of the tests.
fn device(fault: Option<Fault>) -> Option<GpuDevice> {
    checking_device(fault, ProductChecks::Never)
}

fn checking_device(fault: Option<Fault>, product_checks: ProductChecks) -> Option<GpuDevice> {
    let is_silent = matches!(fault, Some(Fault::NoResults(_)));
    let deadline = is_silent.then_some(Duration::from_secs(2));
    let device =
        GpuDevice::open(GpuOptions { allow_software: true, fault, deadline, product_checks }).unwrap();
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
