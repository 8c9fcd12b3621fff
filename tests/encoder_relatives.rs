//! BERT's relatives run by what their graphs compute: fused if the plan has every part, else unfused, with the vectors
//! of PyTorch in both cases.

mod encoder_support;

use corom::batch::Batch;
use corom::config::Pooling;
use corom::encoder::onnx::pb::ModelProto;
use corom::encoder::{BackendChoice, Encoder, EncoderLoader, EncoderOptions, EncoderOutput, Precision};
use corom::error::ErrorCode;
use encoder_support::{Fixture, Golden, Text, difference, embed, fixtures, folders};
use prost::Message;

const BACKENDS: [BackendChoice; 3] = [BackendChoice::Auto, BackendChoice::Unfused, BackendChoice::Reference];

fn load(fixture: &Fixture, backend: BackendChoice) -> Box<dyn Encoder> {
    let options = EncoderOptions { precision: Precision::F32, backend, ..EncoderOptions::default() };
    fixture.load_fused(Pooling::Mean, options).unwrap_or_else(|e| panic!("{}: {e}", fixture.name))
}

#[test]
fn relatives_give_their_authors_vectors() {
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(fixtures().join("relatives/index.json")).unwrap()).unwrap();
    for fixture in folders("relatives") {
        let golden = Golden::of(&fixture);
        for backend in BACKENDS {
            let mut encoder = load(&fixture, backend);
            if backend == BackendChoice::Auto {
                println!("{}: fused {}", fixture.name, encoder.info().fused);
                assert_eq!(index[&fixture.name]["fused"], encoder.info().fused, "{}", fixture.name);
            }
            for (name, pooling) in [("cls", Pooling::Cls), ("mean", Pooling::Mean)] {
                for padding in [0, 3] {
                    let vectors = embed(&mut *encoder, &golden.texts, pooling, padding).unwrap();
                    let error = difference(&vectors, &golden.vectors[name]);
                    assert!(error <= golden.tolerance, "{} {name}: {error}", fixture.name);
                }
            }
        }
    }
}

/// The position table of these models has 66 rows, of which text uses 64.
#[test]
fn position_tables_that_begin_late_limit_the_length() {
    let exports = ["roberta-legacy", "xlm-roberta-dynamo", "camembert-legacy"].map(Fixture::export);
    for fixture in
        exports.into_iter().chain(folders("relatives").into_iter().filter(|f| f.name.starts_with("mpnet")))
    {
        for backend in BACKENDS {
            let mut encoder = load(&fixture, backend);
            assert_eq!(encoder.info().max_tokens, 64, "{}", fixture.name);
            let mut run = |tokens: usize| {
                let ids: Vec<u32> = (0..tokens as u32).map(|i| 5 + i).collect();
                let types = vec![0; tokens];
                encoder.forward(&Batch::new([(&ids[..], &types[..])])).map_err(|e| e.code())
            };
            assert!(matches!(run(64), Ok(EncoderOutput::Hidden(_))), "{}", fixture.name);
            assert_eq!(run(65), Err(ErrorCode::InvalidArgument), "{}", fixture.name);
            assert!(run(64).is_ok());
        }
    }
}

/// A pad token within a text does not count, and all back ends agree with the graph as it is.
#[test]
fn pad_tokens_within_a_text_stand_still() {
    let fixture = Fixture::export("roberta-dynamo");
    let texts: Vec<Text> = [&[1, 1, 7, 9][..], &[7, 1, 9, 1, 1, 8], &[1], &[7, 9, 8, 1]]
        .into_iter()
        .map(|ids| Text { ids: ids.to_vec(), types: vec![0; ids.len()] })
        .collect();
    let [fused, unfused, reference] = BACKENDS.map(|backend| {
        let mut encoder = load(&fixture, backend);
        embed(&mut *encoder, &texts, Pooling::Mean, 2).unwrap()
    });
    assert!(difference(&fused, &unfused) < 1e-5 && difference(&fused, &reference) < 1e-5);
    // Without the first pad tokens, all tokens keep their positions.
    let mut encoder = load(&fixture, BackendChoice::Auto);
    let moved = embed(&mut *encoder, &texts[..1], Pooling::Cls, 0).unwrap();
    let other = embed(&mut *encoder, &texts[1..2], Pooling::Cls, 0).unwrap();
    assert!(difference(&moved, &other) > 1e-2, "the first tokens differ");
}

