//! Tests the lineage that `corom convert` writes, and the one that a load reports.

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::convert::{ConvertOptions, Dtype, convert, load_folder};
use corom::error::ErrorCode;
use corom::lineage::Lineage;
use corom::model::LoadOptions;

use crate::command::checkpoint;
use crate::support::{files, fixtures};

type Folder = BTreeMap<String, Vec<u8>>;

fn converted(source: &Folder, options: &ConvertOptions) -> (Folder, Lineage) {
    let mut folder = Folder::new();
    let conversion = convert(source, options, &mut folder).unwrap();
    (folder, conversion.manifest.lineage.unwrap())
}

fn with_dtype(dtype: Dtype) -> ConvertOptions {
    ConvertOptions { dtype, ..ConvertOptions::default() }
}

fn with_pooling(pooling: Pooling) -> ConvertOptions {
    ConvertOptions { pooling: Some(pooling.into()), ..ConvertOptions::default() }
}

fn skip_self_test() -> LoadOptions {
    LoadOptions { skip_self_test: true, ..LoadOptions::default() }
}

#[test]
fn number_types_of_one_model_share_its_lineage_and_other_models_do_not() {
    let mut lineages = Vec::new();
    for name in ["prefix-model", "safetensors", "wide", "ernie-task", "roberta", "act-relu"] {
        let source = files(&checkpoint(name));
        let (float, lineage) = converted(&source, &ConvertOptions::default());
        for dtype in [Dtype::Int8, Dtype::Int4] {
            let (folder, quantized) = converted(&source, &with_dtype(dtype));
            assert_eq!(quantized, lineage, "{name} {dtype:?}");
            assert_eq!(load_folder(&folder, skip_self_test()).unwrap().lineage(), Some(&lineage));
            // A folder of corom's that is converted again, from float and from quantized weights.
            assert_eq!(converted(&float, &with_dtype(dtype)).1, lineage, "{name} {dtype:?}");
            assert_eq!(converted(&folder, &with_dtype(Dtype::Int4)).1, lineage, "{name} {dtype:?}");
        }
        lineages.push((name, lineage));
    }
    for (i, (name, lineage)) in lineages.iter().enumerate() {
        for (other, another) in &lineages[..i] {
            assert!(!lineage.is_same_model(another), "{name} and {other}");
        }
    }
}

#[test]
fn file_formats_of_one_model_share_its_lineage() {
    let lineage = converted(&files(&checkpoint("safetensors")), &ConvertOptions::default()).1;
    // `model.onnx` was exported from the same checkpoint.
    let mut both = files(&checkpoint("safetensors"));
    both.extend(files(&fixtures().join("onnx_of_checkpoints/safetensors")));
    for onnx in ["legacy.onnx", "dynamo.onnx"] {
        let options = ConvertOptions { onnx: Some(onnx.into()), ..ConvertOptions::default() };
        assert_eq!(converted(&both, &options).1, lineage, "{onnx}");
    }
}

