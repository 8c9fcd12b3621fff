//! Special and added tokens of a folder: which tokens transformers adds to a tokenizer, with which properties.
//!
//! transformers 5 reads them in this order. If `tokenizer_config.json` has `added_tokens_decoder`, that list counts
//! alone. Otherwise `special_tokens_map.json` goes before `tokenizer_config.json`, and the tokens of
//! `added_tokens.json` and then of `tokenizer.json` are added. Special tokens by role come last.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use crate::error::{Result, fail};

/// The roles of special tokens, in the order in which transformers adds them.
const ROLES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The tokens of a folder.
#[derive(Debug, Default)]
pub(super) struct SpecialTokens {
    /// The special token of each role that a file or the class sets.
    roles: BTreeMap<String, AddedToken>,
    /// Tokens with their ids, in the order of their ids.
    pub(super) numbered: BTreeMap<u32, AddedToken>,
    /// Special tokens without a role.
    extra: Vec<AddedToken>,
}

impl SpecialTokens {
    /// Reads the tokens. `defaults` are the class's tokens by role; `file_tokens` those of `tokenizer.json`.
    ///
    /// # Errors
    /// `INVALID_TOKENIZER` if a token has no content or no id.
    pub(super) fn read(
        config: &Map<String, Value>,
        special_tokens: Map<String, Value>,
        added_tokens: &Map<String, Value>,
        file_tokens: &[(u32, AddedToken)],
        defaults: &[(&str, &str)],
    ) -> Result<Self> {
        let mut settings = config.clone();
        let mut numbered = BTreeMap::new();
        if let Some(decoder) = config.get("added_tokens_decoder").and_then(Value::as_object) {
            for (id, token) in decoder {
                let Ok(id) = id.parse() else {
                    fail!(InvalidTokenizer, "tokenizer_config.json: added_tokens_decoder has the id `{id}`");
                };
                numbered.insert(id, token_of(token, "tokenizer_config.json", false)?);
            }
        } else {
            let special = special_contents(config, &special_tokens);
            settings.extend(special_tokens);
            for (content, id) in added_tokens {
                let Some(id) = id.as_u64().and_then(|id| u32::try_from(id).ok()) else {
                    fail!(
                        InvalidTokenizer,
                        "added_tokens.json: the id of `{content}` is {id}; expected a whole number"
                    );
                };
                numbered.insert(id, AddedToken::from(content.clone(), special.contains(content)));
            }
            numbered.extend(file_tokens.iter().cloned());
        }
        let known = |token: AddedToken| {
            numbered.values().find(|other| other.content == token.content).cloned().unwrap_or(token)
        };
        let mut roles = BTreeMap::new();
        for (role, content) in defaults {
            roles.insert((*role).to_owned(), AddedToken::from(*content, true));
        }
        for (key, value) in &settings {
            // `add_bos_token` and the like are flags.
            if key.ends_with("_token") && (value.is_string() || value.is_object()) {
                roles.insert(key.clone(), known(token_of(value, key, true)?));
            }
        }
        let extra =
            settings.get("extra_special_tokens").or_else(|| settings.get("additional_special_tokens"));
        let extra: Vec<&Value> = match extra {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        };
        let extra = extra.into_iter().map(|token| token_of(token, "extra_special_tokens", true));
        Ok(Self { roles, numbered, extra: extra.collect::<Result<_>>()? })
    }

    /// Returns the content of a role's token.
    pub(super) fn content(&self, role: &str) -> Option<&str> {
        self.roles.get(role).map(|token| token.content.as_str())
    }

    /// Returns the tokens that transformers adds after the numbered ones: special tokens by role, other
    /// `*_token`s, then those without a role.
    pub(super) fn unnumbered(&self) -> impl Iterator<Item = AddedToken> + '_ {
        let by_role = ROLES.iter().filter_map(|role| self.roles.get(*role));
        let others =
            self.roles.iter().filter(|(key, _)| !ROLES.contains(&key.as_str())).map(|(_, token)| token);
        by_role.chain(others).chain(&self.extra).map(|token| token.clone().special(true))
    }
}

/// Returns the contents of the tokens that make a token of `added_tokens.json` special. `additional_special_tokens` of
/// `special_tokens_map.json` are not among them.
fn special_contents(config: &Map<String, Value>, special_tokens: &Map<String, Value>) -> Vec<String> {
    let by_role = ROLES.iter().filter_map(|role| special_tokens.get(*role).or_else(|| config.get(*role)));
    let list = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_array).cloned();
    let extra = list(config, "extra_special_tokens").or_else(|| list(config, "additional_special_tokens"));
    let more = list(special_tokens, "extra_special_tokens");
    let extra: Vec<Value> = extra.into_iter().chain(more).flatten().collect();
    by_role.chain(&extra).filter_map(content_of).map(str::to_owned).collect()
}

fn content_of(token: &Value) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// Reads a token: a string, or an object with `content` and properties. `is_special`: whether it has a role.
fn token_of(token: &Value, file: &str, is_special: bool) -> Result<AddedToken> {
    let Some(content) = content_of(token) else {
        fail!(
            InvalidTokenizer,
            "{file}: {token} is no token; expected a string, or an object with `content`"
        );
    };
    let flag = |name: &str| token.get(name).and_then(Value::as_bool);
    let special = is_special || flag("special") == Some(true);
    Ok(AddedToken::from(content, special)
        .single_word(flag("single_word") == Some(true))
        .lstrip(flag("lstrip") == Some(true))
        .rstrip(flag("rstrip") == Some(true))
        .normalized(flag("normalized").unwrap_or(!special)))
}
