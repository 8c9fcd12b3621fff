//! Converts ONNX exports: the result is that of the checkpoint, and gives the vectors of the export.

use std::collections::{BTreeMap, BTreeSet};

use corom::config::{Pooling, PoolingChoice};
use corom::convert::{ConvertOptions, Dtype, FileSink, WeightSource, convert};
use corom::embedder::Embedder;
use corom::encoder::Precision;
use corom::encoder::onnx::pb::{ModelProto, NodeProto};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, folder};
use prost::Message;

use crate::command::{self, Scratch, checkpoint, corom};
use crate::support::sentence::{cases, encoder};
use crate::support::{cosine, files, fixtures, folders, golden, max_abs_difference};

type Folder = BTreeMap<String, Vec<u8>>;

const CHECKPOINT: &str = "safetensors";

fn onnx_of_checkpoint(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join("onnx_of_checkpoints").join(CHECKPOINT).join(name)).unwrap()
}

/// Returns the checkpoint's folder with an export in place of its weights.
fn export_folder(onnx: &str, at: &str) -> Folder {
    let mut folder = files(&checkpoint(CHECKPOINT));
    folder.remove("model.safetensors");
    folder.insert(at.to_owned(), onnx_of_checkpoint(onnx));
    folder
}

fn of(dtype: Dtype) -> ConvertOptions {
    ConvertOptions { dtype, ..ConvertOptions::default() }
}

#[test]
fn export_of_a_checkpoint_converts_to_the_files_of_the_checkpoint() {
    for dtype in Dtype::ALL {
        let mut expected = Folder::new();
        convert(&files(&checkpoint(CHECKPOINT)), &of(dtype), &mut expected).unwrap();
        for (onnx, at) in [("legacy.onnx", "model.onnx"), ("dynamo.onnx", "onnx/model.onnx")] {
            let mut actual = Folder::new();
            let conversion = convert(&export_folder(onnx, at), &of(dtype), &mut actual).unwrap();
            assert_eq!((conversion.weights.as_str(), conversion.stored_dtype.as_deref()), (at, Some("f32")));
            assert!(actual == expected, "{onnx} in {}", dtype.as_str());
        }
    }
}

#[test]
fn converted_folder_converts_again() {
    for name in ["wide", "roberta", "xlm-roberta", "ernie-task"] {
        let mut first = Folder::new();
        convert(&files(&checkpoint(name)), &of(Dtype::F32), &mut first).unwrap();
        for dtype in Dtype::ALL {
            let (mut direct, mut again) = (Folder::new(), Folder::new());
            convert(&files(&checkpoint(name)), &of(dtype), &mut direct).unwrap();
            convert(&first, &of(dtype), &mut again).unwrap();
            assert!(direct == again, "{name} in {}", dtype.as_str());
        }
    }
}

/// An int8 folder multiplies the inputs of products whose weights are equalized. Its conversion undoes that.
#[test]
fn folder_with_equalized_weights_converts_again() {
    let scratch = Scratch::new("equalized");
    let exact = || LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    for name in ["wide", "roberta", "ernie-task"] {
        let golden = golden(&checkpoint(name));
        let mut int8 = Folder::new();
        convert(&files(&checkpoint(name)), &of(Dtype::Int8), &mut int8).unwrap();
        let graph = ModelProto::decode(&*int8["model.onnx"]).unwrap().graph.unwrap();
        let has_factors = |node: &&NodeProto| node.op_type == "Mul" && node.input[1].contains("factor");
        assert!(graph.node.iter().filter(has_factors).count() > 0, "{name} has no equalized weights");
        let mut original = load(&write(&scratch, &format!("{name}-int8"), &int8), exact());
        for dtype in Dtype::ALL {
            let mut out = Folder::new();
            let conversion = convert(&int8, &of(dtype), &mut out).unwrap();
            assert_eq!(conversion.stored_dtype.as_deref(), Some("int8"), "{name}");
            let mut again = load(&write(&scratch, &format!("{name}-{}", dtype.as_str()), &out), exact());
            for text in &golden.texts {
                let (actual, expected) = (again.embed(&[text]).unwrap(), original.embed(&[text]).unwrap());
                let near = match dtype {
                    Dtype::F32 => max_abs_difference(&actual, &expected) <= 2e-5,
                    Dtype::Int8 => cosine(&actual, &expected) >= 0.995,
                    Dtype::Int4 => cosine(&actual, &expected) >= 0.85,
                };
                let off = (max_abs_difference(&actual, &expected), cosine(&actual, &expected));
                assert!(near, "{name} in {}: {text:?}: {off:?}", dtype.as_str());
            }
        }
    }
}

