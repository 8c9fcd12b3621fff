//! Converts to int4: any width, and the size of the folder. hosts/onnxruntime.rs compares with onnxruntime.

use std::path::PathBuf;

use corom::config::Pooling;
use corom::encoder::Precision;
use corom::model::{LoadOptions, Manifest, folder};

use crate::command::{Scratch, convert};
use crate::random::{Bert, words};
use crate::support::cosine;

/// Hidden size, intermediate size, largest weight: sizes that are no multiple of a block, an odd number of
/// blocks, and weights whose scales are no half floats.
pub const SIZES: [(usize, usize, f32); 5] =
    [(40, 72, 0.125), (33, 95, 0.125), (8, 5, 0.125), (64, 32, 1e-6), (48, 160, 300.0)];

/// Returns a text of some tokens, a short one and an empty one.
pub fn texts() -> [String; 3] {
    ["阔腿裤女冬牛仔".into(), "大码胖".into(), String::new()]
}

/// Converts a random model of one of `SIZES` to int4. Returns the folder.
pub fn convert_random(scratch: &Scratch, (hidden, intermediate, size): (usize, usize, f32)) -> PathBuf {
    let words = words(200);
    let checkpoint = scratch.join(&format!("checkpoint-{hidden}x{intermediate}"));
    Bert { words: &words, hidden, heads: 1, intermediate, layers: 2, size }.write(&checkpoint);
    let out = scratch.join(&format!("{hidden}x{intermediate}"));
    convert(&checkpoint, &out, &["--dtype", "int4", "--max-length", "64"]).expect_ok();
    out
}

#[test]
fn int4_converts_and_loads_at_any_width() {
    let scratch = Scratch::new("int4-widths");
    for size in SIZES {
        let (hidden, intermediate, _) = size;
        let out = convert_random(&scratch, size);
        let load = |options| folder::load(&out, options).unwrap();
        let mut exact = load(LoadOptions { precision: Precision::F32, ..LoadOptions::default() });
        let mut plain = load(LoadOptions { unfused: true, ..LoadOptions::default() });
        let mut int4 = load(LoadOptions::default());
        assert_eq!(int4.encoder().info().precision, "int4", "{hidden} × {intermediate}");
        assert!(!plain.encoder().info().fused && exact.encoder().info().fused);
        for text in &texts() {
            let [exact, plain, int4] = [&mut exact, &mut plain, &mut int4].map(|e| e.embed(&[text]).unwrap());
            assert!(cosine(&exact, &plain) > 0.999_999, "{hidden} × {intermediate}");
            assert!(cosine(&exact, &int4) > 0.999, "{hidden} × {intermediate}: {}", cosine(&exact, &int4));
        }
    }
}

#[test]
fn int4_folder_has_the_size_of_its_weights() {
    let scratch = Scratch::new("int4-size");
    let words = words(2000);
    let (hidden, intermediate, layers) = (256, 1024, 2);
    Bert { words: &words, hidden, heads: 4, intermediate, layers, size: 0.125 }
        .write(&scratch.join("checkpoint"));
    let convert = |dtype: &str| {
        let out = scratch.join(dtype);
        convert(&scratch.join("checkpoint"), &out, &["--dtype", dtype]).expect_ok();
        Manifest::from_json(&std::fs::read(out.join("corom.json")).unwrap()).unwrap()
    };
    let size = |manifest: &Manifest, name: &str| {
        manifest.files.iter().filter(|f| f.path.starts_with(name)).map(|f| f.size as usize).sum::<usize>()
    };
    let (f32, int4) = (convert("f32"), convert("int4"));
    // A block has 16 bytes of values, 2 of scale and half a byte of zero point. A row of an embedding table has
    // its values and a scale.
    let linear = |out: usize, inner: usize| out * inner / 32 * 37 / 2;
    let layer = 4 * linear(hidden, hidden) + linear(intermediate, hidden) + linear(hidden, intermediate);
    let rest = 4 * (2 * hidden + layers * (9 * hidden + intermediate) + 2 * hidden);
    // The scales of the position embeddings are so small that they are in model.onnx.
    let due = layers * layer + words.len() * (hidden + 4) + 64 * hidden + rest;
    let weights = size(&int4, "model.onnx_data_");
    // Each tensor starts at a multiple of 64 bytes.
    assert!((due..due + 64 * 20 * layers).contains(&weights), "{weights} bytes for {due}");
    assert!(size(&int4, "model.onnx") - weights < 64 << 10, "weights are in model.onnx");
    assert!(weights * 5 < size(&f32, "model.onnx_data_"), "{weights}");
}

#[test]
fn int4_supports_poolings_of_two_layers() {
    let scratch = Scratch::new("int4-layers");
    let words = words(200);
    let bert = Bert { words: &words, hidden: 64, heads: 2, intermediate: 128, layers: 3, size: 0.125 };
    bert.write(&scratch.join("checkpoint"));
    for pooling in [Pooling::AvgTop2, Pooling::AvgFirstLast] {
        let vectors = ["f32", "int4"].map(|dtype| {
            let out = scratch.join(&format!("{}-{dtype}", pooling.as_str()));
            let options = ["--dtype", dtype, "--pooling", pooling.as_str(), "--max-length", "64"];
            convert(&scratch.join("checkpoint"), &out, &options).expect_ok();
            folder::load(&out, LoadOptions::default()).unwrap().embed(&["阔腿裤女冬牛仔"]).unwrap()
        });
        assert!(cosine(&vectors[0], &vectors[1]) > 0.97, "{}", cosine(&vectors[0], &vectors[1]));
    }
}
