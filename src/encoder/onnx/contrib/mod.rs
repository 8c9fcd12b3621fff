//! Translators of onnxruntime's operators (domain `com.microsoft`), one file per operator: those that its
//! transformer optimizer and its quantizers put into a BERT.

pub(super) mod attention;
pub(super) mod bias_gelu;
pub(crate) mod blockwise;
pub(super) mod dynamic_quantize_matmul;
pub(super) mod embed_layer_normalization;
pub(super) mod fast_gelu;
pub(super) mod fused_matmul;
pub(super) mod gather_block_quantized;
pub(super) mod gelu;
pub(super) mod matmul_integer_to_float;
pub(super) mod matmul_nbits;
pub(super) mod multi_head_attention;
pub(super) mod q_attention;
pub(super) mod q_embed_layer_normalization;
pub(super) mod qlinear;
pub(super) mod skip_layer_normalization;
