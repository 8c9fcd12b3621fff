//! Graphs that resemble a BERT but compute something else: the encoder must not fuse them, and must load them quickly.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod encoder_support;

use std::time::{Duration, Instant};

use corom::batch::Batch;
use corom::encoder::onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use corom::encoder::{BackendChoice, EncoderLoader, EncoderOptions, Precision};
use corom::encoder::{Encoder, EncoderOutput};
use encoder_support::Fixture;
use prost::Message;

const NAME: &str = "legacy-op17";

/// Loading takes milliseconds, or forever if an analysis is exponential.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

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
    let raw_data = x.to_le_bytes().to_vec().into();
    let tensor = TensorProto { name: name.into(), data_type: 1, raw_data, ..TensorProto::default() };
    graph.initializer.push(tensor);
}

/// Inserts nodes before node `at`. `make` gets the name of input `slot`, which then reads `last` instead.
fn insert_before(
    graph: &mut GraphProto,
    at: usize,
    slot: usize,
    last: &str,
    make: impl Fn(&str) -> Vec<NodeProto>,
) {
    let nodes = make(&graph.node[at].input[slot].clone());
    graph.node[at].input[slot] = last.into();
    graph.node.splice(at..at, nodes);
}

fn find(graph: &GraphProto, op: &str) -> usize {
    graph.node.iter().position(|n| n.op_type == op).unwrap()
}

/// Returns the index of a node that multiplies by a weight.
fn weighted_product(graph: &GraphProto) -> usize {
    let large = |name: &String| graph.initializer.iter().any(|t| t.name == *name && t.dims.len() == 2);
    graph.node.iter().position(|n| n.op_type == "MatMul" && large(&n.input[1])).unwrap()
}

fn load(bytes: &[u8], unfused: bool) -> Box<dyn Encoder> {
    let config = Fixture::export(NAME).config().unwrap();
    let layers = vec![config.num_hidden_layers];
    let backend = if unfused { BackendChoice::Unfused } else { BackendChoice::Auto };
    let options = EncoderOptions { layers, precision: Precision::F32, backend, ..EncoderOptions::default() };
    EncoderLoader::new(bytes, &config, options).unwrap().finish().unwrap()
}

fn rows(encoder: &mut dyn Encoder) -> Vec<f32> {
    let ids: Vec<u32> = (0..9).collect();
    match encoder.forward(&Batch::new([(&ids[..], &[0u32; 9][..])])).unwrap() {
        EncoderOutput::Hidden(layers) => layers.concat(),
        EncoderOutput::Pooled(rows) => rows,
    }
}

/// Changes a graph; checks that it loads within seconds, is not fused, and gives what the unfused encoder gives.
#[track_caller]
fn assert_not_fused(change: impl FnOnce(&mut GraphProto)) {
    let mut model = ModelProto::decode(&Fixture::export(NAME).bytes()[..]).unwrap();
    assert!(load(&model.encode_to_vec(), false).info().fused, "the original is not fused");
    change(model.graph.as_mut().unwrap());
    let bytes = model.encode_to_vec();
    let start = Instant::now();
    let mut encoder = load(&bytes, false);
    assert!(start.elapsed() < LOAD_TIMEOUT, "loading took {:?}", start.elapsed());
    assert!(!encoder.info().fused, "the changed graph is fused");
    assert_eq!(rows(&mut *encoder), rows(&mut *load(&bytes, true)));
}

#[test]
fn encoder_does_not_fuse_mask_scaled_after_addition() {
    assert_not_fused(|graph| {
        number(graph, "small", 1e-3);
        let softmax = find(graph, "Softmax");
        insert_before(graph, softmax, 0, "scaled", |x| vec![node("Mul", &[x, "small"], "scaled")]);
    });
}

#[test]
fn encoder_does_not_fuse_rows_rounded_to_integers() {
    assert_not_fused(|graph| {
        let product = weighted_product(graph);
        insert_before(graph, product, 0, "whole", |x| {
            vec![cast(x, 7, "integers"), cast("integers", 1, "whole")]
        });
    });
}

#[test]
fn encoder_does_not_fuse_value_doubled_sixty_times() {
    assert_not_fused(|graph| {
        let add = find(graph, "Add");
        let names: Vec<String> = (0..60).map(|i| format!("twice.{i}")).collect();
        insert_before(graph, add, 0, &names[59], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Add", &[x, x], y)).collect()
        });
    });
}

#[test]
fn encoder_does_not_fuse_weight_scaled_sixty_times() {
    assert_not_fused(|graph| {
        number(graph, "one", 1.000_001);
        let product = weighted_product(graph);
        let names: Vec<String> = (0..60).map(|i| format!("scaled.{i}")).collect();
        insert_before(graph, product, 1, &names[59], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Mul", &[x, "one"], y)).collect()
        });
    });
}

#[test]
fn encoder_does_not_fuse_weight_transposed_ten_thousand_times() {
    assert_not_fused(|graph| {
        let product = weighted_product(graph);
        let names: Vec<String> = (0..10_000).map(|i| format!("transposed.{i}")).collect();
        insert_before(graph, product, 1, &names[9999], |x| {
            let inputs = std::iter::once(x).chain(names.iter().map(String::as_str));
            inputs.zip(&names).map(|(x, y)| node("Transpose", &[x], y)).collect()
        });
    });
}
