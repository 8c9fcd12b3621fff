//! The checks of a device find a shader of any op that computes wrong, before the model runs.

use std::path::Path;

use super::stages::load;
use crate::batch::Batch;
use crate::encoder::gpu::device::GpuDevice;
use crate::encoder::gpu::failure::Fault;
use crate::encoder::{EncoderInfo, EncoderOptions, Precision};

/// Runs an export. Returns the error.
fn run(export: &str, precision: Precision, gpu: GpuDevice) -> Option<String> {
    run_with(export, EncoderOptions { gpu: Some(gpu), precision, ..EncoderOptions::default() }).1
}

/// Runs an export. Returns what ran it, and the error.
pub(super) fn run_with(export: &str, options: EncoderOptions) -> (EncoderInfo, Option<String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports").join(export);
    let mut encoder = load(&folder, options);
    assert_eq!(encoder.info().backend, "gpu", "{export}");
    let batch = Batch::new([(&[2, 40, 41, 42, 3][..], &[0; 5][..])]);
    let error = encoder.forward(&batch).err().map(|error| error.to_string());
    (encoder.info().clone(), error)
}

/// The export, its precision, whether products are checked, the template, a text of it, a wrong one, and what the error
/// says.
type Case = (&'static str, Precision, bool, &'static str, [&'static str; 2], &'static str);

#[test]
fn a_wrong_shader_of_any_op_is_found() {
    let Some(gpu) = super::device() else { return };
    use Precision::{Auto, F32};
    // Some faults need many rows or one row, long texts or short ones.
    let step = ["first_quad += STEP_QUADS", "first_quad += 2u * STEP_QUADS"];
    let cases: [Case; 21] = [
        ("legacy-op17", F32, false, "embed", ["token.z * quads", "token.y * quads"], "Embed"),
        ("legacy-op17", F32, false, "embed", ["f32(params.width)", "f32(params.width + 1u)"], "Embed"),
        ("legacy-op17", Auto, false, "embed", ["vec4<u32>(24u)", "vec4<u32>(23u)"], "Embed"),
        ("legacy-op17", F32, false, "attention", ["first += KEYS", "first += 2u * KEYS"], "Attention"),
        ("legacy-op17", F32, false, "attention", ["total *= shrink", "total *= 1.0"], "Attention"),
        ("legacy-op17", F32, false, "attention", ["params.v_first", "params.k_first"], "Attention"),
        ("attention-joined", F32, false, "attention", ["(query < block.y)", "(query < 15u)"], "Attention"),
        ("legacy-op17", F32, false, "add_norm", ["+ b[start + quad]", ""], "AddNorm"),
        ("qdq-static", F32, false, "clip", ["params.low", "params.high"], "Clip"),
        ("sentence-cls", F32, false, "select_rows", ["].x", "].y - 1u"], "SelectRows"),
        ("sentence-mean", F32, false, "mean_rows", ["rows.x, 1u", "rows.x, 2u"], "MeanRows"),
        ("sentence-mean", F32, false, "normalize", ["half > 0u", "half > 1u"], "Normalize"),
        ("legacy-op17", F32, false, "linear", step, "a product"),
        ("legacy-op17", F32, false, "linear_few_rows", ["_lane < LANES", "_lane < 7u"], "a product"),
        // Not all products of the model have the function.
        ("legacy-op17", F32, false, "linear_few_rows", ["y = gelu(x)", ""], "a product"),
        (
            "int8-qint8-channel",
            Auto,
            false,
            "linear_i8_exact",
            ["vec4<u32>(7u)", "vec4<u32>(6u)"],
            "a product",
        ),
        ("int8-qint8-channel", Auto, false, "quantize_rows", ["(round(", "(floor("], "a product"),
        ("int8-qint8-channel", Auto, false, "quantize_rows", ["q.x + q.y", "q.x - q.y"], "a product"),
        (
            "int8-qint8-channel",
            Auto,
            false,
            "linear_i8_exact",
            ["- zero_points", "+ zero_points"],
            "a product",
        ),
        ("legacy-op17", F32, true, "linear_check", ["- params.bias_sum", ""], "the check of products"),
        ("legacy-op17", F32, true, "clip", ["activate(values)", "values"], "Clip"),
    ];
    let mut before = None;
    for (export, precision, is_checked, template, [from, to], what) in cases {
        // Nothing is found without an edit that changes something. The pipelines are then compiled.
        if before.replace((export, precision, is_checked)) != Some((export, precision, is_checked)) {
            let unedited = Fault::Edited("linear_check", "no such text", "");
            let device = if is_checked { gpu.with_edit(true, unedited) } else { gpu.clone() };
            assert_eq!(run(export, precision, device), None, "{export}");
        }
        let edited = gpu.with_edit(is_checked, Fault::Edited(template, from, to));
        let error = run(export, precision, edited);
        let error = error.unwrap_or_else(|| panic!("{template} with `{to}` on {export} was not found"));
        assert!(
            error.contains(&format!("{what} ")) && error.contains("wrong"),
            "{template}, `{to}`: {error}"
        );
    }
}

#[test]
fn each_check_runs_twice() {
    let Some(gpu) = super::device() else { return };
    if !gpu.is_software() {
        return; // A GPU measures variants too, in a number of submissions that depends on its speed.
    }
    let gpu = gpu.with_edit(false, Fault::Edited("none", "", ""));
    assert_eq!(run("legacy-op17", Precision::F32, gpu.clone()), None);
    // Products without a function and with GELU, the other ops, the canary; then the batch.
    assert_eq!(gpu.counts().0, 2 * (2 + 1 + 1) + 1);
}
