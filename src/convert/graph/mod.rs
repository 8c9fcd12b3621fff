//! Builds the ONNX file of a BERT encoder.
//!
//! f32 and int8 files have standard operators of opset 17 only, so that any runtime opens them.
//!
//! | | name | type and shape |
//! |---|---|---|
//! | inputs | `input_ids`, `attention_mask`, `token_type_ids` | int64 `[batch, sequence]` |
//! | output | `last_hidden_state` | f32 `[batch, sequence, hidden]` |
//! | output of a cross-encoder, in place of it | `logits` | f32 `[batch, labels]` |
//! | outputs, if the pooling averages another layer with the last one | `hidden_states.{i}` for both layers (layer 0 is the embeddings, 1 the first layer) | f32 `[batch, sequence, hidden]` |
//!
//! Initializers have the names of the checkpoint's tensors. The weight of a Linear is `[in, out]`, which
//! is what MatMul takes. Biases, LayerNorms and the token type embeddings are f32 in every number type.
//!
//! | | Linear | word and position embeddings |
//! |---|---|---|
//! | f32 | `{name}` | `{name}` |
//! | int8 | `{name}_quantized` int8 `[in, out]`, `{name}_scale` f32 `[out]`, DequantizeLinear; Mul of the inputs by `{name}_input_factors` f32 `[in]` if the weight is equalized | `{name}_quantized` int8 `[rows, hidden]`, `{name}_scale` f32 `[rows, 1]` |
//! | int4 | MatMulNBits of `{name}_quantized` uint8 `[out, in / 32, 16]` (two values per byte), `{name}_scale` f16 `[out, in / 32]` behind a Cast, `{name}_zero_point` (two per byte) | as int8 |
//!
//! int8 embeddings are gathered first and scaled afterwards: Gather of the int8 rows, Cast, Mul by the
//! Gather of the scales. A DequantizeLinear in front of the Gather has the same meaning, but tract folds it
//! into an f32 table during loading, which takes four times the memory.
//!
//! MatMulNBits is an operator of onnxruntime (domain `com.microsoft`). The last block of a row may be
//! short. No accuracy level is set, so onnxruntime computes in f32.

mod activation;
mod bert_graph;
mod graph_builder;
mod linear_weight;

use prost::Message;

use self::bert_graph::build_graph;
use self::graph_builder::MICROSOFT;
use super::checkpoint::Checkpoint;
use super::lineage::TensorHashes;
use super::options::Dtype;
use super::shards::ShardWriter;
use super::vocabulary::KeptVocabulary;
use crate::config::{BertConfig, PoolingChoice};
use crate::encoder::onnx::pb::{ModelProto, OperatorSetIdProto};
use crate::error::Result;
use crate::model::manifest::FileEntry;

const OPSET: i64 = 17;
/// The version of the ONNX format that introduced opset 17.
const IR_VERSION: i64 = 8;

/// Writes the weights to the shards. Returns the bytes of `model.onnx`, the manifest entries of the shards, and the hashes
/// of the tensors.
///
/// # Errors
/// The errors of [`Checkpoint::read`], `UNSUPPORTED_MODEL` if a row of a tensor is larger than a shard,
/// `FETCH_FAILED` if a shard cannot be written.
pub(crate) fn build(
    checkpoint: &Checkpoint,
    vocabulary: Option<&KeptVocabulary>,
    pooling: &PoolingChoice,
    dtype: Dtype,
    shards: ShardWriter,
) -> Result<(Vec<u8>, Vec<FileEntry>, TensorHashes)> {
    let mut opsets = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
    if dtype == Dtype::Int4 {
        opsets.push(OperatorSetIdProto { domain: MICROSOFT.into(), version: 1 });
    }
    let more_layers = layers_before_last(&checkpoint.config, pooling);
    let (graph, shards, tensors) = build_graph(checkpoint, vocabulary, &more_layers, dtype, shards)?;
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: opsets,
        producer_name: "corom".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
    };
    Ok((model.encode_to_vec(), shards, tensors))
}

/// Returns the layers, besides the last one, whose hidden states the pooling needs.
fn layers_before_last(config: &BertConfig, pooling: &PoolingChoice) -> Vec<usize> {
    let last = config.num_hidden_layers;
    pooling.layers(last).into_iter().filter(|&layer| layer != last).collect()
}
