//! A checkpoint's keys → the names that the encoder needs.
//!
//! The same BERT is saved with the prefix of whatever class held it (`bert.`,
//! `encoder.`, `model.`, `module.` …, corom-facts) or none, with old LayerNorm names
//! (`gamma`, `beta`), and with more around it: buffers, a pooler, heads.

use std::collections::{BTreeMap, BTreeSet};

use corom::error::Result;

use super::bert::{Needed, WORD_EMBEDDINGS};
use crate::fail;

/// What a checkpoint's keys are to the encoder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// Needed name → the key that holds it.
    pub(crate) keys: BTreeMap<String, String>,
    /// Keys of a head: layers after the encoder that change what comes out.
    pub(crate) head: Vec<String>,
}

/// Finds the encoder among the keys.
///
/// # Errors
/// `INVALID_CHECKPOINT` when there is no encoder, or several, when tensors are
/// missing (all are named), are there twice, or are more than the configuration says.
pub(crate) fn resolve<'a>(keys: impl Iterator<Item = &'a str>, needed: &[Needed]) -> Result<Names> {
    let keys: BTreeMap<String, &str> = distinct(keys)?;
    let prefix = prefix(&keys, needed)?;
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    for name in needed.iter().map(|n| &n.name) {
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
            needed.len(),
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
            "the checkpoint's encoder has tensors that config.json has no place for \
             (more layers, another kind of attention, an adapter?): {}",
            extra.join(", ")
        );
    }
    Ok(Names { keys: found, head })
}

/// Modern spelling → key. TensorFlow's names for a LayerNorm live on in old checkpoints.
fn distinct<'a>(keys: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, &'a str>> {
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

/// The prefix under which most of the encoder lies.
fn prefix(keys: &BTreeMap<String, &str>, needed: &[Needed]) -> Result<String> {
    let towers: Vec<&str> = keys.keys().filter_map(|key| before(key, WORD_EMBEDDINGS)).collect();
    let names: BTreeSet<&str> = needed.iter().map(|n| n.name.as_str()).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys.keys() {
        // Every place where a name of ours can begin: the start, and after each dot.
        for at in std::iter::once(0).chain(key.match_indices('.').map(|(dot, _)| dot + 1)) {
            if names.contains(&key[at..]) {
                *votes.entry(&key[..at]).or_default() += 1;
            }
        }
    }
    match towers[..] {
        [one] => Ok(one.to_owned()),
        [] => match votes.into_iter().max_by_key(|&(_, count)| count) {
            Some((prefix, _)) => Ok(prefix.to_owned()),
            None => {
                let some: Vec<&str> = keys.values().copied().take(8).collect();
                fail!(
                    InvalidCheckpoint,
                    "there is no BERT encoder in the checkpoint: none of its {} tensors is named like one ({}…)",
                    keys.len(),
                    some.join(", ")
                )
            }
        },
        _ => fail!(
            InvalidCheckpoint,
            "the checkpoint has {} encoders (`{}`); corom converts one: save the one you want by itself",
            towers.len(),
            towers.join("`, `")
        ),
    }
}

/// What comes before a name at the end of a key, if it ends there.
fn before<'a>(key: &'a str, name: &str) -> Option<&'a str> {
    key.strip_suffix(name).filter(|prefix| prefix.is_empty() || prefix.ends_with('.'))
}

/// Parts of a BERT that its hidden rows do not depend on.
fn is_unused(inner: &str) -> bool {
    matches!(inner, "embeddings.position_ids" | "embeddings.token_type_ids") || inner.starts_with("pooler.")
}

/// What a model was pre-trained with; whoever embeds has no use for it.
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
    use corom::config::BertConfig;
    use corom::error::ErrorCode;

    fn tiny() -> Vec<Needed> {
        let config = BertConfig::from_json(
            br#"{"vocab_size": 9, "hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
                 "intermediate_size": 8}"#,
        )
        .unwrap();
        super::super::bert::needed(&config)
    }

    fn keys(prefix: &str, extra: &[&str]) -> Vec<String> {
        tiny()
            .iter()
            .map(|n| format!("{prefix}{}", n.name))
            .chain(extra.iter().map(|s| (*s).into()))
            .collect()
    }

    fn resolved(keys: &[String]) -> Result<Names> {
        resolve(keys.iter().map(String::as_str), &tiny())
    }

    #[test]
    fn any_prefix_is_found() {
        for prefix in ["", "bert.", "encoder.", "model.", "module.bert.", "a.b.encoder."] {
            let names = resolved(&keys(prefix, &[])).unwrap();
            assert_eq!(names.keys[WORD_EMBEDDINGS], format!("{prefix}{WORD_EMBEDDINGS}"));
            assert_eq!(names.keys.len(), 21);
            assert!(names.head.is_empty());
        }
    }

    #[test]
    fn tensorflow_names_are_understood_and_doubles_refused() {
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
    fn what_is_not_the_encoder_is_told_apart() {
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
    fn missing_tensors_are_all_named() {
        let mut some = keys("bert.", &[]);
        some.retain(|k| !k.contains("word_embeddings") && !k.ends_with("query.bias"));
        let e = resolved(&some).unwrap_err();
        assert_eq!(e.code(), ErrorCode::InvalidCheckpoint);
        assert!(e.message().contains("2 of the encoder's 21"), "{e}");
        assert!(e.message().contains("bert.embeddings.word_embeddings.weight"), "{e}");
        assert!(e.message().contains("bert.encoder.layer.0.attention.self.query.bias"), "{e}");
    }

    #[test]
    fn more_layers_two_towers_and_strangers_are_refused() {
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
