//! Variants of products are checked before they may be chosen, measured where that is asked for, and kept for the next load.

use std::path::Path;

use super::known::run_with;
use super::{device, load};
use crate::batch::Batch;
use crate::encoder::gpu::IntegerProducts;
use crate::encoder::gpu::device::GpuDevice;
use crate::encoder::gpu::failure::Fault;
use crate::encoder::gpu::shaders::LinearVariant::{FewRows, Tiled4, Tiled8};
use crate::encoder::gpu::variants::Variants;
use crate::encoder::{EncoderOptions, EncoderOutput, KernelChoice, Precision};

const EXPORT: &str = "legacy-op17";
const INT8_EXPORT: &str = "int8-qint8-channel";
/// An edit that changes nothing. The pipelines of the template belong to the device alone.
const UNEDITED: Fault = Fault::Edited("linear", "no such text", "");

fn error_of(gpu: GpuDevice) -> Option<String> {
    let options = EncoderOptions { gpu: Some(gpu), precision: Precision::F32, ..EncoderOptions::default() };
    run_with(EXPORT, options).1
}

#[test]
fn every_variant_that_may_be_chosen_is_checked_with_all_numbers_of_rows() {
    let Some(gpu) = device() else { return };
    let measured = gpu.with_variants(None, UNEDITED);
    assert_eq!(error_of(measured.clone()), None);
    let chosen = Variants::from_code(measured.variants_code()).unwrap();
    assert!(!chosen.may_use_blocks() && chosen.of_rows(512) != FewRows, "{chosen:?}");
    assert_eq!(measured.compiled("linear"), 2);
    for (template, from, to) in [
        // Only in one of the two, which may be the slower one; only for more rows than it had before it was measured.
        ("linear", "THREAD_COLUMNS: u32 = 16u", "THREAD_COLUMNS: u32 = 8u"),
        ("linear_few_rows", "group.y * 16u", "group.y * 8u"),
    ] {
        let error = error_of(measured.with_variants(None, Fault::Edited(template, from, to)));
        let error = error.unwrap_or_else(|| panic!("{template} with `{to}` was not found"));
        assert!(error.contains("a product "), "{template}, `{to}`: {error}");
    }
}

#[test]
fn kept_variants_are_the_only_ones_that_are_compiled_and_are_checked() {
    let Some(gpu) = device() else { return };
    let kept = Variants::only(Tiled4);
    let other = gpu.with_variants(Some(kept), UNEDITED);
    assert_eq!(error_of(other.clone()), None);
    assert_eq!((other.compiled("linear"), other.variants_code()), (1, kept.code()));
    assert!(other.may_use(Tiled4) && !other.may_use(Tiled8) && !other.may_use(FewRows));
    let wrong = Fault::Edited("linear", "first_quad += STEP_QUADS", "first_quad += 2u * STEP_QUADS");
    assert!(error_of(gpu.with_variants(Some(kept), wrong)).unwrap().contains("a product "));
}

/// The canary of a submission in floats has another result than that of one with quantized blocks.
#[test]
fn short_batches_are_in_floats_and_long_ones_of_quantized_blocks() {
    let Some(gpu) = device() else { return };
    if !gpu.has_packed_dot() {
        return;
    }
    let unedited = Fault::Edited("none", "", "");
    // They are used wherever they are possible, if that is asked for.
    let always = gpu.with_integers(IntegerProducts::Always, unedited).with_variants(None, unedited);
    let kernel = KernelChoice::Fastest(|| 0.0);
    let options = EncoderOptions { gpu: Some(always.clone()), kernel, ..EncoderOptions::default() };
    assert_eq!(run_with(INT8_EXPORT, options).1, None);
    assert!(Variants::from_code(always.variants_code()).unwrap().uses_blocks(1));
    // Blocks are faster for many rows only.
    let none = f64::INFINITY;
    let kept = Variants::fastest([[1.0, 2.0, none, 3.0], [none, 2.0, none, 1.0]]);
    let gpu = gpu.with_integers(IntegerProducts::Always, unedited).with_variants(Some(kept), unedited);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports").join(INT8_EXPORT);
    let mut encoder = load(&folder, EncoderOptions { gpu: Some(gpu), kernel, ..EncoderOptions::default() });
    // 9 of them and a canary have more than 64 tokens.
    let text = |i: u32| [2, 40 + i % 5, 41, 42, 43, 44, 3];
    let texts: Vec<[u32; 7]> = (0..30).map(text).collect();
    let mut first_text = |texts: &[[u32; 7]]| {
        let output = encoder.forward(&Batch::new(texts.iter().map(|ids| (&ids[..], &[0; 7][..])))).unwrap();
        let rows = match output {
            EncoderOutput::Hidden(mut rows) => rows.pop().unwrap(),
            EncoderOutput::Pooled(rows) | EncoderOutput::Scores(rows) => rows,
        };
        rows[..rows.len() / texts.len()].to_vec()
    };
    let floats = first_text(&texts[..1]);
    let blocks = first_text(&texts);
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    let cosine = dot(&floats, &blocks) / (dot(&floats, &floats) * dot(&blocks, &blocks)).sqrt();
    assert!(cosine > 0.99 && cosine < 1.0 - 1e-7, "{cosine}");
    assert_eq!(first_text(&texts[..1]), floats);
    assert_eq!(encoder.info().kernel, "wgsl int8");
}
