//! Graphs that look like a BERT's and are none: they must not be taken for one, and must not take long.
#![allow(clippy::unwrap_used, reason = "a test stops there")]

mod encoder_support;

use std::time::{Duration, Instant};

use corom::batch::Batch;
use corom::encoder::onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, Precision};
use corom::encoder::{Encoder, EncoderOutput};
use encoder_support::Fixture;
use prost::Message;

const NAME: &str = "legacy-op17";

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: op.into(),
        name: output.into(),
        input: inputs.iter().map(|i| (*i).into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    }
}

fn cast(input: &str, to: i64, output: &str) -> NodeProto {
    let attribute = AttributeProto { name: "to".into(), i: to, r#type: 2, ..AttributeProto::default() };
    NodeProto { attribute: vec![attribute], ..node("Cast", &[input], output) }
}

fn number(graph: &mut GraphProto, name: &str, x: f32) {
    let raw_data = x.to_le_bytes().to_vec();
    let tensor = TensorProto { name: name.into(), data_type: 1, raw_data, ..TensorProto::default() };
    graph.initializer.push(tensor);
}

/// Puts nodes before node `at`, whose input `slot` then reads what they make of it.
fn before(graph: &mut GraphProto, at: usize, slot: usize, last: &str, make: impl Fn(&str) -> Vec<NodeProto>) {
    let nodes = make(&graph.node[at].input[slot].clone());
    graph.node[at].input[slot] = last.into();
    graph.node.splice(at..at, nodes);
}

fn find(graph: &GraphProto, op: &str) -> usize {
    graph.node.iter().position(|n| n.op_type == op).unwrap()
}

/// A node that multiplies by a weight, and which of its inputs that is.
fn weighted(graph: &GraphProto) -> usize {
    let large = |name: &String| graph.initializer.iter().any(|t| t.name == *name && t.dims.len() == 2);
    graph.node.iter().position(|n| n.op_type == "MatMul" && large(&n.input[1])).unwrap()
}

fn load(bytes: &[u8], unfused: bool) -> Box<dyn Encoder> {
    let config = Fixture::export(NAME).config().unwrap();
    let layers = vec![config.num_hidden_layers];
    let backend = if unfused { BackendChoice::Unfused } else { BackendChoice::Auto };
    let options = EncoderOptions { layers, precision: Precision::F32, backend, ..EncoderOptions::default() };
    EncoderLoader::new(bytes.to_vec(), &config, options).unwrap().finish().unwrap()
}

fn rows(encoder: &mut dyn Encoder) -> Vec<f32> {
    let ids: Vec<u32> = (0..9).collect();
    match encoder.forward(&Batch::new([(&ids[..], &[0u32; 9][..])])).unwrap() {
        EncoderOutput::Hidden(layers) => layers.concat(),
        EncoderOutput::Pooled(rows) => rows,
    }
}

/// The changed graph loads in a few seconds, is not fused, and gives what plain tract gives.
#[track_caller]
fn stays_as_it_is(change: impl FnOnce(&mut GraphProto)) {
    let mut model = ModelProto::decode(&Fixture::export(NAME).bytes()[..]).unwrap();
    assert!(load(&model.encode_to_vec(), false).info().fused, "the original is fused");
    change(model.graph.as_mut().unwrap());
    let bytes = model.encode_to_vec();
    let start = Instant::now();
    let mut encoder = load(&bytes, false);
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
    assert!(!encoder.info().fused, "it was taken for a BERT");
    assert_eq!(rows(&mut *encoder), rows(&mut *load(&bytes, true)));
}

#[test]
fn a_mask_that_is_scaled_once_it_is_added() {
    stays_as_it_is(|graph| {
        number(graph, "small", 1e-3);
        let softmax = find(graph, "Softmax");
        before(graph, softmax, 0, "scaled", |x| vec![node("Mul", &[x, "small"], "scaled")]);
    });
}

#[test]
fn rows_that_lose_their_fractions() {
    stays_as_it_is(|graph| {
        let product = weighted(graph);
        before(graph, product, 0, "whole", |x| vec![cast(x, 7, "integers"), cast("integers", 1, "whole")]);
    });
}

#[test]
fn sums_of_sums() {
    stays_as_it_is(|graph| {
        let add = find(graph, "Add");
        let names: Vec<String> = (0..60).map(|i| format!("twice.{i}")).collect();
        before(graph, add, 0, &names[59], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Add", &[x, x], y)).collect()
        });
    });
}

#[test]
fn a_weight_through_many_products() {
    stays_as_it_is(|graph| {
        number(graph, "one", 1.000_001);
        let product = weighted(graph);
        let names: Vec<String> = (0..60).map(|i| format!("scaled.{i}")).collect();
        before(graph, product, 1, &names[59], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Mul", &[x, "one"], y)).collect()
        });
    });
}

#[test]
fn a_weight_that_is_turned_ten_thousand_times() {
    stays_as_it_is(|graph| {
        let product = weighted(graph);
        let names: Vec<String> = (0..10_000).map(|i| format!("turned.{i}")).collect();
        before(graph, product, 1, &names[9999], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Transpose", &[x], y)).collect()
        });
    });
}
