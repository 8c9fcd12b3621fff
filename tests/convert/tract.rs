//! Runs the written graph in tract alone and compares the vectors with PyTorch's.

use std::path::Path;

use corom::model::Manifest;
use tract_onnx::prelude::*;

use crate::command::{Scratch, checkpoint, convert};
use crate::support::{Golden, cosine, golden, max_abs_difference};

type Runnable = Arc<TypedRunnableModel>;

fn load(folder: &Path) -> Runnable {
    onnx()
        .with_ignore_value_info(true)
        .model_for_path(folder.join("model.onnx"))
        .unwrap()
        .into_optimized()
        .unwrap()
        .into_runnable()
        .unwrap()
}

/// Returns the hidden states `[sequence, hidden]` of each output, for each text of a padded batch.
fn run(model: &Runnable, rows: &[&[u32]]) -> Vec<Vec<Vec<f32>>> {
    let length = rows.iter().map(|row| row.len()).max().unwrap();
    let cell = |row: usize, at: usize| rows[row].get(at).map_or(0, |&id| i64::from(id));
    let shape = (rows.len(), length);
    let ids = tract_ndarray::Array2::from_shape_fn(shape, |(row, at)| cell(row, at));
    let mask = tract_ndarray::Array2::from_shape_fn(shape, |(row, at)| i64::from(at < rows[row].len()));
    let types = tract_ndarray::Array2::<i64>::zeros(shape);
    let inputs = [ids, mask, types].map(|array| Tensor::from(array).into_tvalue());
    let outputs = model.run(inputs.into_iter().collect()).unwrap();
    let hidden = outputs[0].shape()[2];
    (0..rows.len())
        .map(|row| {
            let of = |tensor: &TValue| {
                let all = tensor.view();
                let all = all.as_slice::<f32>().unwrap();
                all[row * length * hidden..][..rows[row].len() * hidden].to_vec()
            };
            outputs.iter().map(of).collect()
        })
        .collect()
}

fn mean(rows: &[f32], hidden: usize) -> Vec<f32> {
    let count = (rows.len() / hidden) as f32;
    (0..hidden).map(|i| rows.iter().skip(i).step_by(hidden).sum::<f32>() / count).collect()
}

/// Returns the vector of a text. The second output is the other layer of the pooling.
fn pool(outputs: &[Vec<f32>], pooling: &str, hidden: usize) -> Vec<f32> {
    match pooling {
        "cls" => outputs[0][..hidden].to_vec(),
        "mean" => mean(&outputs[0], hidden),
        _ => {
            let (last, other) = (mean(&outputs[0], hidden), mean(&outputs[1], hidden));
            last.iter().zip(other).map(|(a, b)| (a + b) / 2.0).collect()
        }
    }
}

fn check(folder: &Path, golden: &Golden, close: impl Fn(&[f32], &[f32]) -> bool) {
    let manifest = Manifest::from_json(&std::fs::read(folder.join("corom.json")).unwrap()).unwrap();
    let pooling = manifest.pooling.to_string();
    let model = load(folder);
    let rows: Vec<&[u32]> = golden.input_ids.iter().map(Vec::as_slice).collect();
    let batched = run(&model, &rows);
    for (i, (row, expected)) in rows.iter().zip(&golden.vectors[&pooling]).enumerate() {
        let alone = pool(&run(&model, &[row])[0], &pooling, manifest.hidden_size);
        let batched = pool(&batched[i], &pooling, manifest.hidden_size);
        assert!(close(&alone, expected), "{}: text {i}: {alone:?} {expected:?}", folder.display());
        assert!(max_abs_difference(&alone, &batched) < 1e-5, "{}: text {i}", folder.display());
    }
}

const NAMES: [&str; 6] = [
    "wide",
    "act-gelu-new",
    "act-relu",
    "modelscope-avg-top2",
    "modelscope-avg-first-last",
    "modelscope-avg-normalize",
];

#[test]
fn f32_graph_in_tract_equals_pytorch() {
    let scratch = Scratch::new("tract-f32");
    for name in NAMES {
        let (from, out) = (checkpoint(name), scratch.join(name));
        convert(&from, &out, &[]).expect_ok();
        check(&out, &golden(&from), |a, b| max_abs_difference(a, b) <= 1e-4);
    }
}

#[test]
fn int8_graph_in_tract_is_close_to_pytorch() {
    let scratch = Scratch::new("tract-int8");
    for name in NAMES {
        let (from, out) = (checkpoint(name), scratch.join(name));
        convert(&from, &out, &["--dtype", "int8"]).expect_ok();
        check(&out, &golden(&from), |a, b| cosine(a, b) >= 0.9995);
    }
}
