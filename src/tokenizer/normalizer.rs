//! Changes to a normalizer, as JSON of `tokenizer.json`.

use serde_json::{Map, Value, json};

/// Returns BERT's normalizer with the settings in `tokenizer_config.json`. Without them it lower-cases, strips
/// accents if it lower-cases, and separates Chinese characters.
pub(super) fn bert(config: &Map<String, Value>) -> Value {
    let flag = |name: &str| config.get(name).and_then(Value::as_bool);
    json!({
        "type": "BertNormalizer",
        "clean_text": true,
        "handle_chinese_chars": flag("tokenize_chinese_chars").unwrap_or(true),
        "strip_accents": flag("strip_accents"),
        "lowercase": flag("do_lower_case").unwrap_or(true),
    })
}

/// Returns the normalizer with `Lowercase` before it, unless it has one. So sentence-transformers applies
/// `do_lower_case` in `sentence_bert_config.json`.
pub(super) fn lower_case_first(normalizer: Option<Value>) -> Value {
    let mut list = match normalizer {
        None => Vec::new(),
        Some(value) if kind(&value) == "Lowercase" => return value,
        Some(Value::Object(mut object)) if kind_of(&object) == "Sequence" => {
            match object.get_mut("normalizers").map(Value::take) {
                Some(Value::Array(list)) => list,
                _ => Vec::new(),
            }
        }
        Some(value) => vec![value],
    };
    if !list.iter().any(|value| kind(value) == "Lowercase") {
        list.insert(0, json!({ "type": "Lowercase" }));
    }
    json!({ "type": "Sequence", "normalizers": list })
}

/// Returns the normalizer with lower case on or off: `lowercase` of BERT's normalizer, or `Lowercase` before
/// another one.
pub(super) fn with_lower_case(mut normalizer: Option<Value>, lowercase: bool) -> Option<Value> {
    let has_bert = set_bert(normalizer.as_mut(), lowercase);
    if lowercase && !has_bert {
        return Some(lower_case_first(normalizer));
    }
    if !lowercase {
        normalizer = normalizer.filter(|value| kind(value) != "Lowercase");
        if let Some(list) = normalizer.as_mut().and_then(|value| value.get_mut("normalizers")?.as_array_mut())
        {
            list.retain(|value| kind(value) != "Lowercase");
        }
    }
    normalizer
}

/// Sets `lowercase` of every BERT normalizer. Returns false if there is none.
fn set_bert(normalizer: Option<&mut Value>, lowercase: bool) -> bool {
    let Some(value) = normalizer else { return false };
    match kind(value) {
        "BertNormalizer" => {
            if let Some(object) = value.as_object_mut() {
                object.insert("lowercase".into(), lowercase.into());
            }
            true
        }
        "Sequence" => {
            let list = value.get_mut("normalizers").and_then(Value::as_array_mut);
            let mut found = false;
            for value in list.into_iter().flatten() {
                found |= set_bert(Some(value), lowercase);
            }
            found
        }
        _ => false,
    }
}

/// Returns true if a normalizer lower-cases.
pub(super) fn lower_cases(normalizer: &Value) -> bool {
    match kind(normalizer) {
        "Lowercase" => true,
        "BertNormalizer" => normalizer.get("lowercase").and_then(Value::as_bool) == Some(true),
        "Sequence" => {
            let list = normalizer.get("normalizers").and_then(Value::as_array);
            list.is_some_and(|list| list.iter().any(lower_cases))
        }
        _ => false,
    }
}

/// Returns the first SentencePiece character map of a normalizer.
pub(super) fn precompiled(normalizer: Option<&Value>) -> Option<Value> {
    let value = normalizer?;
    match kind(value) {
        "Precompiled" => Some(value.clone()),
        "Sequence" => value.get("normalizers")?.as_array()?.iter().find_map(|value| precompiled(Some(value))),
        _ => None,
    }
}

fn kind(value: &Value) -> &str {
    value.as_object().map_or("", kind_of)
}

fn kind_of(object: &Map<String, Value>) -> &str {
    object.get("type").and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_case_goes_into_a_bert_normalizer_or_before_another_one() {
        let bert = json!({ "type": "BertNormalizer", "lowercase": false });
        let on = with_lower_case(Some(bert.clone()), true).unwrap();
        assert_eq!(on, json!({ "type": "BertNormalizer", "lowercase": true }));
        let first = lower_case_first(Some(bert.clone()));
        assert_eq!(first["normalizers"][0], json!({ "type": "Lowercase" }));
        assert_eq!(lower_case_first(Some(first.clone())), first);
        let other = with_lower_case(Some(json!({ "type": "NFC" })), true).unwrap();
        assert_eq!(other["normalizers"], json!([{ "type": "Lowercase" }, { "type": "NFC" }]));
        assert_eq!(with_lower_case(None, true).unwrap()["normalizers"], json!([{ "type": "Lowercase" }]));
        assert_eq!(with_lower_case(Some(first), false).unwrap()["normalizers"], json!([bert]));
    }
}
