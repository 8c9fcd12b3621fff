//! Models that are no BERT, or do not match their configuration, are rejected with a code and a clear message.

mod encoder_support;

use std::collections::BTreeMap;

use corom::batch::Batch;
use corom::config::Pooling;
use corom::encoder::Encoder;
use corom::encoder::onnx::external_files;
use corom::encoder::onnx::pb::{StringStringEntryProto, TensorProto};
use corom::encoder::unfused::UnfusedEncoder;
use corom::encoder::{EncoderLoader, EncoderOptions};
use corom::error::{Error, ErrorCode};
use encoder_support::{Fixture, Golden, difference, embed, folders};

fn code(result: Result<impl Sized, Error>) -> ErrorCode {
    match result {
        Ok(_) => panic!("the call succeeds"),
        Err(error) => {
            assert!(error.message().len() > 20, "{error}");
            error.code()
        }
    }
}

#[test]
fn encoder_rejects_unsupported_models_by_name() {
    for fixture in folders("refused") {
        let expected = fixture.json("expect.json");
        // This folder differs in its tokenizer only: see `tests/embedder.rs`.
        if fixture.name == "bigger-tokenizer" {
            continue;
        }
        let error = fixture.load(Pooling::Cls).err().unwrap_or_else(|| panic!("{} loads", fixture.name));
        assert_eq!(error.code().as_str(), expected["code"], "{}: {error}", fixture.name);
        for part in expected["message_contains"].as_array().unwrap() {
            let part = part.as_str().unwrap();
            assert!(error.to_string().contains(part), "{}: `{error}` does not say {part}", fixture.name);
        }
    }
}

#[test]
fn encoder_rejects_config_with_other_sizes() {
    for name in ["legacy-op17", "dynamo-op20", "classic-op11", "fused", "fused-int8"] {
        check_sizes(&Fixture::export(name));
    }
}

fn check_sizes(fixture: &Fixture) {
    let config = fixture.config().unwrap();
    let load = |change: &dyn Fn(&mut corom::config::BertConfig)| {
        let mut config = config.clone();
        change(&mut config);
        UnfusedEncoder::load(&fixture.bytes(), BTreeMap::new(), &config, &[config.num_hidden_layers])
    };
    assert!(load(&|_| {}).is_ok());
    assert_eq!(code(load(&|c| c.vocab_size += 1)), ErrorCode::TokenizerMismatch);
    assert_eq!(code(load(&|c| c.vocab_size -= 1)), ErrorCode::TokenizerMismatch);
    assert_eq!(code(load(&|c| c.hidden_size *= 2)), ErrorCode::UnsupportedModel);
    assert_eq!(code(load(&|c| c.type_vocab_size += 1)), ErrorCode::UnsupportedModel);
    assert_eq!(code(load(&|c| c.max_position_embeddings += 1)), ErrorCode::UnsupportedModel);
    assert!(load(&|c| c.max_position_embeddings -= 1).is_ok());
}

#[test]
fn encoder_finds_hidden_layers_that_are_no_outputs() {
    // A graph without these outputs gives the vectors of the graph with them.
    for name in ["hidden-states", "hidden-states-dynamo"] {
        let fixture = Fixture::export(name);
        let golden = Golden::of(&fixture);
        let bytes = without_hidden_states(&fixture.bytes());
        let config = fixture.config().unwrap();
        for pooling in [Pooling::AvgTop2, Pooling::AvgFirstLast] {
            let layers = pooling.layers(config.num_hidden_layers);
            let mut encoder = UnfusedEncoder::load(&bytes, BTreeMap::new(), &config, &layers).unwrap();
            let vectors = embed(&mut encoder, &golden.texts, pooling, 0).unwrap();
            let error = difference(&vectors, &golden.vectors[pooling.as_str()]);
            assert!(error <= 1e-4, "{name} {}: {error}", pooling.as_str());
        }
    }
}

