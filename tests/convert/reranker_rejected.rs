//! Rerankers that are rejected, while converting and while loading.

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::convert::{ConvertOptions, add_self_test, convert, load_folder, load_reranker_folder};
use corom::encoder::onnx::pb::{DimensionValue, ModelProto, type_proto};
use corom::error::{Error, ErrorCode};
use corom::model::{LoadOptions, Task};
use prost::Message;
use serde_json::{Value, json};

use crate::command::checkpoint;
use crate::generated;
use crate::support::{files, fixtures};

type Folder = BTreeMap<String, Vec<u8>>;

/// The tensors of a safetensors file: type, shape and bytes by name.
type Tensors = BTreeMap<String, (Value, Vec<usize>, Vec<u8>)>;

/// Returns the checkpoint of a cross-encoder with changed tensors.
fn with_tensors(edit: impl FnOnce(&mut Tensors)) -> Folder {
    let mut folder = files(&checkpoint("cross-encoder-safetensors"));
    let bytes = &folder["model.safetensors"];
    let start = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..start]).unwrap();
    let mut tensors = Tensors::new();
    for (name, tensor) in header.into_iter().filter(|(name, _)| name != "__metadata__") {
        let [from, to] = [0, 1].map(|end| start + tensor["data_offsets"][end].as_u64().unwrap() as usize);
        let shape = serde_json::from_value(tensor["shape"].clone()).unwrap();
        tensors.insert(name, (tensor["dtype"].clone(), shape, bytes[from..to].to_vec()));
    }
    edit(&mut tensors);
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, (dtype, shape, bytes)) in tensors {
        let offsets = [data.len(), data.len() + bytes.len()];
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
        data.extend(bytes);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat();
    folder.insert("model.safetensors".into(), bytes);
    folder
}

/// Returns a tensor of zeros.
fn zeros(shape: &[usize]) -> (Value, Vec<usize>, Vec<u8>) {
    (json!("F32"), shape.to_vec(), vec![0; shape.iter().product::<usize>() * 4])
}

fn with_config(mut folder: Folder, key: &str, value: &Value) -> Folder {
    let mut config: Value = serde_json::from_slice(&folder["config.json"]).unwrap();
    config[key] = value.clone();
    folder.insert("config.json".into(), serde_json::to_vec(&config).unwrap());
    folder
}

fn expect(error: &Error, code: ErrorCode, words: &[&str]) {
    assert_eq!(error.code(), code, "{error}");
    for word in words {
        assert!(error.message().contains(word), "`{word}` is not in: {error}");
    }
}

#[test]
fn checkpoints_without_a_score_per_pair_are_rejected() {
    let hidden = {
        let config: Value =
            serde_json::from_slice(&files(&checkpoint("cross-encoder-safetensors"))["config.json"]).unwrap();
        config["hidden_size"].as_u64().unwrap() as usize
    };
    let labels = |count: usize| {
        with_tensors(|tensors| {
            tensors.insert("classifier.weight".into(), zeros(&[count, hidden]));
            tensors.insert("classifier.bias".into(), zeros(&[count]));
        })
    };
    let without = |part: &str| with_tensors(|tensors| tensors.retain(|key, _| !key.contains(part)));
    let with =
        |name: &str, shape: &[usize]| with_tensors(|tensors| drop(tensors.insert(name.into(), zeros(shape))));
    let (unsupported, invalid) = (ErrorCode::UnsupportedModel, ErrorCode::InvalidCheckpoint);
    let one = || files(&checkpoint("cross-encoder-safetensors"));
    let cases = [
        ("three labels", labels(3), unsupported, ["`classifier.weight` has 3 labels", "--ignore-head"]),
        (
            "no classifier",
            without("classifier"),
            invalid,
            ["configuration.json", "`classifier.weight` is missing"],
        ),
        ("no pooler", without("pooler"), invalid, ["has a classifier", "bert.pooler.dense.weight"]),
        ("no bias", without("classifier.bias"), invalid, ["has a classifier", "classifier.bias"]),
        (
            "another width",
            with("classifier.weight", &[1, 7]),
            invalid,
            ["classifier.weight", "expected [1 or 2"],
        ),
        (
            "another layer",
            with("score.weight", &[1, hidden]),
            unsupported,
            ["`score.weight`", "--ignore-head"],
        ),
        (
            "regression",
            with_config(one(), "problem_type", &json!("regression")),
            unsupported,
            ["regression", "no probability"],
        ),
        (
            "two labels that do not exclude each other",
            with_config(labels(2), "problem_type", &json!("multi_label_classification")),
            unsupported,
            ["multi_label_classification", "do not exclude each other"],
        ),
    ];
    for (name, source, code, words) in cases {
        let mut out = Folder::new();
        let error = convert(&source, &ConvertOptions::default(), &mut out).map(drop).unwrap_err();
        println!("{name}: {error}");
        expect(&error, code, &words);
        assert!(out.is_empty(), "{name}");
    }
    // Two labels alone are a reranker, and so is another kind of problem with one.
    for source in [labels(2), with_config(one(), "problem_type", &json!("multi_label_classification"))] {
        convert(&source, &ConvertOptions::default(), &mut Folder::new()).unwrap();
    }
    // Without files that say what it is, a checkpoint without a classifier lacks a pooling.
    let mut plain = with_config(without("classifier"), "architectures", &json!(["BertModel"]));
    plain.remove("configuration.json");
    let error = convert(&plain, &ConvertOptions::default(), &mut Folder::new()).map(drop).unwrap_err();
    assert_eq!(error.code(), ErrorCode::PoolingUnknown);
    // A pooling makes it an embedding model, whatever class it was once trained as.
    let pooling = Some(Pooling::Cls.into());
    let options = ConvertOptions { pooling, ..ConvertOptions::default() };
    assert_eq!(
        convert(&without("classifier"), &options, &mut Folder::new()).unwrap().manifest.task,
        Task::Embed
    );
}

