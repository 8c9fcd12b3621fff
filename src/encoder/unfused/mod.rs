//! The plain encoder: an ONNX graph run by tract as it comes.
//!
//! It runs every dialect that [`onnx`](super::onnx) can read and is the oracle
//! that faster encoders are tested against.

mod forward;
mod plan;

use std::collections::BTreeMap;

use super::check::check;
use super::onnx::{Expected, Graph, Model, declared_values};
use super::signature::GraphSignature;
use super::{Encoder, EncoderInfo, EncoderOutput};
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::error::Result;
use plan::Plans;

/// A BERT encoder that tract runs on the CPU.
///
/// A text's vector does not depend on its company: padding is masked, and two
/// kinds of graph are given one text at a time, unpadded. One quantises
/// activations as it runs (`DynamicQuantizeLinear`, whose scale is taken from the
/// whole tensor), the other has no attention mask.
#[derive(Debug)]
pub struct UnfusedEncoder {
    plans: Plans,
    info: EncoderInfo,
    config: BertConfig,
    /// Whether texts are run one at a time.
    one_by_one: bool,
}

impl UnfusedEncoder {
    /// Loads a graph.
    ///
    /// - `onnx`: the file's bytes;
    /// - `external`: the bytes of the files that
    ///   [`external_files`](super::onnx::external_files) lists, by path;
    /// - `config`: what `config.json` says, checked against the graph;
    /// - `layers`: the hidden layers wanted, see
    ///   [`Pooling::layers`](crate::config::Pooling::layers).
    ///
    /// A layer is read from an output such as `hidden_states.3`, or else found by
    /// the LayerNorms in the graph. When only the last layer is wanted and the
    /// graph gives no hidden rows but a vector a text, that is taken
    /// ([`EncoderInfo::pooled`]).
    ///
    /// # Errors
    /// `NOT_A_MODEL`, `INVALID_MODEL` for a file that is no sound ONNX graph;
    /// `UNSUPPORTED_MODEL` for one that is no BERT encoder of `config`'s sizes;
    /// `UNSUPPORTED_OPERATOR`, naming operator and node; `UNSUPPORTED_POOLING`
    /// when it does not offer a layer of `layers`; `MISSING_FILE` when external
    /// data is not there.
    pub fn load(
        onnx: Vec<u8>,
        external: BTreeMap<String, Vec<u8>>,
        config: &BertConfig,
        layers: &[usize],
    ) -> Result<Self> {
        let model = Model::parse(&onnx)?;
        drop(onnx);
        let (inputs, outputs) = declared_values(&model.graph);
        let mut signature = GraphSignature::find(&inputs, &outputs, config, layers)?;
        let mut graph = Graph::outline(model, &external, &signature.outputs)?;
        graph.materialise(external)?;
        signature.resolve(&graph, config)?;
        let expected = Expected {
            vocab_size: config.vocab_size,
            type_vocab_size: config.type_vocab_size,
            hidden_size: config.hidden_size,
            max_positions: config.max_position_embeddings,
        };
        let quantizes = graph.quantizes_as_it_runs();
        let mut info = EncoderInfo {
            hidden_size: config.hidden_size,
            pooled: signature.pooled,
            dtype: graph.dtype(),
            backend: "cpu (tract)",
            fused: false,
            precision: "f32",
            kernel: "tract",
            weight_bytes: 0,
            static_batch: signature.static_shape.batch,
            static_sequence: signature.static_shape.sequence,
        };
        let plans = Plans::new(graph, signature, expected)?;
        info.weight_bytes = plans.weight_bytes();
        let one_by_one = quantizes || !plans.masked();
        Ok(Self { plans, info, config: config.clone(), one_by_one })
    }
}

impl Encoder for UnfusedEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    /// # Errors
    /// `TOKEN_ID_OUT_OF_RANGE` for a token id beyond the vocabulary or a token
    /// type beyond the types; `INVALID_ARGUMENT` for a batch that contradicts
    /// itself or has more tokens a text than the model has positions.
    fn forward(&mut self, batch: &Batch) -> Result<EncoderOutput> {
        check(batch, &self.config, self.info.static_sequence)?;
        let rows = forward::run(&mut self.plans, batch, &self.info, self.one_by_one)?;
        Ok(match <[_; 1]>::try_from(rows) {
            Ok([pooled]) if self.info.pooled => EncoderOutput::Pooled(pooled),
            Ok(last) => EncoderOutput::Hidden(last.into()),
            Err(rows) => EncoderOutput::Hidden(rows),
        })
    }
}
