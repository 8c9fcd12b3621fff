//! The ONNX file of a BERT encoder.
//!
//! Standard operators of opset 17 only, so that any runtime opens it (but see int4):
//!
//! - inputs `input_ids`, `attention_mask`, `token_type_ids`: int64 `[batch, sequence]`;
//! - output `last_hidden_state`: f32 `[batch, sequence, hidden]`, and, where a pooling
//!   averages another layer with it, `hidden_states.{i}` for that layer and the last
//!   (1 is the first layer's output, 0 the embeddings');
//! - initializers named like the checkpoint's tensors; a Linear's weight lies as
//!   `[in, out]`, which is what MatMul takes.
//!
//! In int8, a Linear's weight is `{name}_quantized`, int8 by output channel with
//! `{name}_scale` (f32, one for each), which DequantizeLinear joins to `{name}`.
//! The word and position embeddings are int8 by row. There the rows are gathered
//! first and scaled after: Gather of the int8 rows, Cast, Mul by the Gather of
//! their scales. A DequantizeLinear in front of the Gather would say the same, but
//! tract folds that into an f32 table at load, four times the memory; this way a
//! text pays for its own rows only. Biases, LayerNorms and the token types stay f32.
//!
//! In int4, embeddings are as in int8, and a Linear is onnxruntime's MatMulNBits of
//! `{name}_quantized` (uint8 `[out, in / 32, 16]`, two numbers a byte), `{name}_scale`
//! (f16 `[out, in / 32]`, which a Cast widens) and `{name}_zero_point` (two a byte).
//! The last block of a row may be short. No accuracy level is set, which is f32.

mod activation;
mod builder;
mod encoder;
mod product;

use corom::config::{BertConfig, Pooling};
use corom::encoder::onnx::pb::{ModelProto, OperatorSetIdProto};
use corom::error::Result;
use prost::Message;

use builder::MICROSOFT;

use super::shards::Shards;
use super::{Dtype, checkpoint::Checkpoint};
pub(crate) use activation::Activation;

const OPSET: i64 = 17;
/// The ONNX format's version of that time.
const IR_VERSION: i64 = 8;

/// Writes the weights into the shards and returns the bytes of `model.onnx`.
///
/// # Errors
/// Those of reading the weights, and `UNSUPPORTED_MODEL`.
pub(crate) fn build(
    checkpoint: &Checkpoint,
    pooling: Pooling,
    dtype: Dtype,
    shards: &mut Shards,
) -> Result<Vec<u8>> {
    let config = &checkpoint.config;
    let mut opsets = vec![OperatorSetIdProto { domain: String::new(), version: OPSET }];
    if dtype == Dtype::Int4 {
        opsets.push(OperatorSetIdProto { domain: MICROSOFT.into(), version: 1 });
    }
    let model = ModelProto {
        ir_version: IR_VERSION,
        opset_import: opsets,
        producer_name: "corom".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(encoder::build(checkpoint, &further_layers(config, pooling), dtype, shards)?),
    };
    Ok(model.encode_to_vec())
}

/// The layers but the last whose output the pooling needs.
fn further_layers(config: &BertConfig, pooling: Pooling) -> Vec<usize> {
    let last = config.num_hidden_layers;
    let mut layers: Vec<usize> = pooling.layers(last).into_iter().filter(|&layer| layer != last).collect();
    layers.dedup();
    layers
}
