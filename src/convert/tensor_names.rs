//! Maps the keys of a checkpoint to the tensor names of the encoder.
//!
//! A BERT is saved with the prefix of whatever class held it (`bert.`, `encoder.`, `model.`, `module.` …)
//! or with none, with old LayerNorm names (`gamma`, `beta`), and with more around it: buffers, a pooler,
//! heads.

use std::collections::{BTreeMap, BTreeSet};

use super::bert::{EncoderTensor, WORD_EMBEDDINGS};
use crate::error::{Result, fail};

/// The keys of a checkpoint and the tensors that they hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TensorNames {
    /// The key for each tensor of the encoder, by the tensor's name.
    pub(crate) keys: BTreeMap<String, String>,
    /// The keys of a head: layers after the encoder that change the result.
    pub(crate) head: Vec<String>,
}

/// Finds the encoder among the keys of a checkpoint.
///
/// # Errors
/// `INVALID_CHECKPOINT` if there is no encoder, if there are several, if tensors are missing (the message
/// names all of them) or exist twice, or if there are more tensors than the configuration says.
pub(crate) fn resolve<'a>(
    keys: impl Iterator<Item = &'a str>,
    tensors: &[EncoderTensor],
) -> Result<TensorNames> {
    let keys: BTreeMap<String, &str> = modernize(keys)?;
    let prefix = find_prefix(&keys, tensors)?;
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for name in tensors.iter().map(|tensor| &tensor.name) {
        match keys.get(&format!("{prefix}{name}")) {
            Some(&key) => drop(found.insert(name.clone(), key.to_owned())),
            None => missing.push(format!("{prefix}{name}")),
        }
    }
    if !missing.is_empty() {
        fail!(
            InvalidCheckpoint,
            "{} of the encoder's {} tensors are not in the checkpoint: {}",
            missing.len(),
            tensors.len(),
            missing.join(", ")
        );
    }
    let taken: BTreeSet<&str> = found.values().map(String::as_str).collect();
    let mut head = Vec::new();
    let mut extra = Vec::new();
    for (modern, &key) in keys.iter().filter(|(_, key)| !taken.contains(*key)) {
        match modern.strip_prefix(&prefix) {
            Some(inner) if is_unused(inner) => {}
            Some(inner) if inner.starts_with("embeddings.") || inner.starts_with("encoder.") => {
                extra.push(key);
            }
            _ if is_language_head(modern) => {}
            _ => head.push(key.to_owned()),
        }
    }
    if !extra.is_empty() {
        fail!(
            InvalidCheckpoint,
            "the checkpoint's encoder has tensors that config.json does not describe \
             (more layers, another kind of attention, or an adapter): {}",
            extra.join(", ")
        );
    }
    Ok(TensorNames { keys: found, head })
}

/// Maps the modern name of each tensor to its key. Old checkpoints have TensorFlow's names for a LayerNorm.
fn modernize<'a>(keys: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, &'a str>> {
    let mut all = BTreeMap::new();
    for key in keys {
        let modern = match (key.strip_suffix("LayerNorm.gamma"), key.strip_suffix("LayerNorm.beta")) {
            (Some(module), _) => format!("{module}LayerNorm.weight"),
            (_, Some(module)) => format!("{module}LayerNorm.bias"),
            _ => key.to_owned(),
        };
        if let Some(other) = all.insert(modern, key) {
            fail!(InvalidCheckpoint, "the checkpoint has one tensor under two names, `{other}` and `{key}`");
        }
    }
    Ok(all)
}

/// Returns the prefix of the encoder's tensors: the prefix of the word embeddings, or without word
/// embeddings the prefix of most tensors.
fn find_prefix(keys: &BTreeMap<String, &str>, tensors: &[EncoderTensor]) -> Result<String> {
    let encoders: Vec<&str> = keys.keys().filter_map(|key| strip_name(key, WORD_EMBEDDINGS)).collect();
    let names: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys.keys() {
        // A tensor name can begin at the start and after each dot.
        for at in std::iter::once(0).chain(key.match_indices('.').map(|(dot, _)| dot + 1)) {
            if names.contains(&key[at..]) {
                *votes.entry(&key[..at]).or_default() += 1;
            }
        }
    }
    match encoders[..] {
        [one] => Ok(one.to_owned()),
        [] => match votes.into_iter().max_by_key(|&(_, count)| count) {
            Some((prefix, _)) => Ok(prefix.to_owned()),
            None => {
                let first: Vec<&str> = keys.values().copied().take(8).collect();
                fail!(
                    InvalidCheckpoint,
                    "the checkpoint has no BERT encoder: none of its {} tensors has the name of a BERT tensor ({}…)",
                    keys.len(),
                    first.join(", ")
                )
            }
        },
        _ => fail!(
            InvalidCheckpoint,
            "the checkpoint has {} encoders (`{}`); corom converts one: save the encoder that you want by itself",
            encoders.len(),
            encoders.join("`, `")
        ),
    }
}

