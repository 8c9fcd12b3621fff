//! The tensors that a BERT encoder is made of: their names, as Hugging Face's
//! `BertModel` has them, and their shapes under a configuration.

use corom::config::BertConfig;

/// A tensor that the encoder needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needed {
    /// `encoder.layer.0.attention.self.query.weight`
    pub(crate) name: String,
    /// As PyTorch has it; a Linear's weight is `[out, in]`.
    pub(crate) shape: Vec<u64>,
}

/// The word embedding: the one tensor that tells an encoder from everything else.
pub(crate) const WORD_EMBEDDINGS: &str = "embeddings.word_embeddings.weight";

/// The Linear modules of a layer: name below the layer, rows out, columns in.
pub(crate) fn linears(config: &BertConfig) -> [(&'static str, usize, usize); 6] {
    let (hidden, wide) = (config.hidden_size, config.intermediate_size);
    [
        ("attention.self.query", hidden, hidden),
        ("attention.self.key", hidden, hidden),
        ("attention.self.value", hidden, hidden),
        ("attention.output.dense", hidden, hidden),
        ("intermediate.dense", wide, hidden),
        ("output.dense", hidden, wide),
    ]
}

/// Every tensor of the encoder, in the order of its forward pass.
pub(crate) fn needed(config: &BertConfig) -> Vec<Needed> {
    let mut all = Vec::new();
    let mut add = |name: String, shape: &[usize]| {
        all.push(Needed { name, shape: shape.iter().map(|&d| d as u64).collect() });
    };
    let hidden = config.hidden_size;
    add(WORD_EMBEDDINGS.into(), &[config.vocab_size, hidden]);
    add("embeddings.position_embeddings.weight".into(), &[config.max_position_embeddings, hidden]);
    add("embeddings.token_type_embeddings.weight".into(), &[config.type_vocab_size, hidden]);
    let norm = |add: &mut dyn FnMut(String, &[usize]), module: String| {
        add(format!("{module}.weight"), &[hidden]);
        add(format!("{module}.bias"), &[hidden]);
    };
    norm(&mut add, "embeddings.LayerNorm".into());
    for layer in 0..config.num_hidden_layers {
        for (module, out, inner) in linears(config) {
            let module = format!("encoder.layer.{layer}.{module}");
            add(format!("{module}.weight"), &[out, inner]);
            add(format!("{module}.bias"), &[out]);
        }
        norm(&mut add, format!("encoder.layer.{layer}.attention.output.LayerNorm"));
        norm(&mut add, format!("encoder.layer.{layer}.output.LayerNorm"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_model_has_the_published_number_of_parameters() {
        let config = BertConfig::from_json(
            br#"{"vocab_size": 21128, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
                 "intermediate_size": 3072}"#,
        )
        .unwrap();
        let all = needed(&config);
        assert_eq!(all.len(), 5 + 12 * 16);
        // corom-facts: 101,677,056 without the pooler.
        assert_eq!(all.iter().map(|t| t.shape.iter().product::<u64>()).sum::<u64>(), 101_677_056);
    }
}