#[test]
fn exports_with_other_labels_are_rejected_by_both_classes_and_the_converter() {
    let path = fixtures().join("rerankers/two-labels");
    let mut folder = files(&path);
    folder.extend(generated::external_data(&path));
    let regression = with_config(folder.clone(), "problem_type", &json!("regression"));
    let error = load_reranker_folder(&regression, LoadOptions::default()).map(drop).unwrap_err();
    expect(&error, ErrorCode::UnsupportedModel, &["problem_type is `regression`"]);

    let mut model = ModelProto::decode(folder["model.onnx"].as_slice()).unwrap();
    let renamed = {
        let mut model = model.clone();
        let graph = model.graph.as_mut().unwrap();
        graph.output[0].name = "scores_of_topics".into();
        for name in graph.node.iter_mut().flat_map(|node| &mut node.output).filter(|name| *name == "logits") {
            *name = "scores_of_topics".into();
        }
        model
    };
    let output = &mut model.graph.as_mut().unwrap().output[0];
    let Some(type_proto::Value::TensorType(tensor)) = output.r#type.as_mut().and_then(|of| of.value.as_mut())
    else {
        panic!("the output has no type");
    };
    tensor.shape.as_mut().unwrap().dim[1].value = Some(DimensionValue::DimValue(3));
    folder.insert("model.onnx".into(), model.encode_to_vec());
    let words = &["`logits` has 3 labels"][..];
    let code = ErrorCode::UnsupportedModel;
    expect(&load_reranker_folder(&folder, LoadOptions::default()).map(drop).unwrap_err(), code, words);
    expect(&load_folder(&folder, LoadOptions::default()).map(drop).unwrap_err(), code, words);
    let converted = convert(&folder, &ConvertOptions::default(), &mut Folder::new());
    expect(&converted.map(drop).unwrap_err(), code, words);
    // The only output with one or two columns counts, whatever its name.
    folder.insert("model.onnx".into(), renamed.encode_to_vec());
    assert_eq!(load_reranker_folder(&folder, LoadOptions::default()).unwrap().labels(), 2);
}

#[test]
fn options_about_vectors_do_not_apply_to_rerankers() {
    let source = files(&checkpoint("cross-encoder"));
    let mut folder = Folder::new();
    let max_length = Some(4);
    convert(&source, &ConvertOptions { max_length, ..ConvertOptions::default() }, &mut folder).unwrap();
    for (name, options) in [
        ("pooling", LoadOptions { pooling: Some(Pooling::Cls.into()), ..LoadOptions::default() }),
        ("normalize", LoadOptions { normalize: Some(false), ..LoadOptions::default() }),
        ("ignoreHead", LoadOptions { ignore_head: true, ..LoadOptions::default() }),
        ("at least 4", LoadOptions { max_length: Some(3), ..LoadOptions::default() }),
    ] {
        let error = load_reranker_folder(&folder, options).map(drop).unwrap_err();
        expect(&error, ErrorCode::InvalidArgument, &[name]);
    }
    assert!(load_reranker_folder(&folder, LoadOptions::default()).is_ok());
}

#[test]
fn manifest_of_a_reranker_is_checked_and_its_self_test_runs() {
    let source = files(&checkpoint("cross-encoder"));
    let mut folder = Folder::new();
    let mut conversion = convert(&source, &ConvertOptions::default(), &mut folder).unwrap();
    let written = folder.clone();
    add_self_test(&mut conversion, &written, &mut folder).unwrap();
    let manifest: Value = serde_json::from_slice(&folder["corom.json"]).unwrap();
    let load = |edit: &dyn Fn(&mut Value)| {
        let mut manifest = manifest.clone();
        edit(&mut manifest);
        let mut folder = folder.clone();
        folder.insert("corom.json".into(), serde_json::to_vec(&manifest).unwrap());
        load_reranker_folder(&folder, LoadOptions::default()).map(drop)
    };
    load(&|_| {}).unwrap();
    let logit = manifest["self_test"]["vectors"][1][0].as_f64().unwrap();
    let failed = load(&|manifest| manifest["self_test"]["vectors"][1][0] = json!(logit + 0.5)).unwrap_err();
    expect(&failed, ErrorCode::SelfTestFailed, &["the logit", "instead of"]);
    // The measured error widens the limit, but not without end.
    let measured = |error: f64| {
        load(&move |manifest| {
            manifest["self_test"]["vectors"][1][0] = json!(logit + 0.3);
            manifest["self_test"]["measured_logits"] = json!({ "exact": error, "relaxed": error });
        })
    };
    measured(0.2).unwrap();
    let far = load(&|manifest| {
        manifest["self_test"]["vectors"][1][0] = json!(logit + 5.0);
        manifest["self_test"]["measured_logits"] = json!({ "exact": 1e30, "relaxed": 1e30 });
    });
    assert_eq!(far.unwrap_err().code(), ErrorCode::SelfTestFailed);
    let contradictions: [&dyn Fn(&mut Value); 6] = [
        &|manifest| drop(manifest["self_test"].as_object_mut().unwrap().remove("query")),
        &|manifest| manifest["pooling"] = json!("cls"),
        &|manifest| manifest["dimension"] = json!(3),
        &|manifest| manifest["format_version"] = json!(2),
        &|manifest| manifest["task"] = json!("classify"),
        &|manifest| manifest["self_test"]["vectors"][0] = json!([0.5, 0.5]),
    ];
    for (at, edit) in contradictions.iter().enumerate() {
        assert_eq!(load(edit).unwrap_err().code(), ErrorCode::InvalidConfig, "contradiction {at}");
    }
}