/// The name of the kind of model is not evidence.
#[test]
fn a_bert_graph_runs_whatever_config_json_calls_it() {
    let fixture = Fixture::export("legacy-op17");
    let golden = Golden::of(&fixture);
    let mut config = fixture.json("config.json");
    for kind in ["ernie", "nezha", "roberta", "xlm-roberta", "camembert", "t5", "qwerty"] {
        config["model_type"] = kind.into();
        config["position_embedding_type"] = "relative_key".into();
        let config = corom::config::BertConfig::from_json(config.to_string().as_bytes()).unwrap();
        let options =
            EncoderOptions { layers: vec![2], precision: Precision::F32, ..EncoderOptions::default() };
        let mut encoder = EncoderLoader::new(&fixture.bytes(), &config, options).unwrap().finish().unwrap();
        assert!(encoder.info().fused, "{kind}");
        let vectors = embed(&mut *encoder, &golden.texts, Pooling::Cls, 3).unwrap();
        assert!(difference(&vectors, &golden.vectors["cls"]) <= golden.tolerance, "{kind}");
    }
}

/// Returns a graph whose inputs have other names.
fn renamed(fixture: &Fixture, names: &[(&str, &str)]) -> Vec<u8> {
    let mut model = ModelProto::decode(&*fixture.bytes()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for (from, to) in names {
        graph.input.iter_mut().filter(|i| i.name == *from).for_each(|i| i.name = (*to).into());
        let reads = graph.node.iter_mut().flat_map(|n| &mut n.input);
        reads.filter(|i| i == from).for_each(|i| *i = (*to).into());
    }
    model.encode_to_vec()
}

#[test]
fn inputs_are_known_by_their_use_if_their_names_say_nothing() {
    let options =
        || EncoderOptions { layers: vec![2], precision: Precision::F32, ..EncoderOptions::default() };
    let all = [("attention_mask", "a"), ("input_ids", "b"), ("token_type_ids", "c")];
    for name in ["legacy-op17", "dynamo-op18-sdpa", "fused", "int8-quint8-tensor"] {
        let fixture = Fixture::export(name);
        let (golden, config) = (Golden::of(&fixture), fixture.config().unwrap());
        let vectors = |onnx: Vec<u8>| {
            let mut encoder = EncoderLoader::new(&onnx, &config, options()).unwrap().finish().unwrap();
            embed(&mut *encoder, &golden.texts, Pooling::Cls, 3).unwrap()
        };
        assert_eq!(vectors(renamed(&fixture, &all)), vectors(fixture.bytes()), "{name}");
    }
    // Two inputs that are used alike, or one that nothing reads.
    let fixture = Fixture::export("legacy-op17");
    let mut model = ModelProto::decode(&*renamed(&fixture, &all)).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut unread = graph.input[0].clone();
    unread.name = "mystery".into();
    graph.input[0] = unread;
    let error =
        EncoderLoader::new(&model.encode_to_vec(), &fixture.config().unwrap(), options()).err().unwrap();
    assert_eq!(error.code(), ErrorCode::UnsupportedModel);
    for name in ["`mystery`", "`a`", "`c`"] {
        assert!(error.message().contains(name), "{error}");
    }
}

/// An export of a RoBERTa that takes positions from its caller does not say where they begin.
#[test]
fn positions_as_an_input_of_a_roberta_are_rejected() {
    let fixture = Fixture::export("inputs-two");
    let mut model = ModelProto::decode(&*fixture.bytes()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let mut positions = graph.input[0].clone();
    positions.name = "position_ids".into();
    graph.input.push(positions);
    let mut config = fixture.config().unwrap();
    let load = |config: &corom::config::BertConfig| {
        let options = EncoderOptions { layers: vec![2], ..EncoderOptions::default() };
        EncoderLoader::new(&model.encode_to_vec(), config, options).map(|_| ()).map_err(|e| e.code())
    };
    assert_eq!(load(&config), Ok(()));
    config.model_type = Some("xlm-roberta".into());
    assert_eq!(load(&config), Err(ErrorCode::UnsupportedModel));
}