#[test]
fn options_choose_between_a_checkpoint_and_its_export() {
    let mut source = files(&checkpoint(CHECKPOINT));
    source.insert("onnx/model.onnx".to_owned(), onnx_of_checkpoint("legacy.onnx"));
    source.insert("onnx/model_quantized.onnx".to_owned(), b"not read".to_vec());
    let weights = |options: ConvertOptions| convert(&source, &options, &mut Folder::new()).map(|c| c.weights);
    let from = |from| ConvertOptions { from: Some(from), ..ConvertOptions::default() };
    assert_eq!(weights(ConvertOptions::default()).unwrap(), "model.safetensors");
    assert_eq!(weights(from(WeightSource::Checkpoint)).unwrap(), "model.safetensors");
    assert_eq!(weights(from(WeightSource::Onnx)).unwrap(), "onnx/model.onnx");
    let onnx = |path: &str| ConvertOptions { onnx: Some(path.to_owned()), ..ConvertOptions::default() };
    assert_eq!(weights(onnx("onnx/model.onnx")).unwrap(), "onnx/model.onnx");

    let code = |options| weights(options).unwrap_err().code();
    assert_eq!(code(onnx("onnx/model_quantized.onnx")), ErrorCode::InvalidModel);
    assert_eq!(code(onnx("nowhere.onnx")), ErrorCode::MissingFile);
    assert_eq!(code(onnx("config.json")), ErrorCode::InvalidArgument);
    let both = ConvertOptions { from: Some(WeightSource::Checkpoint), ..onnx("onnx/model.onnx") };
    assert_eq!(code(both), ErrorCode::InvalidArgument);
    source.remove("onnx/model.onnx");
    source.remove("onnx/model_quantized.onnx");
    let options = from(WeightSource::Onnx);
    assert_eq!(convert(&source, &options, &mut Folder::new()).unwrap_err().code(), ErrorCode::MissingFile);
}