#[test]
fn encoder_gives_every_layer_or_rejects_with_unsupported_pooling() {
    for fixture in folders("exports") {
        match fixture.load(Pooling::AvgTop2) {
            Ok(encoder) => assert!(!encoder.info().pooled),
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::UnsupportedPooling, "{}: {error}", fixture.name);
            }
        }
    }
    let mut config = Fixture::export("legacy-op17").config().unwrap();
    config.num_hidden_layers += 1;
    let bytes = Fixture::export("legacy-op17").bytes();
    let result = UnfusedEncoder::load(&bytes, BTreeMap::new(), &config, &[3, 2]);
    assert_eq!(code(result), ErrorCode::UnsupportedPooling);
}

fn without_hidden_states(bytes: &[u8]) -> Vec<u8> {
    use prost::Message;
    let mut model = corom::encoder::onnx::pb::ModelProto::decode(bytes).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.output.retain(|o| o.name == "last_hidden_state");
    model.encode_to_vec()
}

#[test]
fn encoder_rejects_missing_short_and_misplaced_external_data() {
    let fixture = Fixture::export("external-shards");
    let config = fixture.config().unwrap();
    let layers = [config.num_hidden_layers];
    let files = external_files(&fixture.bytes()).unwrap();
    assert_eq!(files.len(), 3);
    let external = fixture.external().unwrap();
    for file in &files {
        assert!(external[&file.path].len() as u64 >= file.min_size, "{}", file.path);
        let mut missing = external.clone();
        missing.remove(&file.path);
        let error = UnfusedEncoder::load(&fixture.bytes(), missing, &config, &layers).unwrap_err();
        assert_eq!(error.code(), ErrorCode::MissingFile);
        assert!(error.message().contains(&file.path));
        let mut short = external.clone();
        short.get_mut(&file.path).unwrap().truncate(file.min_size as usize - 1);
        assert_eq!(
            code(UnfusedEncoder::load(&fixture.bytes(), short, &config, &layers)),
            ErrorCode::InvalidModel
        );
    }
    for path in ["../model.onnx_data", "/etc/passwd", "a\\b", "https://x/y", ""] {
        let bytes = with_location(&fixture.bytes(), path);
        assert_eq!(code(external_files(&bytes)), ErrorCode::InvalidModel, "{path}");
    }
}

fn with_location(bytes: &[u8], path: &str) -> Vec<u8> {
    with_tensors(bytes, |tensors| {
        for entry in tensors.iter_mut().flat_map(|t| &mut t.external_data).filter(|e| e.key == "location") {
            path.clone_into(&mut entry.value);
        }
    })
}

fn with_tensors(bytes: &[u8], edit: impl FnOnce(&mut Vec<TensorProto>)) -> Vec<u8> {
    use prost::Message;
    let mut model = corom::encoder::onnx::pb::ModelProto::decode(bytes).unwrap();
    edit(&mut model.graph.as_mut().unwrap().initializer);
    model.encode_to_vec()
}

#[test]
fn encoder_rejects_thousands_of_tensors_over_one_file_but_not_tied_weights() {
    let onnx = Fixture::export("external-shards").bytes();
    let copied = |copies: usize| {
        with_tensors(&onnx, |tensors| {
            let external: Vec<TensorProto> =
                tensors.iter().filter(|t| !t.external_data.is_empty()).cloned().collect();
            for copy in 0..copies {
                let renamed =
                    |t: &TensorProto| TensorProto { name: format!("{}.{copy}", t.name), ..t.clone() };
                tensors.extend(external.iter().map(renamed));
            }
        })
    };
    let original = external_files(&onnx).unwrap();
    for copies in [1, 3] {
        assert_eq!(external_files(&copied(copies)).unwrap(), original);
    }
    for copies in [5, 1000] {
        assert_eq!(code(external_files(&copied(copies))), ErrorCode::InvalidModel);
    }
}

