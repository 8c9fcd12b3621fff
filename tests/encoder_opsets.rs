//! The version of the operator set decides what a node means. A file whose version is wrong is rejected, or gives the
//! same vectors; it never gives other vectors.

mod encoder_support;

use corom::config::Pooling;
use corom::encoder::onnx::pb::{ModelProto, OperatorSetIdProto};
use corom::encoder::{EncoderLoader, EncoderOptions, Precision};
use corom::error::{Error, ErrorCode};
use encoder_support::{Fixture, Golden, difference, embed};
use prost::Message;

/// The versions of the operator set that corom supports.
const SUPPORTED: std::ops::RangeInclusive<i64> = 7..=24;

fn stated(model: &mut ModelProto) -> &mut i64 {
    &mut model.opset_import.iter_mut().find(|o| o.domain.is_empty()).unwrap().version
}

/// Embeds the golden texts with the file's graph under another version of the operator set.
fn vectors(fixture: &Fixture, golden: &Golden, pooling: Pooling, opset: i64) -> Result<Vec<Vec<f32>>, Error> {
    let mut model = ModelProto::decode(&*fixture.bytes()).unwrap();
    *stated(&mut model) = opset;
    let config = fixture.config()?;
    let layers = pooling.layers(config.num_hidden_layers);
    let options = EncoderOptions { layers, precision: Precision::F32, ..EncoderOptions::default() };
    let mut encoder = EncoderLoader::new(&model.encode_to_vec(), &config, options)?.finish()?;
    embed(&mut *encoder, &golden.texts, pooling, 3)
}

#[test]
fn a_file_under_another_opset_is_rejected_or_gives_the_same_vectors() {
    let exports = [
        ("classic-op11", "cls"),
        ("legacy-op12", "mean"),
        ("classic-op13", "mean"),
        ("sentence-mean", "sentence_embedding"),
        ("legacy-op17", "cls"),
        ("dynamo-op18-sdpa", "mean"),
        ("dynamo-op20", "cls"),
        ("fused", "cls"),
        ("int8-quint8-channel", "cls"),
    ];
    for (name, key) in exports {
        let fixture = Fixture::export(name);
        let golden = Golden::of(&fixture);
        let pooling = Pooling::parse(key).unwrap_or(Pooling::Cls);
        let own = *stated(&mut ModelProto::decode(&*fixture.bytes()).unwrap());
        let original = vectors(&fixture, &golden, pooling, own).unwrap();
        let mut accepted = 0;
        for opset in SUPPORTED {
            match vectors(&fixture, &golden, pooling, opset) {
                Ok(found) => {
                    accepted += 1;
                    let error = difference(&found, &original);
                    assert!(error <= 1e-5, "{name} at opset {opset} gives other vectors: {error}");
                }
                Err(error) => {
                    assert_ne!(opset, own, "{name}: {error}");
                    assert_eq!(error.code(), ErrorCode::InvalidModel, "{name} at opset {opset}: {error}");
                }
            }
        }
        println!("{name}: {accepted} of {} versions", SUPPORTED.count());
    }
}

/// pytorch #104190, onnxruntime #17350: PyTorch wrote `axes` as an attribute into files of opset 18.
#[test]
fn axes_as_an_attribute_at_opset_18_are_rejected_by_name() {
    let fixture = Fixture::export("classic-op13");
    let error = vectors(&fixture, &Golden::of(&fixture), Pooling::Cls, 18).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidModel);
    for part in ["ReduceMean", "`axes`", "version 18"] {
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn opsets_outside_the_supported_range_are_rejected() {
    let fixture = Fixture::export("legacy-op17");
    for opset in [SUPPORTED.start() - 1, SUPPORTED.end() + 1] {
        let error = vectors(&fixture, &Golden::of(&fixture), Pooling::Cls, opset).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedModel, "{error}");
    }
}

/// onnxruntime takes the last of several entries. `ai.onnx` is another name of the domain without a name.
#[test]
fn a_file_with_two_opsets_is_rejected() {
    let fixture = Fixture::export("classic-op13");
    let config = fixture.config().unwrap();
    for (version, is_valid) in [(13, true), (18, false)] {
        for domain in ["", "ai.onnx"] {
            let mut model = ModelProto::decode(&*fixture.bytes()).unwrap();
            let other = OperatorSetIdProto { domain: domain.into(), version };
            model.opset_import.push(other);
            let layers = vec![config.num_hidden_layers];
            let options = EncoderOptions { layers, ..EncoderOptions::default() };
            match EncoderLoader::new(&model.encode_to_vec(), &config, options) {
                Ok(_) => assert!(is_valid, "`{domain}` {version}"),
                Err(error) => {
                    assert!(!is_valid, "`{domain}` {version}: {error}");
                    assert_eq!(error.code(), ErrorCode::InvalidModel);
                    assert!(error.message().contains("13 and 18"), "{error}");
                }
            }
        }
    }
}

/// onnxruntime writes a `Sum` where it replaces Gelu by its definition.
#[test]
fn a_sum_of_two_is_an_add() {
    for name in ["dynamo-op20", "classic-op13"] {
        let fixture = Fixture::export(name);
        let golden = Golden::of(&fixture);
        let config = fixture.config().unwrap();
        let mut model = ModelProto::decode(&*fixture.bytes()).unwrap();
        let graph = model.graph.as_mut().unwrap();
        let floats: Vec<&String> =
            graph.initializer.iter().filter(|t| t.data_type == 1).map(|t| &t.name).collect();
        let mut changed = 0;
        for node in graph.node.iter_mut().filter(|n| n.op_type == "Add") {
            if node.input.iter().any(|input| floats.contains(&input)) {
                node.op_type = "Sum".into();
                changed += 1;
            }
        }
        assert!(changed >= 6, "{name}: {changed}");
        let layers = vec![config.num_hidden_layers];
        let options = EncoderOptions { layers, precision: Precision::F32, ..EncoderOptions::default() };
        let mut encoder =
            EncoderLoader::new(&model.encode_to_vec(), &config, options).unwrap().finish().unwrap();
        assert!(encoder.info().fused, "{name}");
        let vectors = embed(&mut *encoder, &golden.texts, Pooling::Cls, 0).unwrap();
        assert!(difference(&vectors, &golden.vectors["cls"]) <= golden.tolerance, "{name}");
    }
}
