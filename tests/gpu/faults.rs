//! Injected faults: each call ends with the right vectors, computed on the CPU, and says why.

use std::path::PathBuf;

use corom::embedder::Embedder;
use corom::encoder::gpu::{Fault, GpuDevice, GpuOptions};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, folder};

use crate::device;
use crate::encoder_support::fixtures;

const TEXTS: [&str; 3] = ["阔腿裤女冬牛仔", "保温杯", "red shoes"];

/// A converted folder with a self-test.
fn model() -> PathBuf {
    fixtures().join("bits/int8")
}

fn load(gpu: Option<GpuDevice>) -> Embedder {
    folder::load(&model(), LoadOptions { gpu, ..LoadOptions::default() }).unwrap()
}

fn lowest_cosine(a: &[f32], b: &[f32], dimension: usize) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let pairs = a.chunks(dimension).zip(b.chunks(dimension));
    pairs.map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).fold(f64::INFINITY, f64::min)
}

/// Embeds twice with a fault. Returns why the CPU took over.
fn embed_with(fault: Fault, expected: &[f32]) -> Option<String> {
    let mut embedder = load(device(Some(fault)));
    for _ in 0..2 {
        let vectors = embedder.embed(&TEXTS).unwrap();
        let lowest = lowest_cosine(&vectors, expected, embedder.dimension());
        assert!(lowest >= 0.999, "{fault:?}: {lowest}");
    }
    let info = embedder.encoder().info();
    assert_eq!(info.fallback.is_some(), info.device.is_none(), "{fault:?}");
    info.fallback.clone()
}

#[test]
fn every_fault_ends_with_right_vectors_from_the_cpu() {
    if device(None).is_none() {
        return;
    }
    let expected = load(None).embed(&TEXTS).unwrap();
    // The number of submissions and allocations that loading and embedding make.
    let gpu = device(None).unwrap();
    let mut sound = load(Some(gpu.clone()));
    assert_eq!(sound.encoder().info().device.as_deref(), Some(gpu.name()));
    let (loaded, _) = gpu.counts();
    for _ in 0..2 {
        let vectors = sound.embed(&TEXTS).unwrap();
        assert!(lowest_cosine(&vectors, &expected, sound.dimension()) >= 0.999);
    }
    assert_eq!(sound.encoder().info().fallback, None);
    let (submissions, allocations) = gpu.counts();
    println!("{loaded} submissions for the load, {submissions} in all, {allocations} allocations");
    assert!(loaded > 4 && submissions > loaded && allocations > 10, "{loaded}, {submissions}, {allocations}");

    let takes_over = |fault: Fault, why: &str| {
        let reason = embed_with(fault, &expected).unwrap_or_else(|| panic!("{fault:?}: no reason"));
        assert!(reason.contains(why), "{fault:?}: {reason}");
    };
    // A release injects each fault. Otherwise the device is lost in the first and a later check, in the self-test, and
    // while texts are embedded.
    let is_release = std::env::var_os("COROM_ALL_TEXTS").is_some();
    let some = vec![0, loaded / 2, loaded - 1, loaded, submissions - 1];
    for number in if is_release { (0..submissions).collect() } else { some } {
        takes_over(Fault::Destroyed(number), "");
    }
    for number in (0..allocations).step_by(if is_release { 1 } else { allocations as usize / 6 }) {
        takes_over(Fault::Allocation(number), "");
    }
    for template in ["embed", "linear_i8_exact", "attention"] {
        takes_over(Fault::Shader(template), "");
    }
    // While the pipelines are checked, while the self-test runs, and while texts are embedded.
    takes_over(Fault::WrongProducts(0), "is wrong");
    takes_over(Fault::WrongProducts(loaded - 1), "");
    takes_over(Fault::WrongProducts(loaded), "another one");
    takes_over(Fault::NoResults(0), "has not answered");
    takes_over(Fault::NoResults(loaded), "has not answered");
}

