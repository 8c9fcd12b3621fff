//! Reads an ONNX file with tract-onnx, tract's own ONNX front end (feature `cli`, native only).
//!
//! The command uses it for two things:
//!
//! - A way in: tract-onnx has operators that [`onnx`](super::onnx) does not have. If the matcher recognizes a BERT in
//!   the graph that tract-onnx makes, the export can be converted.
//! - A second opinion: the vectors of a folder are computed again from the file as tract-onnx reads it.
//!
//! It stays out of the WebAssembly: it makes the binary larger, and it panics on some damaged files, which would
//! end the instance. Here everything that it does runs in [`guarded`]. It reads external data from the file system,
//! so the bytes are put into the tensors first.
//!
//! tract-onnx looks operators up by name and ignores their domain, so a graph with operators of other domains is
//! rejected before it is read.

mod from_tract;
mod guard;

use prost::Message;
use tract_core::internal::*;
use tract_core::ops::cast::cast;
use tract_core::ops::source::TypedSource;
use tract_onnx::prelude::{Framework, InferenceModelExt};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact};

use super::onnx::pb::{ModelProto, OperatorSetIdProto};
use super::onnx::{InputRole, OnnxModel, StaticShape, Translated};
use super::signature::GraphSignature;
use super::unfused::interpreted::Interpreted;
use crate::config::BertConfig;
use crate::error::{Error, ErrorCode, Result, fail};

pub use guard::{GUARDED_THREAD, guarded};

/// The version of the ONNX format that the file is passed on in. Only versions below 4 change the meaning of a graph.
const IR_VERSION: i64 = 8;
/// Operators of other domains that tract-onnx computes as onnxruntime does.
const KNOWN_CONTRIB: [&str; 1] = ["MatMulNBits"];

/// Returns the most tokens of a text by `config.json`: RoBERTa's positions begin after the pad token's id.
pub(crate) fn longest_text(config: &BertConfig) -> usize {
    let kind = config.model_type.as_deref().unwrap_or_default();
    let unread = match kind {
        "roberta" | "xlm-roberta" | "camembert" => usize::try_from(config.pad_token_id + 1).unwrap_or(0),
        _ => 0,
    };
    config.max_position_embeddings.saturating_sub(unread).max(2)
}

/// Translates a decoded file, whose external data was put into its tensors, to tract's typed graph.
///
/// tract-onnx cannot keep the lengths of some graphs symbolic. Such a graph gets the lengths of `fallback`.
///
/// # Errors
/// `UNSUPPORTED_OPERATOR` for an operator of another domain, `UNSUPPORTED_MODEL` if tract-onnx cannot read the graph
/// or the graph needs more than its declared inputs and outputs.
pub(crate) fn translate(
    model: OnnxModel,
    signature: &GraphSignature,
    fallback: StaticShape,
) -> Result<(TypedModel, Translated)> {
    if let Some(node) = model.graph.node.iter().find(|node| {
        !matches!(node.domain.as_str(), "" | "ai.onnx") && !KNOWN_CONTRIB.contains(&node.op_type.as_str())
    }) {
        fail!(
            UnsupportedOperator,
            "the graph uses the operator {} of the domain {} (node `{}`), which is not in the ONNX standard",
            node.op_type,
            node.domain,
            node.name
        );
    }
    let opsets = [("", model.opset), ("com.microsoft", 1)];
    let opset_import =
        opsets.map(|(domain, version)| OperatorSetIdProto { domain: domain.into(), version }).into();
    let file = ModelProto {
        ir_version: IR_VERSION,
        opset_import,
        graph: Some(model.graph),
        ..ModelProto::default()
    };
    let bytes = file.encode_to_vec();
    drop(file);
    let own = signature.static_shape;
    let fallback =
        StaticShape { batch: own.batch.or(fallback.batch), sequence: own.sequence.or(fallback.sequence) };
    guarded(|| {
        read(&bytes, signature, own).or_else(|_| read(&bytes, signature, fallback)).map_err(|e| {
            let message = format!("tract-onnx cannot read the graph: {}", e.root_cause());
            Error::with_source(ErrorCode::UnsupportedModel, message, e)
        })
    })
}

