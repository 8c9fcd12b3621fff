//! The unfused encoder: runs an ONNX graph in tract as it is (feature `unfused`).
//!
//! It runs every dialect that [`onnx`](super::onnx) reads, and the tests compare the fused encoders
//! with it.

mod forward;
pub(super) mod interpreted;
mod isolation;
mod pad;
mod runnable_graph;
mod to_tract;

use std::collections::BTreeMap;

use std::task::Poll;

use crate::batch::{Batch, BatchLayout};
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::onnx::{ModelSizes, OnnxFile, OnnxGraph};
use crate::encoder::signature::GraphSignature;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput, OutputPreference, Tolerance};
#[cfg(feature = "cli")]
use crate::encoder::{
    onnx::{StaticShape, inline_all_tensors, tensor_bytes},
    tract_onnx_reader::{self, longest_text},
};
use crate::error::{Result, fail};
use runnable_graph::RunnableGraphs;
#[cfg(feature = "cli")]
use tract_core::internal::DimLike;

/// Tokens per batch, padding included.
const MAX_BATCH_TOKENS: usize = 512;

/// A BERT encoder that tract runs on the CPU.
///
/// The vector of a text does not depend on the other texts of its batch: padding is masked, and three
/// kinds of graph get one text at a time without padding. One kind quantizes activations, one has no
/// attention mask, and one mixes the texts of a batch or reads padding in spite of its mask (`isolation`).
#[derive(Debug)]
pub struct UnfusedEncoder {
    graphs: RunnableGraphs,
    info: EncoderInfo,
    config: BertConfig,
    one_by_one: bool,
    /// True if the output has the logits of a classifier.
    scores: bool,
    output: Option<EncoderOutput>,
}

impl UnfusedEncoder {
    /// Loads a graph.
    ///
    /// - `onnx`: the bytes of the ONNX file.
    /// - `external`: the bytes of the files that
    ///   [`external_files`](super::onnx::external_files) lists, by path.
    /// - `config`: the configuration, which must agree with the graph.
    /// - `layers`: the hidden layers to return, see
    ///   [`Pooling::layers`](crate::config::Pooling::layers).
    ///
    ///
    /// A layer is read from an output such as `hidden_states.3`, or found by the LayerNorms of the
    /// graph. If only the last layer is requested and the graph has no hidden states but a sentence vector,
    /// that vector is returned ([`EncoderInfo::pooled`]).
    ///
    /// # Errors
    /// `NOT_A_MODEL` or `INVALID_MODEL` for a file that is not a valid ONNX graph;
    /// `UNSUPPORTED_MODEL` for a graph that is not a BERT encoder of `config`'s sizes;
    /// `UNSUPPORTED_OPERATOR`, which names operator and node; `UNSUPPORTED_POOLING` if the graph does
    /// not offer a layer of `layers`; `MISSING_FILE` if external data is missing.
    pub fn load(
        onnx: &[u8],
        external: BTreeMap<String, Vec<u8>>,
        config: &BertConfig,
        layers: &[usize],
    ) -> Result<Self> {
        Self::from_file(OnnxFile::parse(onnx)?, external, config, layers, OutputPreference::HiddenFirst)
    }

    /// Loads the graph of an ONNX file that is whole, and returns the outputs that `preference` asks for. The
    /// other arguments are those of [`load`](Self::load).
    ///
    /// # Errors
    /// The errors of [`load`](Self::load).
    pub fn from_file(
        onnx: OnnxFile,
        external: BTreeMap<String, Vec<u8>>,
        config: &BertConfig,
        layers: &[usize],
        preference: OutputPreference,
    ) -> Result<Self> {
        let OnnxFile { model, .. } = onnx;
        let mut signature = GraphSignature::find(&model.graph, config, layers, preference)?;
        let mut graph = OnnxGraph::from_model(model, &external, &signature.outputs)?;
        graph.materialize(external)?;
        signature.resolve(&graph, config)?;
        let expected = ModelSizes::of(config);
        let quantizes = graph.quantizes_activations();
        let mut info = EncoderInfo {
            hidden_size: config.hidden_size,
            pooled: signature.pooled,
            first_rows: false,
            dtype: graph.dtype(),
            backend: "cpu (tract)",
            fused: false,
            precision: "f32",
            kernel: "tract",
            weight_bytes: 0,
            static_batch: signature.static_shape.batch,
            static_sequence: signature.static_shape.sequence,
            max_tokens: signature.static_shape.sequence.unwrap_or(config.max_position_embeddings),
            batch_layout: BatchLayout::Padded { max_tokens: MAX_BATCH_TOKENS },
            tolerance: Tolerance { min_cosine: 0.999, max_norm_error: 0.02, kernels: None },
            device: None,
            fallback: None,
        };
        let scores = signature.scores;
        let mut graphs = RunnableGraphs::new(graph, signature, expected)?;
        info.weight_bytes = graphs.weight_bytes();
        info.hidden_size = graphs.width().unwrap_or(info.hidden_size);
        info.max_tokens = info.max_tokens.min(graphs.max_tokens());
        let one_by_one =
            quantizes || !graphs.masked() || !isolation::keeps_texts_apart(&mut graphs, &info, config);
        Ok(Self { graphs, info, config: config.clone(), one_by_one, scores, output: None })
    }