/// Returns what precedes `name` in a key that ends with it.
fn strip_name<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    key.strip_suffix(name).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// Returns true if the hidden states do not depend on this tensor of the encoder.
fn is_unused(inner: &str) -> bool {
    matches!(inner, "embeddings.position_ids" | "embeddings.token_type_ids") || inner.starts_with("pooler.")
}

/// Returns true for a tensor of a pre-training head, which embeddings do not need.
fn is_language_head(key: &str) -> bool {
    const HEADS: [&str; 5] =
        ["cls.predictions.", "cls.seq_relationship.", "lm_head.", "mlm.", "generator_predictions."];
    key.match_indices('.')
        .map(|(dot, _)| dot + 1)
        .chain([0])
        .any(|at| HEADS.iter().any(|head| key[at..].starts_with(head)))
        || key.rsplit('.').next() == Some("position_ids")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BertConfig;
    use crate::convert::bert::encoder_tensors;
    use crate::error::ErrorCode;

    fn tiny() -> Vec<EncoderTensor> {
        let config = BertConfig::from_json(
            br#"{"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
                 "intermediate_size": 8}"#,
        )
        .unwrap();
        encoder_tensors(&config, None)
    }

    fn keys(prefix: &str, extra: &[&str]) -> Vec<String> {
        tiny()
            .iter()
            .map(|n| format!("{prefix}{}", n.name))
            .chain(extra.iter().map(|s| (*s).into()))
            .collect()
    }

    fn resolved(keys: &[String]) -> Result<TensorNames> {
        resolve(keys.iter().map(String::as_str), &tiny())
    }

    #[test]
    fn resolve_finds_the_encoder_under_any_prefix() {
        for prefix in ["", "bert.", "encoder.", "model.", "module.bert.", "a.b.encoder."] {
            let names = resolved(&keys(prefix, &[])).unwrap();
            assert_eq!(names.keys[WORD_EMBEDDINGS], format!("{prefix}{WORD_EMBEDDINGS}"));
            assert_eq!(names.keys.len(), 21);
            assert!(names.head.is_empty());
        }
    }

    #[test]
    fn resolve_maps_tensorflow_names_and_rejects_doubles() {
        let old: Vec<String> = keys("bert.", &[])
            .iter()
            .map(|k| {
                k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
            })
            .collect();
        let names = resolved(&old).unwrap();
        assert_eq!(names.keys["embeddings.LayerNorm.weight"], "bert.embeddings.LayerNorm.gamma");
        let e = resolved(&keys("", &["embeddings.LayerNorm.gamma"])).unwrap_err();
        assert!(e.message().contains("two names"), "{e}");
    }

    #[test]
    fn resolve_separates_heads_from_unused_tensors() {
        let names = resolved(&keys(
            "bert.",
            &[
                "bert.pooler.dense.weight",
                "bert.embeddings.position_ids",
                "cls.predictions.decoder.weight",
                "cls.seq_relationship.bias",
                "classifier.weight",
                "classifier.bias",
            ],
        ))
        .unwrap();
        assert_eq!(names.head, ["classifier.bias", "classifier.weight"]);
    }

    #[test]
    fn resolve_names_all_missing_tensors() {
        let mut some = keys("bert.", &[]);
        some.retain(|k| !k.contains("word_embeddings") && !k.ends_with("query.bias"));
        let e = resolved(&some).unwrap_err();
        assert_eq!(e.code(), ErrorCode::InvalidCheckpoint);
        assert!(e.message().contains("2 of the encoder's 21"), "{e}");
        assert!(e.message().contains("bert.embeddings.word_embeddings.weight"), "{e}");
        assert!(e.message().contains("bert.encoder.layer.0.attention.self.query.bias"), "{e}");
    }

    #[test]
    fn resolve_rejects_more_layers_two_encoders_and_other_models() {
        let e = resolved(&keys("", &["encoder.layer.1.output.dense.weight"])).unwrap_err();
        assert!(e.message().contains("encoder.layer.1.output.dense.weight"), "{e}");
        let mut two = keys("query.", &[]);
        two.extend(keys("document.", &[]));
        let e = resolved(&two).unwrap_err();
        assert!(e.message().contains("2 encoders (`document.`, `query.`)"), "{e}");
        let e = resolved(&["transformer.h.0.attn.c_attn.weight".into()]).unwrap_err();
        assert!(e.message().contains("no BERT encoder"), "{e}");
    }
}
