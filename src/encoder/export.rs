//! Reads an ONNX export as a checkpoint: the sizes of its BERT, and its weights one at a time as floats.
//!
//! The converter uses this module. It goes the way of a load up to the plan: the graph is translated, the matcher
//! recognizes a BERT in it, and [`BertPlan`] says which weight is which. Quantized weights are dequantized, and
//! what an exporter joined (queries, keys and values in one matrix) is taken apart.

use crate::config::BertConfig;
use crate::encoder::OutputPreference;
use crate::encoder::logits::logits_output;
use crate::encoder::matcher::match_graph;
pub(crate) use crate::encoder::onnx::ReadRange;
use crate::encoder::onnx::{
    ModelSizes, OnnxFile, OnnxGraph, OnnxModel, Weight, declared_values, inline_small_tensors, translate,
};
#[cfg(feature = "cli")]
use crate::encoder::onnx::{StaticShape, inline_all_tensors};
use crate::encoder::plan::bert::BertPlan;
pub(crate) use crate::encoder::plan::bert::{
    BertLinear, BertNorm, BertSizes, BertTensor, ClassifierLinear, PlanPooling,
};
use crate::encoder::plan::{Plan, PlanOp};
use crate::encoder::signature::GraphSignature;
#[cfg(feature = "cli")]
use crate::encoder::tract_onnx_reader::{self, guarded, longest_text};
use crate::error::{Result, fail};

/// A BERT in an ONNX export.
pub(crate) struct BertExport<'a> {
    plan: BertPlan,
    sizes: BertSizes,
    weights: Vec<Weight>,
    dtype: &'static str,
    is_imported: bool,
    read: Box<ReadRange<'a>>,
}

impl<'a> BertExport<'a> {
    /// Recognizes the BERT in a graph. `outputs` says which outputs count. No large weight is read yet.
    ///
    /// # Errors
    /// `NOT_A_MODEL`, `INVALID_MODEL` for a file that is not a valid ONNX graph; `UNSUPPORTED_OPERATOR`,
    /// `UNSUPPORTED_MODEL` for a graph that is not recognized as a BERT of `config`'s sizes; the errors of `read`.
    pub(crate) fn open(
        onnx: OnnxFile,
        config: &BertConfig,
        outputs: OutputPreference,
        read: Box<ReadRange<'a>>,
    ) -> Result<Self> {
        onnx.external_files()?; // Checks offsets, lengths and reuse.
        let mut model = onnx.model;
        inline_small_tensors(&mut model, &read)?;
        let mut signature = find_signature(&model, config, outputs)?;
        let graph = OnnxGraph::from_model(model, &Default::default(), &signature.outputs)?;
        signature.resolve(&graph, config)?;
        let sizes = ModelSizes::of(config);
        let GraphSignature { outputs, inputs, static_shape, .. } = &signature;
        let translated = translate(&graph, outputs, inputs, *static_shape, sizes)?;
        let plan = match_graph(&translated, sizes, false, signature.kind());
        drop(translated);
        // A file that uses the same weights again and again would be written again and again.
        let stored = graph.weights.iter().map(Weight::elements).fold(0, usize::saturating_add);
        let plan = plan.filter(|plan| plan.elements() <= stored.saturating_mul(4).saturating_add(1 << 20));
        let dtype = graph.dtype();
        Self::new(plan, graph.weights, dtype, read)
    }

    fn new(
        plan: Option<Plan>,
        weights: Vec<Weight>,
        dtype: &'static str,
        read: Box<ReadRange<'a>>,
    ) -> Result<Self> {
        if plan.iter().flat_map(|plan| &plan.ops).any(|op| matches!(op, PlanOp::Clip(_))) {
            fail!(
                UnsupportedModel,
                "the ONNX graph clips values between its layers, as static quantization does; a converted folder cannot \
                 do that. Convert the float export or the checkpoint"
            );
        }
        let plan = plan.as_ref().and_then(BertPlan::read);
        let Some((plan, sizes)) = plan.and_then(|plan| plan.sizes().map(|sizes| (plan, sizes))) else {
            fail!(
                UnsupportedModel,
                "the ONNX graph is not recognized as a BERT encoder with its own weights in each layer (ALBERT's layers \
                 share theirs), followed by nothing or by a reranker's two layers with tanh between. Its weights \
                 cannot be taken from it; convert the checkpoint that it was exported from, or load the export as it is"
            );
        };
        Ok(Self { plan, sizes, weights, dtype, is_imported: false, read })
    }

    /// Recognizes the BERT in a graph as tract-onnx reads it. All weights are in memory.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open), and `UNSUPPORTED_MODEL` if tract-onnx cannot read the graph.
    #[cfg(feature = "cli")]
    pub(crate) fn open_with_tract_onnx(
        onnx: OnnxFile,
        config: &BertConfig,
        outputs: OutputPreference,
        read: Box<ReadRange<'a>>,
    ) -> Result<Self> {
        onnx.external_files()?;
        let mut model = onnx.model;
        inline_all_tensors(&mut model, &read)?;
        let signature = find_signature(&model, config, outputs)?;
        if !signature.is_complete() {
            fail!(UnsupportedModel, "the graph has no output with its hidden states");
        }
        let sizes = ModelSizes::of(config);
        // The full length: a shorter one could cut the position table.
        let fallback = StaticShape { batch: Some(2), sequence: Some(longest_text(config)) };
        let plan = guarded(|| {
            let (_, translated) = tract_onnx_reader::translate(model, &signature, fallback)?;
            Ok(match_graph(&translated, sizes, false, signature.kind()))
        })?;
        Ok(Self { is_imported: true, ..Self::new(plan, Vec::new(), "f32", read)? })
    }

    /// Returns the sizes and settings that the graph shows.
    pub(crate) fn sizes(&self) -> &BertSizes {
        &self.sizes
    }

    /// Returns the number type of most stored weights: `f32`, `f16`, `int8` or `int4`.
    pub(crate) fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// Returns true if tract-onnx read the graph.
    pub(crate) fn is_imported(&self) -> bool {
        self.is_imported
    }

    /// Returns how the graph pools, if its sentence vector was asked for.
    pub(crate) fn pooling(&self) -> Option<PlanPooling> {
        self.plan.pooling
    }

    /// Reads a tensor as a checkpoint has it, see [`BertTensor`]. `rows` are those of a table that the graph lacks.
    ///
    /// # Errors
    /// `INVALID_MODEL` for a damaged weight, `OUT_OF_MEMORY`, and the errors of the reader.
    pub(crate) fn read(&self, tensor: BertTensor, rows: usize) -> Result<Vec<f32>> {
        let load = |index: usize| self.weights[index].load(&self.read);
        self.plan.tensor(tensor, rows, self.weights.len(), &load)
    }
}

/// Identifies the inputs of a graph, and its output of the last layer or of one row per text. A graph that has neither may
/// have the logits of a cross-encoder.
fn find_signature(
    model: &OnnxModel,
    config: &BertConfig,
    preference: OutputPreference,
) -> Result<GraphSignature> {
    let find = |outputs| GraphSignature::find(&model.graph, config, &[config.num_hidden_layers], outputs);
    find(preference).or_else(|error| match logits_output(&declared_values(&model.graph).1) {
        Ok(_) => find(OutputPreference::Scores),
        Err(_) => Err(error),
    })
}