#[test]
fn one_weight_and_one_token_make_another_model() {
    let source = files(&checkpoint("safetensors"));
    let lineage = converted(&source, &ConvertOptions::default()).1;
    let mut weights = source;
    let last = weights.get_mut("model.safetensors").unwrap();
    let at = last.len() - 1;
    last[at] ^= 0x80; // the sign of one value
    assert!(!converted(&weights, &ConvertOptions::default()).1.is_same_model(&lineage));
    let mut tokens = files(&checkpoint("prefix-model"));
    let lineage = converted(&tokens, &ConvertOptions::default()).1;
    let text = String::from_utf8(tokens["vocab.txt"].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut swapped = lines.clone();
    swapped.swap(lines.len() - 1, lines.len() - 2);
    tokens.insert("vocab.txt".into(), swapped.join("\n").into_bytes());
    assert!(!converted(&tokens, &ConvertOptions::default()).1.is_same_model(&lineage));
}

#[test]
fn pooling_and_normalization_change_the_second_part_in_conversions_and_loads() {
    let source = files(&checkpoint("prefix-model"));
    let (folder, own) = converted(&source, &with_pooling(Pooling::Cls));
    let mean = converted(&source, &with_pooling(Pooling::Mean)).1;
    assert!(mean != own && mean.is_same_model(&own));
    let load = |options| load_folder(&folder, options).unwrap().lineage().cloned();
    let options = LoadOptions { pooling: Some(Pooling::Mean.into()), ..skip_self_test() };
    assert_eq!(load(options), Some(mean));
    let normalized = ConvertOptions { normalize: Some(true), ..with_pooling(Pooling::Cls) };
    let normalized = converted(&source, &normalized).1;
    assert!(normalized != own && normalized.is_same_model(&own));
    assert_eq!(load(LoadOptions { normalize: Some(true), ..skip_self_test() }), Some(normalized));
    // The length chooses among the vectors of one space.
    assert_eq!(load(LoadOptions { max_length: Some(8), ..skip_self_test() }), Some(own.clone()));
    let cased = load(LoadOptions { lowercase: Some(false), ..skip_self_test() }).unwrap();
    assert!(cased != own && cased.is_same_model(&own));
}

#[test]
fn quantized_folder_with_other_files_keeps_no_lineage() {
    let (mut folder, _) = converted(&files(&checkpoint("wide")), &with_dtype(Dtype::Int8));
    let weights = folder.get_mut("model.onnx_data_000").unwrap();
    weights[100] ^= 1;
    let error = convert(&folder, &with_dtype(Dtype::Int4), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::IntegrityMismatch, "{error}");
    assert!(error.message().contains("model.onnx_data_000"), "{error}");
}

#[test]
fn folder_without_a_lineage_loads_and_reports_none() {
    let (mut folder, _) = converted(&files(&checkpoint("wide")), &ConvertOptions::default());
    let text = String::from_utf8(folder["corom.json"].clone()).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest.as_object_mut().unwrap().remove("lineage");
    folder.insert("corom.json".into(), manifest.to_string().into_bytes());
    assert_eq!(load_folder(&folder, skip_self_test()).unwrap().lineage(), None);
    manifest["lineage"] = "abc".into();
    folder.insert("corom.json".into(), manifest.to_string().into_bytes());
    let error = load_folder(&folder, skip_self_test()).err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidConfig, "{error}");
    assert!(error.message().contains("32 hex digits"), "{error}");
}

/// Adds the file that `corom distill` writes.
fn distilled(source: &mut Folder, student: &Lineage) -> Lineage {
    let teacher = Lineage::try_from(format!("{}-{}", "a".repeat(32), "b".repeat(16))).unwrap();
    let json = serde_json::json!({ "teacher": teacher, "student": student });
    source.insert("distillation.json".into(), json.to_string().into_bytes());
    teacher
}

#[test]
fn a_distilled_model_names_its_teacher_as_long_as_its_vectors_are_the_same() {
    let mut source = files(&checkpoint("prefix-model"));
    let (_, student) = converted(&source, &with_pooling(Pooling::Cls));
    let teacher = distilled(&mut source, &student);
    let manifest = |source: &Folder, options: &ConvertOptions| {
        let mut folder = Folder::new();
        (convert(source, options, &mut folder).unwrap().manifest.distilled_from, folder)
    };
    let (stated, float) = manifest(&source, &with_pooling(Pooling::Cls));
    assert_eq!(stated.as_ref(), Some(&teacher));
    // Other number types, from the checkpoint and from a folder.
    let int8 = manifest(&float, &with_dtype(Dtype::Int8));
    assert_eq!(int8.0.as_ref(), Some(&teacher));
    assert_eq!(manifest(&int8.1, &with_dtype(Dtype::Int4)).0.as_ref(), Some(&teacher));
    let load = |options| load_folder(&int8.1, options).unwrap().distilled_from().cloned();
    assert_eq!(load(skip_self_test()), Some(teacher));
    // Options that change vectors.
    assert_eq!(load(LoadOptions { pooling: Some(Pooling::Mean.into()), ..skip_self_test() }), None);
    assert_eq!(load(LoadOptions { normalize: Some(true), ..skip_self_test() }), None);
    assert_eq!(manifest(&float, &with_pooling(Pooling::Mean)).0, None);
}

#[test]
fn the_file_of_a_distillation_belongs_to_its_weights_and_settings() {
    let mut source = files(&checkpoint("prefix-model"));
    let (_, student) = converted(&source, &with_pooling(Pooling::Cls));
    distilled(&mut source, &student);
    let fails = |source: &Folder, pooling, message: &str| {
        let error = convert(source, &with_pooling(pooling), &mut Folder::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidCheckpoint, "{error}");
        assert!(error.message().contains(message), "{error}");
    };
    fails(&source, Pooling::Mean, "options that change vectors");
    let mut trained = source.clone();
    let file = trained.iter_mut().find(|(name, _)| name.starts_with("model.") || name.starts_with("pytorch"));
    let (_, weights) = file.unwrap();
    let middle = weights.len() / 2;
    weights[middle] ^= 0x80;
    fails(&trained, Pooling::Cls, "remove the file");
    source.insert("distillation.json".into(), b"{\"teacher\": 3}".to_vec());
    fails(&source, Pooling::Cls, "cannot be read");
}
