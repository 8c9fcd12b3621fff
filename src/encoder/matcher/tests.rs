//! Every export reaches the same plan.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::BertConfig;
use crate::encoder::OutputPreference;
use crate::encoder::onnx::{ModelSizes, OnnxFile, OnnxGraph, translate};
use crate::encoder::plan::PlanOp;
use crate::encoder::signature::GraphSignature;
use crate::encoder::spec::Activation;

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
    let model = OnnxFile::parse(&std::fs::read(onnx_of(folder)).unwrap()).unwrap().model;
    let mut signature = GraphSignature::find(
        &model.graph,
        &config,
        &[config.num_hidden_layers],
        OutputPreference::HiddenFirst,
    )
    .unwrap();
    let graph =
        OnnxGraph::from_model(model, &BTreeMap::new(), &signature.outputs).map_err(|e| e.to_string())?;
    signature.resolve(&graph, &config).unwrap();
    let translated =
        translate(&graph, &signature.outputs, &signature.inputs, signature.static_shape, expected(&config))
            .map_err(|e| e.to_string())?;
    Ok((translated, config))
}

fn expected(config: &BertConfig) -> ModelSizes {
    ModelSizes::of(config)
}

fn folders() -> Vec<(String, std::path::PathBuf)> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let entries = ["exports", "generated"].iter().flat_map(|kind| {
        let entries = std::fs::read_dir(fixtures.join(kind)).unwrap();
        entries.map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect::<Vec<_>>()
    });
    entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path)).collect()
}

/// Counts the ops of each kind: Embed, Linear, Linear with an activation, Attention, AddNorm,
/// SelectRows, the ops that pool, and the ops that clip. A Linear whose activation is that of a Clip
/// counts as one with an activation.
fn counts(plan: &Plan) -> [usize; 8] {
    let mut counts = [0; 8];
    for op in &plan.ops {
        counts[match op {
            PlanOp::Embed(_) => 0,
            PlanOp::Linear(linear) if linear.spec.activation == Activation::None => 1,
            PlanOp::Linear(_) => 2,
            PlanOp::Attention { .. } => 3,
            PlanOp::AddNorm { .. } => 4,
            PlanOp::SelectRows { .. } => 5,
            PlanOp::MeanRows { .. } | PlanOp::Normalize { .. } => 6,
            PlanOp::Clip(_) => 7,
        }] += 1;
        if let PlanOp::Clip(clip) = op
            && clip.activation != Activation::None
        {
            counts[1] -= 1;
            counts[2] += 1;
        }
    }
    counts
}

fn activations(plan: &Plan) -> impl Iterator<Item = Activation> {
    let of = |op: &PlanOp| match op {
        PlanOp::Clip(clip) => Some(clip.activation).filter(|a| *a != Activation::None),
        PlanOp::Linear(linear) => Some(linear.spec.activation).filter(|a| *a != Activation::None),
        _ => None,
    };
    plan.ops.iter().filter_map(of)
}

/// Every dialect has the same plan: an embedding, then per layer queries, keys, values, attention, a
/// projection, a norm, a product with an activation, a product without one, and a norm.
#[test]
fn every_export_has_the_same_plan() {
    let mut seen = 0;
    for (name, folder) in folders() {
        let (translated, config) = outline(&folder).unwrap_or_else(|e| panic!("{name}: {e}"));
        let layers = config.num_hidden_layers;
        let pools = name.starts_with("sentence");
        let outputs = if pools { GraphOutputs::Sentence } else { GraphOutputs::Hidden };
        let plan = match_graph(&translated, expected(&config), false, outputs);
        let plan = plan.unwrap_or_else(|| panic!("{name} is not recognized"));
        let [embed, linear, activated, attention, norms, first, pooling, clips] = counts(&plan);
        assert_eq!((embed, linear, activated), (1, 5 * layers, layers), "{name}");
        assert_eq!((attention, norms), (layers, 2 * layers), "{name}");
        assert_eq!(first + pooling > 0, pools, "{name}");
        assert_eq!(plan.ops.len(), 1 + 9 * layers + first + pooling + clips, "{name}");
        // Only static quantization clips.
        let is_static =
            ["qdq", "qoperator"].iter().any(|kind| name.contains(kind)) && !name.contains("blocks");
        assert_eq!(clips > 0, is_static, "{name}");
        let due = match config.hidden_act.as_str() {
            "gelu" if name == "fused-fastgelu" => Activation::GeluTanh,
            "gelu" => Activation::Gelu,
            "gelu_new" | "gelu_pytorch_tanh" => Activation::GeluTanh,
            // Also where a file quantizes it away.
            "relu" => Activation::Relu,
            other => panic!("{name}: {other}"),
        };
        assert!(activations(&plan).all(|activation| activation == due), "{name} is not {due:?}");
        seen += 1;
    }
    assert!(seen >= 70, "only {seen} exports");
}

/// For CLS pooling the last layer works on first rows: one more op selects them.
#[test]
fn last_layer_computes_only_first_rows_for_cls() {
    let folder = folders().into_iter().find(|(name, _)| name == "dynamo-op20-sdpa").unwrap().1;
    let (translated, config) = outline(&folder).unwrap();
    let plan = match_graph(&translated, expected(&config), true, GraphOutputs::Hidden).unwrap();
    let all = match_graph(&translated, expected(&config), false, GraphOutputs::Hidden).unwrap();
    assert_eq!(counts(&plan)[5], 1);
    assert_eq!(plan.ops.len(), all.ops.len() + 1);
    let selected = plan.ops.iter().position(|step| matches!(step, PlanOp::SelectRows { .. })).unwrap();
    let firsts = |op: &PlanOp| match op {
        PlanOp::Attention { q, spec, .. } => spec.first_row_only && *q > selected,
        _ => false,
    };
    assert_eq!(plan.ops.iter().filter(|step| firsts(step)).count(), 1);
    // The queries and the residual both come from the selected rows.
    let reads = |op: &PlanOp| match op {
        PlanOp::Linear(linear) => linear.x == selected,
        PlanOp::AddNorm { a, b, .. } => *a == selected || *b == selected,
        _ => false,
    };
    assert_eq!(plan.ops.iter().filter(|step| reads(step)).count(), 2);
}