    /// Says why no GPU runs the model.
    #[cfg(feature = "gpu")]
    pub(super) fn with_fallback(mut self, reason: &str) -> Self {
        self.info.fallback = Some(reason.to_owned());
        self
    }
}

/// Operators that quantize activations or read quantized ones.
#[cfg(feature = "cli")]
const QUANTIZING: [&str; 8] = [
    "QuantizeLinear",
    "DynamicQuantizeLinear",
    "DynamicQuantizeMatMul",
    "MatMulInteger",
    "MatMulIntegerToFloat",
    "QLinearMatMul",
    "QGemm",
    "QAttention",
];

/// The unfused encoder of a graph that tract-onnx reads: a second opinion, independent of [`onnx`](super::onnx).
#[cfg(feature = "cli")]
impl UnfusedEncoder {
    /// Loads a graph through tract-onnx. Arguments and errors are those of [`from_file`](Self::from_file).
    ///
    /// # Errors
    /// Also `UNSUPPORTED_MODEL` if tract-onnx cannot read the graph.
    pub fn from_tract_onnx(
        onnx: OnnxFile,
        external: BTreeMap<String, Vec<u8>>,
        config: &BertConfig,
        layers: &[usize],
        preference: OutputPreference,
    ) -> Result<Self> {
        let OnnxFile { mut model, .. } = onnx;
        inline_all_tensors(&mut model, &|path, range| match external.get(path) {
            Some(file) => Ok(tensor_bytes(file, path, "of an initializer", &range)?.to_vec()),
            None => fail!(MissingFile, "{path} is missing: the model keeps weights in it"),
        })?;
        drop(external);
        let signature = GraphSignature::find(&model.graph, config, layers, preference)?;
        if !signature.is_complete() {
            fail!(UnsupportedPooling, "the graph has no output for every layer that the pooling needs");
        }
        if let Some(node) = model.graph.node.iter().find(|node| QUANTIZING.contains(&node.op_type.as_str())) {
            fail!(
                UnsupportedOperator,
                "the graph quantizes activations (node `{}`), which corom and tract-onnx do in different ways",
                node.name
            );
        }
        let fallback = StaticShape { batch: Some(1), sequence: Some(longest_text(config)) };
        let (model, translated) = tract_onnx_reader::translate(model, &signature, fallback)?;
        let (static_batch, static_sequence) =
            (translated.batch.to_usize().ok(), translated.sequence.to_usize().ok());
        if static_sequence.is_some() && !translated.masked {
            fail!(UnsupportedModel, "tract-onnx: the graph needs a fixed length and masks no padding");
        }
        for shape in &translated.shapes {
            let rank = if signature.pooled { 2 } else { 3 };
            let width = shape.last().and_then(|width| width.to_usize().ok());
            // A sentence vector may have another size than hidden states.
            let fits = shape.len() == rank
                && width.is_some()
                && (signature.pooled || width == Some(config.hidden_size));
            if !fits {
                fail!(
                    UnsupportedModel,
                    "tract-onnx: an output is {shape:?}; expected {rank} axes and a fixed width"
                );
            }
        }
        let scores = signature.scores;
        let mut graphs = RunnableGraphs::of(model, translated, ModelSizes::of(config))?;
        let info = EncoderInfo {
            hidden_size: graphs.width().unwrap_or(config.hidden_size),
            pooled: signature.pooled,
            first_rows: false,
            dtype: "f32",
            backend: "cpu (tract-onnx)",
            fused: false,
            precision: "f32",
            kernel: "tract",
            weight_bytes: graphs.weight_bytes(),
            static_batch,
            static_sequence,
            max_tokens: static_sequence.unwrap_or(config.max_position_embeddings).min(graphs.max_tokens()),
            batch_layout: BatchLayout::Padded { max_tokens: MAX_BATCH_TOKENS },
            tolerance: Tolerance { min_cosine: 0.999, max_norm_error: 0.02, kernels: None },
            device: None,
            fallback: None,
        };
        if !isolation::masks_padding(&mut graphs, &info, config) {
            fail!(
                UnsupportedModel,
                "tract-onnx: the graph needs a fixed length, and its vectors depend on the padding"
            );
        }
        let one_by_one = !graphs.masked() || !isolation::keeps_texts_apart(&mut graphs, &info, config);
        Ok(Self { graphs, info, config: config.clone(), one_by_one, scores, output: None })
    }
}

impl Encoder for UnfusedEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            graphs: self.graphs.clone(),
            info: self.info.clone(),
            config: self.config.clone(),
            output: None,
            ..*self
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.output = None;
        check(batch, &self.config, self.info.max_tokens)?;
        let padding = pad::padding_id(&self.config);
        let rows = forward::run(&mut self.graphs, batch, padding, &self.info, self.one_by_one)?;
        self.output = Some(match <[_; 1]>::try_from(rows) {
            Ok([logits]) if self.scores => EncoderOutput::Scores(logits),
            Ok([pooled]) if self.info.pooled => EncoderOutput::Pooled(pooled),
            Ok(last) => EncoderOutput::Hidden(last.into()),
            Err(rows) => EncoderOutput::Hidden(rows),
        });
        Ok(())
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        match self.output.take() {
            Some(output) => Ok(Poll::Ready(output)),
            None => fail!(Internal, "no batch is running"),
        }
    }
}
