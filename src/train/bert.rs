//! BERT (Devlin and others, 2018), written as the paper describes it, with gradients.
//!
//! | symbol | size |
//! |---|---|
//! | B, T | texts of a pass; tokens of the longest one, the others are padded |
//! | H, A, I | hidden size, attention heads, width of the feed-forward layer |

use candle_core::{D, Device, Result, Tensor, Var};

use super::dropout::{Dropout, Site};
use super::linear_layer::LinearLayer;
use super::parameters::Parameters;
use super::tensor_ops::{gelu, layer_norm, softmax};
use crate::config::BertConfig;

/// Added to the attention scores of padding, which then get the weight 0.
const MASKED: f32 = -1e30;

/// Texts of one pass, padded to the same length.
#[derive(Debug)]
pub(super) struct Padded {
    /// Token ids, `[B, T]`.
    pub(super) ids: Tensor,
    /// Token types, `[B, T]`.
    pub(super) types: Tensor,
    /// 1 for tokens and 0 for padding, `[B, T]`.
    pub(super) mask: Tensor,
    /// The number of each text in its step, for dropout.
    pub(super) texts: Vec<usize>,
}

struct LayerNorm {
    weight: Var,
    bias: Var,
    epsilon: f64,
}

impl LayerNorm {
    fn new(parameters: &Parameters, name: &str, epsilon: f64) -> Result<Self> {
        let get = |part: &str| parameters.get(&format!("{name}.{part}"));
        Ok(Self { weight: get("weight")?, bias: get("bias")?, epsilon })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm(x, &self.weight, &self.bias, self.epsilon)
    }
}

/// One layer: self-attention and a feed-forward network, each with dropout, a residual connection and LayerNorm.
struct Layer {
    query: LinearLayer,
    key: LinearLayer,
    value: LinearLayer,
    attention_output: LinearLayer,
    attention_norm: LayerNorm,
    intermediate: LinearLayer,
    output: LinearLayer,
    output_norm: LayerNorm,
    heads: usize,
    index: usize,
    activation: Activation,
}

/// The activation function of the feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

impl Layer {
    fn new(
        parameters: &Parameters,
        config: &BertConfig,
        activation: Activation,
        index: usize,
    ) -> Result<Self> {
        let linear = |name: &str| LinearLayer::new(parameters, &format!("encoder.layer.{index}.{name}"));
        let norm = |name: &str| {
            LayerNorm::new(parameters, &format!("encoder.layer.{index}.{name}"), config.layer_norm_eps)
        };
        Ok(Self {
            query: linear("attention.self.query")?,
            key: linear("attention.self.key")?,
            value: linear("attention.self.value")?,
            attention_output: linear("attention.output.dense")?,
            attention_norm: norm("attention.output.LayerNorm")?,
            intermediate: linear("intermediate.dense")?,
            output: linear("output.dense")?,
            output_norm: norm("output.LayerNorm")?,
            heads: config.num_attention_heads,
            index,
            activation,
        })
    }

    /// Maps hidden states `[B, T, H]` to hidden states. `bias` is added to the attention scores, `[B, A, T, T]`.
    fn forward(
        &self,
        x: &Tensor,
        bias: &Tensor,
        texts: &[usize],
        dropout: Option<Dropout>,
    ) -> Result<Tensor> {
        let drop = |x: Tensor, site| match dropout {
            Some(dropout) => dropout.hidden(&x, texts, site),
            None => Ok(x),
        };
        let attended = self.attention(x, bias, texts, dropout)?;
        let attended = drop(self.attention_output.forward(&attended)?, Site::AttentionOutput(self.index))?;
        let x = self.attention_norm.forward(&(attended + x)?)?;
        let wide = self.intermediate.forward(&x)?;
        let wide = match self.activation {
            Activation::Gelu => gelu(&wide)?,
            Activation::GeluTanh => wide.gelu()?,
            Activation::Relu => wide.relu()?,
        };
        let fed = drop(self.output.forward(&wide)?, Site::FeedForward(self.index))?;
        self.output_norm.forward(&(fed + x)?)
    }