#[test]
fn the_self_test_runs_twice() {
    let Some(gpu) = device(None) else { return };
    if !gpu.is_software() {
        return; // A GPU measures variants too, in a number of submissions that depends on its speed.
    }
    let submissions = |skip_self_test: bool, texts: &[&str]| {
        let before = gpu.counts().0;
        let options = LoadOptions { gpu: Some(gpu.clone()), skip_self_test, ..LoadOptions::default() };
        folder::load(&model(), options).unwrap().embed(texts).unwrap();
        gpu.counts().0 - before
    };
    // Both have the checks of the device and the call. The texts of the self-test are one submission, whatever the pace.
    assert_eq!(submissions(false, &TEXTS[..1]), submissions(true, &TEXTS[..1]) + 2);
}

/// The model is loaded again from its folder. Without the folder the error says both reasons.
#[test]
fn a_failed_gpu_without_the_folder_is_an_error() {
    if device(None).is_none() {
        return;
    }
    let gpu = device(None).unwrap();
    let copy = std::env::temp_dir().join(format!("corom-gpu-{}", std::process::id()));
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(model()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
        }
    }
    let mut embedder =
        folder::load(&copy, LoadOptions { gpu: Some(gpu.clone()), ..LoadOptions::default() }).unwrap();
    embedder.embed(&TEXTS).unwrap();
    std::fs::remove_dir_all(&copy).unwrap();
    gpu.destroy();
    let error = embedder.embed(&TEXTS).unwrap_err();
    assert_eq!(error.code(), ErrorCode::GpuFailed);
    assert!(error.message().contains("destroyed") && error.message().contains("cannot take over"), "{error}");
}

/// Two models share a device. When it fails, both go on without it.
#[test]
fn models_share_a_device_and_survive_its_loss() {
    let Some(gpu) = device(None) else { return };
    let [mut first, mut second] = [load(Some(gpu.clone())), load(Some(gpu.clone()))];
    let expected = first.embed(&TEXTS).unwrap();
    assert_eq!(second.embed(&TEXTS).unwrap(), expected);
    gpu.destroy();
    for embedder in [&mut first, &mut second] {
        let vectors = embedder.embed(&TEXTS).unwrap();
        assert!(lowest_cosine(&vectors, &expected, embedder.dimension()) >= 0.999);
        let reason = embedder.encoder().info().fallback.clone().unwrap();
        assert!(reason.contains("destroyed"), "{reason}");
    }
}

/// An allocation that fails ends the GPU for the model that makes it, while it loads or in a call.
#[test]
fn a_failed_allocation_leaves_the_other_models_on_the_device() {
    let Some(sound) = device(None) else { return };
    let expected = load(Some(sound.clone())).embed(&TEXTS).unwrap();
    let (_, of_first) = sound.counts();
    load(Some(sound.clone()));
    let (_, loaded) = sound.counts();
    for number in [of_first + 5, loaded - 1, loaded] {
        let gpu = device(Some(Fault::Allocation(number))).unwrap();
        let mut first = load(Some(gpu.clone()));
        first.embed(&TEXTS).unwrap();
        let mut second = load(Some(gpu.clone()));
        let vectors = second.embed(&TEXTS).unwrap();
        assert!(lowest_cosine(&vectors, &expected, second.dimension()) >= 0.999);
        let reason =
            second.encoder().info().fallback.clone().unwrap_or_else(|| panic!("{number}: no reason"));
        assert!(reason.contains("GPU cannot be used"), "{reason}");
        assert_eq!(gpu.failure(), None);
        assert_eq!(first.embed(&TEXTS).unwrap(), expected);
        assert_eq!(first.encoder().info().fallback, None, "{number}");
    }
}

/// Models that were dropped leave no memory on the device.
#[test]
fn models_are_freed() {
    let Some(gpu) = device(None) else { return };
    for _ in 0..8 {
        load(Some(gpu.clone())).embed(&TEXTS[..1]).unwrap();
    }
    assert_eq!(gpu.failure(), None);
    assert!(gpu.live_bytes() < 1 << 16, "{} bytes are left", gpu.live_bytes());
}

#[test]
fn an_emulated_gpu_counts_only_if_it_is_allowed() {
    let Some(gpu) = device(None) else { return };
    let real = GpuDevice::open(GpuOptions::default()).unwrap();
    assert_eq!(real.is_none(), gpu.is_software());
}