/// A file may be smaller than its tensors claim. The loader counts the bytes that it hands out, and stops early.
#[test]
fn encoder_loader_rejects_overlapping_tensors_as_bytes_arrive() {
    let fixture = Fixture::export("external-dynamo");
    let onnx = with_tensors(&fixture.bytes(), |tensors| {
        for tensor in tensors.iter_mut().filter(|t| !t.external_data.is_empty()) {
            tensor.external_data.retain(|entry| entry.key == "length");
            let location = StringStringEntryProto { key: "location".into(), value: "model.onnx_data".into() };
            tensor.external_data.push(location);
        }
        let mut far = tensors.iter().find(|t| !t.external_data.is_empty()).unwrap().clone();
        far.name = "far".into();
        far.external_data.push(StringStringEntryProto { key: "offset".into(), value: "1000000000".into() });
        tensors.push(far);
    });
    assert_eq!(external_files(&onnx).unwrap().len(), 1, "a distant tensor hides the overlap");
    let options = EncoderOptions { layers: vec![2], ..EncoderOptions::default() };
    let mut loader = EncoderLoader::new(&onnx, &fixture.config().unwrap(), options).unwrap();
    loader.begin("model.onnx_data");
    let error = loader.write("model.onnx_data", 0, &[0; 4096]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidModel);
    assert!(error.message().contains("overlap"), "{error}");
}

#[test]
fn encoder_rejects_invalid_batches_and_stays_usable() {
    let fixture = Fixture::export("legacy-op17");
    let golden = Golden::of(&fixture);
    let mut encoder = fixture.load(Pooling::Cls).unwrap();
    let vocabulary = fixture.config().unwrap().vocab_size as u32;
    let good = Batch::new(golden.texts.iter().map(|t| (&t.ids[..], &t.types[..])));
    let mut refuse = |change: &dyn Fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        code(encoder.forward(&batch))
    };
    assert_eq!(refuse(&|b| b.input_ids[3] = vocabulary), ErrorCode::TokenIdOutOfRange);
    assert_eq!(refuse(&|b| b.input_ids[3] = u32::MAX), ErrorCode::TokenIdOutOfRange);
    assert_eq!(refuse(&|b| b.token_type_ids[0] = 2), ErrorCode::TokenIdOutOfRange);
    assert_eq!(refuse(&|b| b.token_type_ids.truncate(5)), ErrorCode::InvalidArgument);
    assert_eq!(refuse(&|b| b.input_ids.truncate(5)), ErrorCode::InvalidArgument);
    assert_eq!(refuse(&|b| b.cu_seqlens.clear()), ErrorCode::InvalidArgument);
    assert_eq!(refuse(&|b| b.cu_seqlens[0] = 1), ErrorCode::InvalidArgument);
    assert_eq!(refuse(&|b| b.cu_seqlens[1] = 99), ErrorCode::InvalidArgument);
    assert_eq!(refuse(&|b| b.cu_seqlens[1] = b.cu_seqlens[2]), ErrorCode::InvalidArgument);
    let long = vec![5u32; 65];
    let long = Batch::new([(&long[..], &long[..])]);
    assert_eq!(refuse(&|b| *b = long.clone()), ErrorCode::InvalidArgument);
    let vectors = embed(&mut encoder, &golden.texts, Pooling::Cls, 0).unwrap();
    assert!(difference(&vectors, &golden.vectors["cls"]) <= 1e-4);
}

#[test]
fn static_export_embeds_any_number_of_texts() {
    let fixture = Fixture::export("static-2x16-legacy");
    let golden = Golden::of(&fixture);
    let mut encoder = fixture.load(Pooling::Mean).unwrap();
    assert_eq!((encoder.info().static_batch, encoder.info().static_sequence), (Some(2), Some(16)));
    let texts = &golden.texts[..5];
    let vectors = embed(&mut encoder, texts, Pooling::Mean, 0).unwrap();
    assert!(difference(&vectors, &golden.vectors["mean"][..5]) <= 1e-4);
}
