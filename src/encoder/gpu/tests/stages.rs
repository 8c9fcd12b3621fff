//! Compares the value of each op with the reference back end's, and names the first op that differs.

use std::path::Path;

use super::device;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::{BackendChoice, Encoder, EncoderLoader, EncoderOptions, Precision};

/// Exports with different ops and weights, each in one file, and how many of their products are computed with another
/// one: k and v of each layer, unless the clips of static quantization are between.
const EXPORTS: [(&str, usize); 8] = [
    ("legacy-op17", 4),
    ("act-gelu-tanh-dynamo", 4),
    ("act-relu", 4),
    ("int8-matmul-only", 4),
    ("nbits4-zero-point", 4),
    ("nbits4-odd", 2),
    ("qdq-narrow", 0),
    ("hidden-states", 6),
];

/// Returns the ONNX file of a folder: `model.onnx`, or the only one in `onnx/`.
fn onnx(folder: &Path) -> Vec<u8> {
    let files = [folder.to_owned(), folder.join("onnx")]
        .into_iter()
        .flat_map(|folder| folder.read_dir().into_iter().flatten().map(|entry| entry.unwrap().path()));
    let is_onnx = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "onnx");
    std::fs::read(files.into_iter().find(is_onnx).unwrap()).unwrap()
}

pub(in crate::encoder::gpu) fn load(folder: &Path, options: EncoderOptions) -> Box<dyn Encoder> {
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    let config = BertConfig::from_json(&read("config.json")).unwrap();
    let layers = vec![config.num_hidden_layers];
    let options = EncoderOptions { layers, ..options };
    EncoderLoader::new(&onnx(folder), &config, options).unwrap().finish().unwrap()
}

#[test]
fn every_op_equals_the_reference_in_every_stage() {
    let Some(gpu) = device() else { return };
    let exports = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let texts: [&[u32]; 3] = [&[2, 40, 41, 42, 3], &[2, 3], &[2, 50, 60, 70, 80, 90, 100, 3]];
    let batch = Batch::new(texts.map(|ids| (ids, &[0u32; 8][..ids.len()])));
    for (name, joined) in EXPORTS {
        let f32 = EncoderOptions { precision: Precision::F32, ..EncoderOptions::default() };
        let reference = EncoderOptions { backend: BackendChoice::Reference, ..f32.clone() };
        let expected = load(&exports.join(name), reference).stages(&batch).unwrap();
        let mut encoder = load(&exports.join(name), EncoderOptions { gpu: Some(gpu.clone()), ..f32 });
        assert_eq!(encoder.info().backend, "gpu", "{name}");
        let actual = encoder.stages(&batch).unwrap();
        assert_eq!(actual.iter().filter(|(name, _)| *name == "joined").count(), joined, "{name}");
        assert!(expected.len() > 8 && actual.len() == expected.len(), "{name}");
        for (index, ((op, expected), (_, actual))) in expected.iter().zip(&actual).enumerate() {
            let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            assert_eq!(actual.len(), expected.len(), "{name}: op {index}, {op}");
            let difference = actual.iter().zip(expected).fold(0.0f32, |most, (a, b)| {
                if (a - b).is_nan() { f32::INFINITY } else { most.max((a - b).abs()) }
            });
            let limit = 1e-4 * largest.max(1e-3);
            assert!(
                difference <= limit,
                "{name}: op {index}, {op}, is the first to differ: by {difference:e}"
            );
        }
    }
}
