//! Graphs that need a known batch size and sequence length, and graphs with unusual inputs.

mod encoder_support;

use std::collections::BTreeMap;

use corom::config::Pooling;
use corom::encoder::onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use corom::encoder::unfused::UnfusedEncoder;
use encoder_support::{Fixture, Golden, difference, embed};
use prost::Message;

/// Changes a fixture's graph in a way that must not change its golden vectors.
fn assert_vectors_unchanged_by(name: &str, change: impl FnOnce(&mut GraphProto)) {
    let fixture = Fixture::export(name);
    let golden = Golden::of(&fixture);
    let config = fixture.config().unwrap();
    let mut model = ModelProto::decode(&fixture.bytes()[..]).unwrap();
    change(model.graph.as_mut().unwrap());
    let layers = [config.num_hidden_layers];
    let mut encoder =
        UnfusedEncoder::load(&model.encode_to_vec(), BTreeMap::new(), &config, &layers).unwrap();
    // There are more shapes than the encoder keeps plans for, and each shape comes twice.
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

/// Makes every node that reads `from` read `to`.
fn redirect_readers(graph: &mut GraphProto, from: &str, to: &str) {
    for input in graph.node.iter_mut().flat_map(|n| &mut n.input).filter(|i| *i == from) {
        to.clone_into(input);
    }
}

#[test]
fn unfused_encoder_plans_each_shape_of_a_graph_that_reads_its_sequence_length() {
    for name in ["legacy-op17", "dynamo-op18", "classic-op13"] {
        assert_vectors_unchanged_by(name, |graph| {
            // The number of tokens, seven, is only known once the shape is.
            redirect_readers(graph, "attention_mask", "the_mask");
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
fn unfused_encoder_supplies_position_ids() {
    assert_vectors_unchanged_by("classic-op13", |graph| {
        let table = graph.initializer.iter().find(|t| t.name.contains("position_embeddings")).unwrap();
        let table = table.name.clone();
        let positions = graph.node.iter().find(|n| n.input.contains(&table)).unwrap().input[1].clone();
        redirect_readers(graph, &positions, "position_ids");
        let mut input = graph.input[0].clone();
        input.name = "position_ids".into();
        graph.input.push(input);
    });
}

#[test]
fn unfused_encoder_never_pads_a_graph_without_mask() {
    assert_vectors_unchanged_by("legacy-op17", |graph| {
        graph.input.retain(|i| i.name != "attention_mask");
        redirect_readers(graph, "attention_mask", "the_mask");
        let one = TensorProto { dims: vec![1], ..number("", 1) };
        let value = AttributeProto { name: "value".into(), r#type: 4, t: Some(one), ..Default::default() };
        let added = [
            node("Shape", &["input_ids"], "the_shape", vec![]),
            node("ConstantOfShape", &["the_shape"], "the_mask", vec![value]),
        ];
        graph.node.splice(0..0, added);
    });
}
