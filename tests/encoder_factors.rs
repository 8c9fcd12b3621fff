//! Graphs that multiply the inputs of products by one factor per column, as files do whose weights are equalized or
//! smoothed: `corom convert --dtype int8`, SmoothQuant, AWQ.

mod encoder_support;

use std::collections::HashMap;

use corom::config::Pooling;
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};
use corom::encoder::unfused::UnfusedEncoder;
use corom::encoder::{EncoderLoader, EncoderOptions, KernelChoice, Precision};
use encoder_support::{Fixture, Golden, cosines, difference, embed};
use prost::Message;

/// Multiplies the inputs of every product with a weight by factors between 0.5 and 2, which the weights do not undo.
/// Returns the number of products.
fn add_factors(graph: &mut GraphProto) -> usize {
    let sizes: HashMap<String, Vec<i64>> =
        graph.initializer.iter().map(|t| (t.name.clone(), t.dims.clone())).collect();
    // Of each input that is multiplied, its width.
    let mut widths: HashMap<String, i64> = HashMap::new();
    let source = |name: &String| graph.node.iter().find(|n| n.output.first() == Some(name));
    for node in &graph.node {
        let width = match node.op_type.as_str() {
            "MatMul" | "MatMulInteger" => node.input.get(1).and_then(|b| {
                // The weight itself, or behind a DequantizeLinear.
                let b = source(b).filter(|n| n.op_type == "DequantizeLinear").map_or(b, |n| &n.input[0]);
                sizes.get(b).map(|dims| dims[0])
            }),
            "MatMulNBits" => node.attribute.iter().find(|a| a.name == "K").map(|a| a.i),
            _ => None,
        };
        let Some(width) = width else { continue };
        // The node that reads the float input.
        let x = match source(&node.input[0]) {
            Some(quantize) if quantize.op_type == "DynamicQuantizeLinear" => &quantize.input[0],
            _ => &node.input[0],
        };
        widths.insert(x.clone(), width);
    }
    let reads = |node: &NodeProto| {
        matches!(node.op_type.as_str(), "MatMul" | "MatMulNBits" | "DynamicQuantizeLinear")
    };
    let mut nodes = Vec::new();
    let mut changed = 0;
    for mut node in std::mem::take(&mut graph.node) {
        let x = node.input.first().cloned().unwrap_or_default();
        if let (true, Some(width)) = (reads(&node), widths.get(&x)) {
            let (factors, product) = (format!("factors.{changed}"), format!("product.{changed}"));
            graph.initializer.push(TensorProto {
                name: factors.clone(),
                data_type: 1,
                dims: vec![*width],
                raw_data: (0..*width).flat_map(|k| (0.5 + (k * 7 % 13) as f32 / 8.0).to_le_bytes()).collect(),
                ..Default::default()
            });
            nodes.push(NodeProto {
                op_type: "Mul".into(),
                input: vec![x, factors],
                output: vec![product.clone()],
                ..Default::default()
            });
            node.input[0] = product;
            changed += 1;
        }
        nodes.push(node);
    }
    graph.node = nodes;
    changed
}

#[test]
fn factors_of_inputs_are_part_of_the_plan() {
    // The name, and the lowest cosine of any kernel to f32: tiny random models lose more than real ones.
    for (name, min_cosine) in [
        ("legacy-op17", 0.999),
        ("dynamo-op18", 0.999),
        ("int8-qint8-channel", 0.999),
        ("nbits4-zero-point", 0.99),
        ("nbits8", 0.995),
    ] {
        let fixture = Fixture::export(name);
        let config = fixture.config().unwrap();
        let texts = Golden::of(&fixture).texts;
        let mut model = ModelProto::decode(&fixture.bytes()[..]).unwrap();
        let changed = add_factors(model.graph.as_mut().unwrap());
        assert!(changed >= 6, "{name}: {changed} products");
        let layers = vec![config.num_hidden_layers];
        let bytes = model.encode_to_vec();
        let external = fixture.external().unwrap();
        let mut unfused = UnfusedEncoder::load(&bytes, external.clone(), &config, &layers).unwrap();
        let expected: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| embed(&mut unfused, std::slice::from_ref(text), Pooling::Cls, 0).unwrap().remove(0))
            .collect();
        let original = Golden::of(&fixture).vectors.remove("cls").unwrap();
        assert!(difference(&expected, &original) > 0.1, "{name}: the factors have no effect");

        let run = |precision, kernel| {
            let kernel = KernelChoice::Fixed(kernel);
            let options = EncoderOptions { layers: layers.clone(), precision, kernel, ..Default::default() };
            let mut loader = EncoderLoader::new(&bytes, &config, options).unwrap();
            for (path, bytes) in &external {
                loader.begin(path);
                loader.write(path, 0, bytes).unwrap();
                loader.end(path).unwrap();
            }
            let mut encoder = loader.finish().unwrap();
            assert!(encoder.info().fused, "{name} is not recognized");
            embed(&mut *encoder, &texts, Pooling::Cls, 0).unwrap()
        };
        // Run-time quantization of the file is skipped by the plan and computed by tract, so only the files
        // without it agree closely in f32.
        let float = run(Precision::F32, Kernel::Exact);
        if name == "int8-qint8-channel" {
            assert!(cosines(&float, &expected).0 > 0.99, "{name}: {:?}", cosines(&float, &expected));
        } else {
            assert!(difference(&float, &expected) <= 1e-4, "{name}: {}", difference(&float, &expected));
        }
        for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
            let (worst, _) = cosines(&run(Precision::Auto, kernel), &float);
            assert!(worst >= min_cosine, "{name}, {kernel:?}: {worst}");
        }
    }
}