fn read(
    bytes: &[u8],
    signature: &GraphSignature,
    fixed: StaticShape,
) -> TractResult<(TypedModel, Translated)> {
    let framework = tract_onnx::onnx().with_ignore_output_shapes(true).with_ignore_value_info(true);
    let proto = framework.proto_model_for_read(&mut &*bytes)?;
    let parsed = framework.parse(&proto, None)?;
    drop(proto);
    ensure!(parsed.unresolved_inputs.is_empty(), "the graph reads values that nothing makes");
    let (mut model, outlets) = (parsed.model, parsed.outlets_by_name);
    let outlet =
        |name: &str| outlets.get(name).copied().with_context(|| format!("the graph has no `{name}`"));

    let batch = fixed.batch.map_or_else(|| model.symbols.sym("batch").to_dim(), |n| n.to_dim());
    let sequence = fixed.sequence.map_or_else(|| model.symbols.sym("sequence").to_dim(), |n| n.to_dim());
    for bound in ["batch >= 1", "sequence >= 1"] {
        model.symbols.add_assertion(bound)?;
    }
    let dims: TVec<TDim> = tvec!(batch.clone(), sequence.clone());
    let mut roles: Vec<InputRole> = Vec::new();
    let mut sources = Vec::new();
    for input in &signature.inputs {
        let Some(role) = input.role else { bail!("the graph has an input for positions") };
        let at = outlet(&input.name)?;
        let Some(datum_type) = model.outlet_fact(at)?.datum_type.concretize() else {
            bail!("the input `{}` has no type", input.name)
        };
        model.set_outlet_fact(at, InferenceFact::dt_shape(datum_type, &*dims))?;
        roles.push(role);
        sources.push(at);
    }
    model.set_input_outlets(&sources)?;
    let outputs = signature.outputs.iter().map(|name| outlet(name)).collect::<TractResult<Vec<_>>>()?;
    model.select_output_outlets(&outputs)?;
    model.compact()?;

    let mut model = model.into_typed()?;
    accept_int64(&mut model)?;
    check_indices(&mut model);
    let mut shapes = Vec::new();
    for outlet in model.output_outlets()?.to_vec() {
        let fact = model.outlet_fact(outlet)?;
        ensure!(fact.datum_type == DatumType::F32, "an output is not float");
        shapes.push(fact.shape.to_tvec());
    }
    let inputs = model.input_outlets()?.to_vec();
    let is_read = |(outlet, role): (&OutletId, &InputRole)| {
        *role == InputRole::Mask && !model.node(outlet.node).outputs[0].successors.is_empty()
    };
    let masked = inputs.iter().zip(&roles).any(is_read);
    let constants = model.nodes().iter().filter_map(|n| n.outputs.first()?.fact.konst.as_ref());
    let weight_bytes = constants.map(|t| t.len() * t.datum_type().size_of()).sum();
    let graph = from_tract::from_tract(&model)?;
    Ok((model, Translated { model: graph, roles, shapes, masked, weight_bytes, batch, sequence }))
}

/// Makes every input int64, as [`Translated`] has them. An input of another type is cast.
fn accept_int64(model: &mut TypedModel) -> TractResult<()> {
    for outlet in model.input_outlets()?.to_vec() {
        let fact = model.outlet_fact(outlet)?.clone();
        let datum_type = fact.datum_type;
        ensure!(matches!(datum_type, DatumType::I64 | DatumType::I32), "an input is not an integer");
        if datum_type == DatumType::I64 {
            continue;
        }
        let readers = model.node(outlet.node).outputs[0].successors.clone();
        let source = model.node_mut(outlet.node);
        let fact = DatumType::I64.fact(fact.shape.to_tvec());
        source.op = Box::new(TypedSource::new(fact.clone()));
        source.outputs[0].fact = fact;
        let name = format!("{}.cast", source.name);
        let narrow = model.wire_node(name, cast(datum_type), &[outlet])?[0];
        for reader in readers {
            model.add_edge(narrow, reader)?;
        }
    }
    Ok(())
}

/// Puts a check of the indices before every gather: tract panics on an index that is out of range.
fn check_indices(model: &mut TypedModel) {
    for id in 0..model.nodes().len() {
        let node = model.node_mut(id);
        let Some(gather) = from_tract::gather(node) else { continue };
        node.op = Box::new(Interpreted::new(Arc::new(gather)));
    }
}
