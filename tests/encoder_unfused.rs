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
        EncoderOutput::Pooled(rows) | EncoderOutput::Scores(rows) => rows,
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

fn text_rows(encoder: &mut dyn Encoder, texts: &[&[u32]]) -> Vec<Vec<f32>> {
    let types = [0u32; 16];
    let batch = Batch::new(texts.iter().map(|ids| (*ids, &types[..ids.len()])));
    let EncoderOutput::Hidden(layers) = encoder.forward(&batch).unwrap() else { panic!("no hidden states") };
    let width = layers[0].len() / batch.tokens();
    (0..texts.len())
        .map(|text| {
            let tokens = batch.range(text);
            layers[0][tokens.start * width..tokens.end * width].to_vec()
        })
        .collect()
}

/// A graph that is no BERT may add the mean over all texts of a batch to each, or the mean over all tokens with those of
/// padding. A text has the vector that it has alone.
#[test]
fn texts_of_a_graph_that_mixes_them_have_the_rows_that_they_have_alone() {
    let texts: [&[u32]; 3] = [&[2, 40, 41, 42, 43, 44, 45, 3], &[2, 50, 51, 3], &[2, 3]];
    for axis in [0, 1] {
        let mut model = ModelProto::decode(&Fixture::export(NAME).bytes()[..]).unwrap();
        let original = text_rows(&mut *load(&model.encode_to_vec(), true), &texts);
        let graph = model.graph.as_mut().unwrap();
        let output = graph.output[0].name.clone();
        for name in graph.node.iter_mut().flat_map(|n| n.output.iter_mut().chain(&mut n.input)) {
            if *name == output {
                *name = "rows".into();
            }
        }
        let axes =
            AttributeProto { name: "axes".into(), ints: vec![axis], r#type: 7, ..AttributeProto::default() };
        graph.node.push(NodeProto { attribute: vec![axes], ..node("ReduceMean", &["rows"], "mean") });
        graph.node.push(node("Add", &["rows", "mean"], &output));
        let mut encoder = load(&model.encode_to_vec(), false);
        assert!(!encoder.info().fused);
        let together = text_rows(&mut *encoder, &texts);
        for (i, text) in texts.iter().enumerate() {
            let alone = text_rows(&mut *encoder, &[*text]).remove(0);
            assert_eq!(together[i], alone, "axis {axis}, text {i}");
            // The mean over the texts of a batch of one is the text itself.
            let width = original[i].len() / text.len();
            let expected: Vec<f32> = (0..alone.len())
                .map(|at| {
                    let same_column = original[i][at % width..].iter().step_by(width);
                    let mean = same_column.sum::<f32>() / text.len() as f32;
                    original[i][at] + if axis == 0 { original[i][at] } else { mean }
                })
                .collect();
            let off = alone.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-4, "axis {axis}, text {i}: {off}");
        }
    }
}
