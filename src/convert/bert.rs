//! The parts of a BERT encoder: the names of its tensors, as in Hugging Face's `BertModel`, their shapes
//! for a configuration, and its activation functions.

use crate::config::BertConfig;
use crate::error::{Result, fail};

/// A tensor of the encoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncoderTensor {
    /// For example `encoder.layer.0.attention.self.query.weight`.
    pub(crate) name: String,
    /// The shape in PyTorch; the weight of a Linear is `[out, in]`.
    pub(crate) shape: Vec<u64>,
}

/// The name of the word embeddings. Each encoder in a checkpoint has exactly one such tensor.
pub(crate) const WORD_EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

/// The name of the token type embeddings.
pub(crate) const TOKEN_TYPE_EMBEDDINGS: &str = "embeddings.token_type_embeddings.weight";

/// The name of ERNIE's task type embeddings.
pub(crate) const TASK_EMBEDDINGS: &str = "embeddings.task_type_embeddings.weight";

/// Returns the Linear modules of a layer: the name within the layer, outputs, inputs.
fn linears(config: &BertConfig) -> [(&'static str, usize, usize); 6] {
    let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
    [
        ("attention.self.query", hidden, hidden),
        ("attention.self.key", hidden, hidden),
        ("attention.self.value", hidden, hidden),
        ("attention.output.dense", hidden, hidden),
        ("intermediate.dense", intermediate, hidden),
        ("output.dense", hidden, intermediate),
    ]
}

/// Returns every tensor of the encoder, in the order of the forward pass. `task_types` are the rows of ERNIE's
/// table of task types, if it has one.
pub(crate) fn encoder_tensors(config: &BertConfig, task_types: Option<usize>) -> Vec<EncoderTensor> {
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        all.push(EncoderTensor { name, shape: shape.iter().map(|&d| d as u64).collect() });
    };
    let hidden = config.hidden_size;
    add(WORD_EMBEDDINGS.into(), &[config.vocab_size, hidden]);
    add("embeddings.position_embeddings.weight".into(), &[config.max_position_embeddings, hidden]);
    add(TOKEN_TYPE_EMBEDDINGS.into(), &[config.type_vocab_size, hidden]);
    if let Some(rows) = task_types {
        add(TASK_EMBEDDINGS.into(), &[rows, hidden]);
    }
    let norm = |add: &mut dyn FnMut(String, &[usize]), module: String| {
        add(format!("{module}.weight"), &[hidden]);
        add(format!("{module}.bias"), &[hidden]);
    };
    norm(&mut add, "embeddings.LayerNorm".into());
    for layer in 0..config.num_hidden_layers {
        for (module, outputs, inputs) in linears(config) {
            let module = format!("encoder.layer.{layer}.{module}");
            add(format!("{module}.weight"), &[outputs, inputs]);
            add(format!("{module}.bias"), &[outputs]);
        }
        norm(&mut add, format!("encoder.layer.{layer}.attention.output.LayerNorm"));
        norm(&mut add, format!("encoder.layer.{layer}.output.LayerNorm"));
    }
    all
}

/// An activation function of the feed-forward layer: `hidden_act` in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HiddenAct {
    /// `x · ½ · (1 + erf(x / √2))`
    Gelu,
    /// `½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))`
    GeluTanh,
    /// `max(x, 0)`
    Relu,
}

impl HiddenAct {
    /// Parses Hugging Face's name of an activation function.
    ///
    /// # Errors
    /// `INVALID_CONFIG` for a name that corom does not support.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "gelu" | "gelu_python" => Self::Gelu,
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Self::GeluTanh,
            "relu" => Self::Relu,
            _ => fail!(
                InvalidConfig,
                "config.json: hidden_act `{name}` is not supported; corom supports gelu, gelu_new \
                 (gelu_pytorch_tanh) and relu"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_model_has_the_published_number_of_parameters() {
        let config = BertConfig::from_json(
            br#"{"vocab_size": 21128, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
                 "intermediate_size": 3072}"#,
        )
        .unwrap();
        let all = encoder_tensors(&config, None);
        assert_eq!(all.len(), 5 + 12 * 16);
        // A BERT of this size has 101,677,056 parameters without the pooler.
        assert_eq!(all.iter().map(|t| t.shape.iter().product::<u64>()).sum::<u64>(), 101_677_056);
    }
}
