//! tract-onnx in the command: a second opinion on every folder, and a way in for graphs that corom's own reader
//! does not know.

use std::path::{Path, PathBuf};

use corom::encoder::onnx::pb::{ModelProto, NodeProto, TensorProto};
use prost::Message;

use crate::command::{Run, Scratch, checkpoint, convert, corom};
use crate::support::{files, fixtures, folders};

const CHECKPOINT: &str = "safetensors";

/// Makes a folder with an export of the checkpoint, and returns the path of the ONNX file.
fn export(scratch: &Scratch, onnx: &str) -> PathBuf {
    let folder = scratch.copy_of(CHECKPOINT);
    std::fs::remove_file(folder.join("model.safetensors")).unwrap();
    let from = fixtures().join("onnx_of_checkpoints").join(CHECKPOINT).join(onnx);
    std::fs::copy(from, folder.join(onnx)).unwrap();
    folder.join(onnx)
}

fn cosine_in(run: &Run, line: &str) -> f64 {
    let found = run.stdout.lines().find(|text| text.contains(line)).unwrap_or_else(|| panic!("{run:?}"));
    found.rsplit_once("cosine ").unwrap().1.parse().unwrap()
}

#[test]
fn convert_asks_tract_onnx_for_a_second_opinion() {
    let scratch = Scratch::new("opinion");
    for name in ["wide", "act-gelu-new", "act-relu", "modelscope-avg-top2", "modelscope-avg-normalize"] {
        for dtype in ["f32", "int8", "int4"] {
            let out = scratch.join(&format!("{name}-{dtype}"));
            let run = convert(&checkpoint(name), &out, &["--dtype", dtype]).expect_ok();
            let cosine = cosine_in(&run, "second opinion: tract-onnx agrees");
            assert!(cosine >= 0.99999, "{name} in {dtype}: {cosine}");
        }
    }
}

#[test]
fn graph_with_unknown_operators_is_read_by_tract_onnx() {
    let scratch = Scratch::new("import");
    let onnx = export(&scratch, "operators.onnx");
    for dtype in ["f32", "int8", "int4"] {
        let out = scratch.join(dtype);
        let run = convert(&onnx, &out, &["--dtype", dtype]).expect_ok();
        assert!(cosine_in(&run, "tract-onnx read the graph") >= 0.99999, "{run:?}");
        let expected = scratch.join(&format!("{dtype}-checkpoint"));
        convert(&checkpoint(CHECKPOINT), &expected, &["--dtype", dtype]).expect_ok();
        assert!(files(&out) == files(&expected), "{dtype}: other files than from the checkpoint");
    }
    let names = scratch.names();
    assert!(names.iter().all(|name| !name.starts_with('.')), "temporary folders stay: {names:?}");
}

#[test]
fn graph_that_no_reader_knows_is_rejected_with_both_reasons() {
    let scratch = Scratch::new("no-import");
    let onnx = export(&scratch, "unknown.onnx");
    let out = scratch.join("out");
    let words = ["unknown.onnx", "MyLayerNorm", "tract-onnx was tried", "my.company"];
    convert(&onnx, &out, &[]).expect_rejected("UNSUPPORTED_OPERATOR", &words);
    assert_eq!(scratch.names(), [CHECKPOINT]);
}

fn check(folder: &Path) -> Run {
    corom(&["inspect", "--check", folder.to_str().unwrap()])
}