    /// Computes `softmax(Q · Kᵀ / √(H / A) + bias) · V` for each head, with the heads side by side, `[B, T, H]`.
    fn attention(
        &self,
        x: &Tensor,
        bias: &Tensor,
        texts: &[usize],
        dropout: Option<Dropout>,
    ) -> Result<Tensor> {
        let (batch, tokens, hidden) = x.dims3()?;
        let size = hidden / self.heads;
        let heads = |x: Tensor| x.reshape((batch, tokens, self.heads, size))?.transpose(1, 2)?.contiguous();
        let query = heads((self.query.forward(x)? / (size as f64).sqrt())?)?;
        let (key, value) = (heads(self.key.forward(x)?)?, heads(self.value.forward(x)?)?);
        let scores = (query.matmul(&key.t()?)? + bias)?;
        let mut weights = softmax(&scores)?;
        if let Some(dropout) = dropout {
            weights = dropout.attention(&weights, texts, Site::AttentionWeights(self.index))?;
        }
        weights.matmul(&value)?.transpose(1, 2)?.reshape((batch, tokens, hidden))
    }
}

/// The encoder.
pub(super) struct Bert {
    words: Var,
    positions: Var,
    types: Var,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Takes the encoder's tensors, by Hugging Face's names, from `parameters`.
    pub(super) fn new(parameters: &Parameters, config: &BertConfig, activation: Activation) -> Result<Self> {
        let layer = |index| Layer::new(parameters, config, activation, index);
        Ok(Self {
            words: parameters.get("embeddings.word_embeddings.weight")?,
            positions: parameters.get("embeddings.position_embeddings.weight")?,
            types: parameters.get("embeddings.token_type_embeddings.weight")?,
            norm: LayerNorm::new(parameters, "embeddings.LayerNorm", config.layer_norm_eps)?,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// Computes the hidden states of the last layer, `[B, T, H]`.
    pub(super) fn forward(&self, batch: &Padded, dropout: Option<Dropout>) -> Result<Tensor> {
        let (texts, tokens) = batch.ids.dims2()?;
        let rows = |table: &Var, ids: &Tensor| {
            table.index_select(&ids.flatten_all()?, 0)?.reshape((texts, tokens, table.dim(1)?))
        };
        let positions = Tensor::arange(0, tokens as u32, &Device::Cpu)?.unsqueeze(0)?.repeat((texts, 1))?;
        let words = rows(&self.words, &batch.ids)?;
        let sum = ((words + rows(&self.positions, &positions)?)? + rows(&self.types, &batch.types)?)?;
        let mut hidden = self.norm.forward(&sum)?;
        if let Some(dropout) = dropout {
            hidden = dropout.hidden(&hidden, &batch.texts, Site::Embeddings)?;
        }
        let heads = self.layers.first().map_or(1, |layer| layer.heads);
        let bias = batch.mask.affine(f64::from(-MASKED), f64::from(MASKED))?;
        let bias = bias
            .reshape((texts, 1, 1, tokens))?
            .broadcast_as((texts, heads, tokens, tokens))?
            .contiguous()?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, &bias, &batch.texts, dropout)?;
        }
        Ok(hidden)
    }
}

/// Pools hidden states `[B, T, H]` by the mean over the tokens of each text, `[B, H]`.
pub(super) fn mean_rows(hidden: &Tensor, mask: &Tensor) -> Result<Tensor> {
    // The mean is a product of two matrices, whose gradient is one too.
    let shares = mask.broadcast_div(&mask.sum_keepdim(D::Minus1)?)?;
    shares.unsqueeze(1)?.matmul(hidden)?.squeeze(1)
}

/// Pools hidden states `[B, T, H]` by the first row, that of `[CLS]`, `[B, H]`.
pub(super) fn first_rows(hidden: &Tensor) -> Result<Tensor> {
    hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()
}
