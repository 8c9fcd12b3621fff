//! Every export reaches the same fused graph.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::BertConfig;
use crate::encoder::onnx::{Expected, Graph, Model, declared_values, translate};
use crate::encoder::ops::linear::Activation;
use crate::encoder::signature::GraphSignature;

fn onnx_of(folder: &Path) -> std::path::PathBuf {
    [folder.to_path_buf(), folder.join("onnx")]
        .iter()
        .filter_map(|f| std::fs::read_dir(f).ok())
        .flatten()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "onnx"))
        .unwrap()
}

fn outline(folder: &Path) -> Result<(Translated, BertConfig), String> {
    let config = BertConfig::from_json(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let model = Model::parse(&std::fs::read(onnx_of(folder)).unwrap()).unwrap();
    let (inputs, outputs) = declared_values(&model.graph);
    let mut signature = GraphSignature::find(&inputs, &outputs, &config, &[config.num_hidden_layers]).unwrap();
    let graph = Graph::outline(model, &BTreeMap::new(), &signature.outputs).map_err(|e| e.to_string())?;
    signature.resolve(&graph, &config).unwrap();
    let translated = translate(&graph, &signature.outputs, &signature.feeds, signature.static_shape, expected(&config))
        .map_err(|e| e.to_string())?;
    Ok((translated, config))
}

fn expected(config: &BertConfig) -> Expected {
    Expected {
        vocab_size: config.vocab_size,
        type_vocab_size: config.type_vocab_size,
        hidden_size: config.hidden_size,
        max_positions: config.max_position_embeddings,
    }
}

fn folders() -> Vec<(String, std::path::PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exports");
    let entries = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir());
    entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path)).collect()
}

/// How many steps there are of each kind: Embed, Linear, Linear with an activation, Attention,
/// AddNorm, SelectRows, and those that pool.
fn counts(fused: &Fused) -> [usize; 7] {
    let mut counts = [0; 7];
    for step in &fused.steps {
        counts[match step {
            Step::Embed(_) => 0,
            Step::Linear(linear) if linear.spec.activation == Activation::None => 1,
            Step::Linear(_) => 2,
            Step::Attention { .. } => 3,
            Step::AddNorm { .. } => 4,
            Step::SelectRows { .. } => 5,
            Step::MeanRows { .. } | Step::Normalize { .. } => 6,
        }] += 1;
    }
    counts
}

fn activations(fused: &Fused) -> impl Iterator<Item = Activation> {
    let of = |step: &Step| match step {
        Step::Linear(linear) => Some(linear.spec.activation).filter(|a| *a != Activation::None),
        _ => None,
    };
    fused.steps.iter().filter_map(of)
}

/// All dialects come to the same steps: an embedding, then for each layer queries, keys, values,
/// attention, a projection, a norm, a product with its activation, one without, and a norm.
#[test]
fn every_export_fuses_to_the_same_steps() {
    let mut seen = 0;
    for (name, folder) in folders() {
        let (translated, config) = outline(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
        let layers = config.num_hidden_layers;
        let pools = name.starts_with("sentence");
        let fused = fuse(&translated, expected(&config), false, pools);
        let fused = fused.unwrap_or_else(|| panic!("{name} is not fused"));
        let [embed, linear, activated, attention, norms, first, pooling] = counts(&fused);
        assert_eq!((embed, linear, activated), (1, 5 * layers, layers), "{name}");
        assert_eq!((attention, norms), (layers, 2 * layers), "{name}");
        assert_eq!(first + pooling > 0, pools, "{name}");
        assert_eq!(fused.steps.len(), 1 + 9 * layers + first + pooling, "{name}");
        let due = match config.hidden_act.as_str() {
            "gelu" if name == "fused-fastgelu" => Activation::GeluTanh,
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            // Also where a file quantises it away.
            "relu" => Activation::Relu,
            other => panic!("{name}: {other}"),
        };
        assert!(activations(&fused).all(|activation| activation == due), "{name} is not {due:?}");
        seen += 1;
    }
    assert!(seen >= 70, "only {seen} exports");
}

/// With CLS alone the last layer works on first rows: one selection more, of that layer's input.
#[test]
fn the_last_layer_computes_the_first_row_alone() {
    let folder = folders().into_iter().find(|(name, _)| name == "dynamo-op20-sdpa").unwrap().1;
    let (translated, config) = outline(&folder).unwrap();
    let fused = fuse(&translated, expected(&config), true, false).unwrap();
    let all = fuse(&translated, expected(&config), false, false).unwrap();
    assert_eq!(counts(&fused)[5], 1);
    assert_eq!(fused.steps.len(), all.steps.len() + 1);
    let selected = fused.steps.iter().position(|step| matches!(step, Step::SelectRows { .. })).unwrap();
    let firsts = |step: &Step| match step {
        Step::Attention { q, spec, .. } => spec.first_row_only && *q > selected,
        _ => false,
    };
    assert_eq!(fused.steps.iter().filter(|step| firsts(step)).count(), 1);
    // The queries and the residual both come from the selected rows.
    let reads = |step: &Step| match step {
        Step::Linear(linear) => linear.x == selected,
        Step::AddNorm { a, b, .. } => *a == selected || *b == selected,
        _ => false,
    };
    assert_eq!(fused.steps.iter().filter(|step| reads(step)).count(), 2);
}