fn write(scratch: &Scratch, name: &str, folder: &Folder) -> std::path::PathBuf {
    let path = scratch.join(name);
    std::fs::create_dir_all(&path).unwrap();
    for (file, bytes) in folder {
        let file = path.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    path
}

fn load(path: &std::path::Path, options: LoadOptions) -> Embedder {
    folder::load(path, options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every export of the fixtures gives its own vectors again, in every number type.
#[test]
fn every_export_converts_and_gives_its_own_vectors() {
    let scratch = Scratch::new("exports");
    let (mut converted, mut refused) = (0, BTreeSet::new());
    for (name, path) in folders("exports") {
        let golden = golden(&path);
        let pools = !golden.vectors.contains_key("mean") && !golden.vectors.contains_key("cls");
        let pooling: Option<PoolingChoice> = (!pools).then(|| Pooling::Mean.into());
        let exact = LoadOptions {
            precision: Precision::F32,
            pooling: pooling.clone(),
            max_length: Some(golden.max_length),
            ..LoadOptions::default()
        };
        let mut original = load(&path, exact.clone());
        let original: Vec<Vec<f32>> = golden.texts.iter().map(|t| original.embed(&[t]).unwrap()).collect();
        for dtype in Dtype::ALL {
            let options =
                ConvertOptions { pooling: pooling.clone(), max_length: Some(golden.max_length), ..of(dtype) };
            let mut out = Folder::new();
            let conversion = match convert(&files(&path), &options, &mut out) {
                Ok(conversion) => conversion,
                Err(e) => {
                    // Static quantization that cuts values off.
                    assert_eq!(e.code(), ErrorCode::UnsupportedModel, "{name}: {e}");
                    assert!(e.message().contains("clips values") && name.contains('q'), "{name}: {e}");
                    refused.insert(name.clone());
                    continue;
                }
            };
            let out = write(&scratch, &format!("{name}-{}", dtype.as_str()), &out);
            let mut embedder =
                load(&out, LoadOptions { precision: Precision::F32, ..LoadOptions::default() });
            assert!(embedder.encoder().info().fused, "{name}");
            for (text, expected) in golden.texts.iter().zip(&original) {
                let actual = embedder.embed(&[text]).unwrap();
                let near = match dtype {
                    Dtype::F32 => max_abs_difference(&actual, expected) <= 2e-5,
                    Dtype::Int8 => cosine(&actual, expected) >= 0.995,
                    // 4 bits change these small random models much more than a trained model.
                    Dtype::Int4 => cosine(&actual, expected) >= 0.85,
                };
                let off = (max_abs_difference(&actual, expected), cosine(&actual, expected));
                assert!(near, "{name} in {}: {text:?}: {off:?}", dtype.as_str());
            }
            let stored = conversion.stored_dtype.unwrap();
            let quantizes = name.starts_with("int8-");
            if quantizes || name.starts_with("legacy") || name.starts_with("dynamo") {
                assert_eq!(quantizes, matches!(stored.as_str(), "int8" | "int4"), "{name}: {stored}");
            }
        }
        converted += 1;
    }
    assert!(converted - refused.len() >= 70, "{converted}, refused {refused:?}");
}

#[test]
fn command_converts_an_onnx_file_and_a_folder() {
    let scratch = Scratch::new("onnx");
    let folder = scratch.join("export");
    std::fs::create_dir_all(folder.join("onnx")).unwrap();
    let source = export_folder("legacy.onnx", "onnx/model.onnx");
    for (path, bytes) in &source {
        std::fs::write(folder.join(path), bytes).unwrap();
    }
    let file = folder.join("onnx/model.onnx");
    command::convert(&checkpoint(CHECKPOINT), &scratch.join("checkpoint"), &[]).expect_ok();
    let expected = files(&scratch.join("checkpoint"));
    for (i, from) in [&folder, &file].into_iter().enumerate() {
        let out = scratch.join(&format!("out{i}"));
        let run = command::convert(from, &out, &[]).expect_ok();
        assert!(run.stdout.contains("from onnx/model.onnx (f32)"), "{}", run.stdout);
        assert_eq!(run.stderr, "");
        assert!(files(&out) == expected, "{i}");
    }
    let missing = scratch.join("nowhere.onnx");
    command::convert(&missing, &scratch.join("out2"), &[]).expect_rejected("MISSING_FILE", &["nowhere.onnx"]);
    let text = folder.join("config.json");
    command::convert(&text, &scratch.join("out2"), &[]).expect_rejected("INVALID_ARGUMENT", &["config.json"]);
    let run =
        corom(&["convert", folder.to_str().unwrap(), scratch.join("out2").to_str().unwrap(), "--from", "tf"]);
    assert_eq!(run.status, Some(2), "{run:?}");
    assert!(!scratch.join("out2").exists());
}

#[test]
fn export_without_its_weight_file_is_rejected_by_name() {
    let (_, path) = folders("exports").into_iter().find(|(name, _)| name == "external-shards").unwrap();
    let mut source = files(&path);
    let (name, bytes) = source
        .iter()
        .find(|(name, _)| !name.ends_with(".json") && !name.ends_with(".onnx"))
        .map(|(name, bytes)| (name.clone(), bytes.clone()))
        .unwrap();
    source.write(&name, &bytes[..bytes.len() / 2]).unwrap();
    let error = convert(&source, &of(Dtype::F32), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidModel, "{error}");
    assert!(error.message().contains("truncated"), "{error}");
    source.remove(&name);
    let error = convert(&source, &of(Dtype::F32), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::MissingFile, "{error}");
    assert!(error.message().contains(&name), "{error}");
}

#[test]
fn sentence_vector_of_an_export_is_converted_or_rejected() {
    let scratch = Scratch::new("sentence-export");
    let exact = || LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let check = |name: &str, folder: &Folder, texts: &[String], vectors: &[Vec<f32>]| {
        let mut embedder = load(&write(&scratch, name, folder), exact());
        for (text, expected) in texts.iter().zip(vectors) {
            let off = max_abs_difference(&embedder.embed(&[text]).unwrap(), expected);
            assert!(off <= 2e-5, "{name}: {text:?} is off by {off}");
        }
    };
    // The graph contains a Dense module; the files say the same as the graph.
    let all = cases();
    let mut source = encoder();
    let error = convert(&source, &of(Dtype::F32), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::UnsupportedModel, "{error}");
    source.extend(all.cases["dense-tanh"].files());
    let mut out = Folder::new();
    convert(&source, &of(Dtype::F32), &mut out).unwrap();
    check("dense", &out, &all.texts, &all.cases["dense-tanh"].vectors);

    // No file says how to pool: the graph's own pooling is converted.
    let (_, path) = folders("exports").into_iter().find(|(name, _)| name == "both-outputs").unwrap();
    let golden = golden(&path);
    let mut source = files(&path);
    source.remove("configuration.json");
    let options = ConvertOptions { max_length: Some(golden.max_length), ..of(Dtype::F32) };
    let mut out = Folder::new();
    let manifest = convert(&source, &options, &mut out).unwrap().manifest;
    assert_eq!(manifest.pooling, PoolingChoice::from(Pooling::Mean));
    check("both", &out, &golden.texts, &golden.vectors["sentence_embedding"]);
    if manifest.normalize {
        let plain = ConvertOptions { normalize: Some(false), ..options };
        let error = convert(&source, &plain, &mut Folder::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    }

    // Neither a file nor the graph says.
    let mut source = export_folder("legacy.onnx", "model.onnx");
    source.remove("configuration.json");
    let error = convert(&source, &of(Dtype::F32), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PoolingUnknown, "{error}");
}