#[test]
fn inspect_check_embeds_and_compares() {
    let scratch = Scratch::new("check");
    let out = scratch.join("model");
    convert(&checkpoint("wide"), &out, &["--dtype", "int8"]).expect_ok();
    let run = check(&out).expect_ok();
    assert!(cosine_in(&run, "second opinion: tract-onnx agrees") >= 0.99999);
    // Without the option no model is run.
    let run = corom(&["inspect", out.to_str().unwrap()]).expect_ok();
    assert!(!run.stdout.contains("opinion"), "{}", run.stdout);

    // The manifest of another model's vectors.
    let manifest = std::fs::read_to_string(out.join("corom.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let vectors = json["self_test"]["vectors"].as_array_mut().unwrap();
    vectors.swap(0, 1);
    std::fs::write(out.join("corom.json"), json.to_string()).unwrap();
    check(&out).expect_rejected("SELF_TEST_FAILED", &[]);
}

#[test]
fn inspect_says_what_another_tools_folder_is() {
    let exports = fixtures().join("exports");
    let run = check(&exports.join("sentence-mean")).expect_ok();
    for word in ["another tool", "dtype         f32", "fused", "pooling", "normalize", "maxLength", "(by "] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
    assert!(cosine_in(&run, "second opinion: tract-onnx agrees") >= 0.99999);
    // A graph that quantizes activations, and one with onnxruntime's fused operators.
    for name in ["int8-quint8-tensor", "fused"] {
        let run = check(&exports.join(name)).expect_ok();
        assert!(run.stdout.contains("no second opinion: "), "{name}: {}", run.stdout);
    }
}

#[test]
fn every_export_agrees_with_tract_onnx_or_says_why_not() {
    let (mut agree, mut silent) = (0, Vec::new());
    for (name, folder) in folders("exports") {
        let run = check(&folder).expect_ok();
        match run.stdout.contains("tract-onnx agrees") {
            true => agree += 1,
            false => {
                assert!(run.stdout.contains("no second opinion: "), "{name}: {}", run.stdout);
                silent.push(name);
            }
        }
    }
    assert!(agree >= 30, "only {agree} agree; not: {silent:?}");
}

/// Copies an export whose graph `change` changes.
fn changed(scratch: &Scratch, name: &str, change: impl FnOnce(&mut ModelProto)) -> PathBuf {
    let folder = scratch.join(name);
    for (path, bytes) in files(&fixtures().join("exports").join(name)) {
        let to = folder.join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, bytes).unwrap();
    }
    let onnx = ["model.onnx", "onnx/model_q4.onnx"].map(|file| folder.join(file));
    let onnx = onnx.iter().find(|path| path.exists()).unwrap();
    let mut model = ModelProto::decode(&*std::fs::read(onnx).unwrap()).unwrap();
    change(&mut model);
    std::fs::write(onnx, model.encode_to_vec()).unwrap();
    folder
}

/// tract rounds the scales of `MatMulNBits` to float16. Scales below its range become 0 or are far off; here a factor
/// behind each product undoes how small they are, so corom and onnxruntime compute the vectors of the original.
#[test]
fn folder_that_tract_onnx_computes_in_another_way_is_rejected() {
    let scratch = Scratch::new("disagreement");
    let folder = changed(&scratch, "nbits4-symmetric", |model| {
        let graph = model.graph.as_mut().unwrap();
        let factor: f32 = 1024.0 * 1024.0 * 16.0;
        let raw_data = factor.to_le_bytes().to_vec().into();
        graph.initializer.push(TensorProto {
            name: "factor".into(),
            data_type: 1,
            raw_data,
            ..Default::default()
        });
        let mut nodes = Vec::new();
        for mut node in std::mem::take(&mut graph.node) {
            if node.op_type != "MatMulNBits" {
                nodes.push(node);
                continue;
            }
            let scales = graph.initializer.iter_mut().find(|t| t.name == node.input[2]).unwrap();
            let smaller = scales
                .raw_data
                .chunks_exact(4)
                .flat_map(|x| (f32::from_le_bytes(x.try_into().unwrap()) / factor).to_le_bytes());
            scales.raw_data = smaller.collect::<Vec<u8>>().into();
            let output = node.output[0].clone();
            let small = format!("{output}.small");
            node.output[0].clone_from(&small);
            nodes.push(node);
            nodes.push(NodeProto {
                op_type: "Mul".into(),
                name: format!("{output}.factor"),
                input: vec![small, "factor".into()],
                output: vec![output],
                ..Default::default()
            });
        }
        graph.node = nodes;
    });
    let words = ["tract-onnx computes other vectors", "cosine", "report the model"];
    check(&folder).expect_rejected("SELF_TEST_FAILED", &words);
}

/// tract-onnx panics if the axes of some Unsqueeze take the place of its data.
#[test]
fn panic_of_tract_onnx_is_no_second_opinion() {
    let scratch = Scratch::new("panic");
    let panics = (0..24).any(|at| {
        let folder = changed(&scratch, "roberta-legacy", |model| {
            let nodes = &mut model.graph.as_mut().unwrap().node;
            if let Some(node) = nodes.iter_mut().filter(|node| node.op_type == "Unsqueeze").nth(at) {
                node.input.swap(0, 1);
            }
        });
        let run = check(&folder);
        let panics = run.stdout.contains("no second opinion: tract-onnx failed on this graph");
        // No message of the panic, and no failure.
        assert!(!panics || (run.status, run.stderr.as_str()) == (Some(0), ""), "{run:?}");
        panics
    });
    assert!(panics, "tract-onnx panics on none of these graphs: change the test");
}
