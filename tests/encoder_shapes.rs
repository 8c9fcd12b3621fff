//! Graphs that want their batch and sequence known, and inputs that few graphs have.

mod encoder_support;

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::encoder::onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use corom::encoder::unfused::UnfusedEncoder;
use encoder_support::{Fixture, Golden, difference, embed};
use prost::Message;

/// Changes a fixture's graph, and expects its golden vectors all the same.
fn unchanged_by(name: &str, change: impl FnOnce(&mut GraphProto)) {
    let fixture = Fixture::export(name);
    let golden = Golden::of(&fixture);
    let config = fixture.config().unwrap();
    let mut model = ModelProto::decode(&fixture.bytes()[..]).unwrap();
    change(model.graph.as_mut().unwrap());
    let layers = [config.num_hidden_layers];
    let mut encoder = UnfusedEncoder::load(model.encode_to_vec(), BTreeMap::new(), &config, &layers).unwrap();
    // More shapes than plans are kept, and back again.
    for (i, text) in golden.texts.iter().chain(&golden.texts).enumerate() {
        let vectors = embed(&mut encoder, std::slice::from_ref(text), Pooling::Cls, 0).unwrap();
        let expected = &golden.vectors["cls"][i % golden.texts.len()];
        assert!(difference(&vectors, std::slice::from_ref(expected)) <= 1e-4, "{name}, text {i}");
    }
    let vectors = embed(&mut encoder, &golden.texts, Pooling::Cls, 2).unwrap();
    assert!(difference(&vectors, &golden.vectors["cls"]) <= 1e-4, "{name}, batch");
}

fn node(op: &str, inputs: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        input: inputs.iter().map(|i| (*i).into()).collect(),
        output: vec![output.into()],
        attribute,
        ..Default::default()
    }
}

fn number(name: &str, value: i64) -> TensorProto {
    TensorProto { name: name.into(), data_type: 7, int64_data: vec![value], ..Default::default() }
}

/// Every reader of `from` reads `to` instead.
fn rename_readers(graph: &mut GraphProto, from: &str, to: &str) {
    for input in graph.node.iter_mut().flat_map(|n| &mut n.input).filter(|i| *i == from) {
        to.clone_into(input);
    }
}

#[test]
fn a_graph_that_asks_for_the_sequence_is_planned_shape_by_shape() {
    for name in ["legacy-op17", "dynamo-op18", "classic-op13"] {
        unchanged_by(name, |graph| {
            // Whether there are seven tokens cannot be told for all sequences at once.
            rename_readers(graph, "attention_mask", "the_mask");
            graph.initializer.extend([number("one", 1), number("seven", 7)]);
            let added = [
                node("Shape", &["input_ids"], "the_shape", vec![]),
                node("Gather", &["the_shape", "one"], "the_length", vec![]),
                node("Equal", &["the_length", "seven"], "are_seven", vec![]),
                node("Where", &["are_seven", "attention_mask", "attention_mask"], "the_mask", vec![]),
            ];
            graph.node.splice(0..0, added);
        });
    }
}

#[test]
fn a_graph_may_want_its_positions_given() {
    unchanged_by("classic-op13", |graph| {
        let table = graph.initializer.iter().find(|t| t.name.contains("position_embeddings")).unwrap();
        let table = table.name.clone();
        let positions = graph.node.iter().find(|n| n.input.contains(&table)).unwrap().input[1].clone();
        rename_readers(graph, &positions, "position_ids");
        let mut input = graph.input[0].clone();
        input.name = "position_ids".into();
        graph.input.push(input);
    });
}

#[test]
fn a_graph_without_a_mask_is_never_padded() {
    unchanged_by("legacy-op17", |graph| {
        graph.input.retain(|i| i.name != "attention_mask");
        rename_readers(graph, "attention_mask", "the_mask");
        let one = TensorProto { dims: vec![1], ..number("", 1) };
        let value = AttributeProto { name: "value".into(), r#type: 4, t: Some(one), ..Default::default() };
        let added = [
            node("Shape", &["input_ids"], "the_shape", vec![]),
            node("ConstantOfShape", &["the_shape"], "the_mask", vec![value]),
        ];
        graph.node.splice(0..0, added);
    });
}
