//! Reads the JSON files of a model folder as people and tools write them.
//!
//! A byte order mark at the start is skipped. A key whose value is `null` counts as absent, so that every
//! optional field has its default then. Keys that corom does not know are ignored. JSON is UTF-8; a file in
//! another encoding is rejected with a message that says so.
//!
//! Every JSON file is read here, so that all files follow the same rules.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::error::{Error, ErrorCode, Result};

/// The UTF-8 byte order mark, which some editors write.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a JSON object without the keys whose value is `null`. `file` names the file in messages, `code` is
/// the code of every error.
///
/// # Errors
/// `code` if the file is not UTF-8, not JSON, or not an object.
pub(crate) fn object(bytes: &[u8], file: &str, code: ErrorCode) -> Result<Value> {
    let value = value(bytes, file, code)?;
    match value {
        Value::Object(_) => Ok(value),
        _ => Err(Error::new(code, format!("{file} is not a JSON object"))),
    }
}

/// Reads JSON of any kind without the keys whose value is `null`. See [`object`].
///
/// # Errors
/// `code` if the file is not UTF-8 or not JSON.
pub(crate) fn value(bytes: &[u8], file: &str, code: ErrorCode) -> Result<Value> {
    let mut value = with_nulls(bytes, file, code)?;
    remove_nulls(&mut value);
    Ok(value)
}

/// Reads JSON into a type, with every `null` as it is: for `tokenizer.json`, where a `null` is a value.
/// See [`object`].
///
/// # Errors
/// `code` if the file is not UTF-8, not JSON, or does not have the type.
pub(crate) fn with_nulls<T: DeserializeOwned>(bytes: &[u8], file: &str, code: ErrorCode) -> Result<T> {
    serde_json::from_slice(text(bytes, file, code)?).map_err(|e| {
        let message = if e.is_data() { format!("{file}: {e}") } else { format!("{file} is not JSON: {e}") };
        Error::with_source(code, message, e)
    })
}

/// Checks that bytes are a JSON object and keeps nothing: for a large file that is parsed later.
///
/// # Errors
/// The errors of [`object`].
pub(crate) fn check_object(bytes: &[u8], file: &str, code: ErrorCode) -> Result<()> {
    serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(text(bytes, file, code)?).map(|_| ()).map_err(
        |e| {
            let what = if e.is_data() { "is not a JSON object" } else { "is not JSON" };
            Error::with_source(code, format!("{file} {what}: {e}"), e)
        },
    )
}

/// Returns the bytes without a byte order mark.
///
/// # Errors
/// `code` for UTF-16 and UTF-32, with and without a byte order mark.
pub(crate) fn text<'a>(bytes: &'a [u8], file: &str, code: ErrorCode) -> Result<&'a [u8]> {
    let rest = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    // JSON begins with an ASCII character, which has a zero byte beside it in UTF-16 and UTF-32.
    let is_wide = matches!(rest, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]);
    if is_wide {
        return Err(Error::new(
            code,
            format!("{file} is encoded as UTF-16 or UTF-32; JSON files are UTF-8: save the file as UTF-8"),
        ));
    }
    Ok(rest)
}

/// Removes the keys whose value is `null`, at every depth.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: ErrorCode = ErrorCode::InvalidConfig;

    fn read(text: &str) -> Value {
        object(text.as_bytes(), "a.json", CODE).unwrap()
    }

    #[test]
    fn object_skips_a_byte_order_mark_and_null_keys() {
        let plain = read(r#"{ "a": { "b": [{ "c": 1 }, null] } }"#);
        assert_eq!(
            read("\u{feff}{ \"a\": { \"n\": null, \"b\": [{ \"c\": 1, \"d\": null }, null] }, \"z\": null }"),
            plain
        );
        assert_eq!(plain["a"]["b"][1], Value::Null, "an item of a list is no key");
    }

    #[test]
    fn with_nulls_keeps_them() {
        let kept: Value = with_nulls("\u{feff}{ \"a\": null }".as_bytes(), "a.json", CODE).unwrap();
        assert!(kept.as_object().unwrap().contains_key("a"));
    }

    #[test]
    fn other_encodings_and_other_kinds_are_named() {
        let utf16 = |text: &str, encode: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(encode).collect()
        };
        let cases = [
            (utf16("\u{feff}{}", u16::to_le_bytes), "UTF-16"),
            (utf16("\u{feff}{}", u16::to_be_bytes), "UTF-16"),
            (utf16("{\"a\":1}", u16::to_le_bytes), "UTF-16"),
            (utf16("{\"a\":1}", u16::to_be_bytes), "UTF-16"),
            ("{}".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(), "UTF-16"),
            (b"[1]".to_vec(), "is not a JSON object"),
            (b"null".to_vec(), "is not a JSON object"),
            (b"{\"a\":".to_vec(), "is not JSON"),
            (b"".to_vec(), "is not JSON"),
            (b"\xef\xbb\xbf".to_vec(), "is not JSON"),
            (b"{\"\xd0\": 1}".to_vec(), "is not JSON"), // Latin-1 or GBK
        ];
        for (bytes, expected) in cases {
            let errors = [
                object(&bytes, "a.json", CODE).unwrap_err(),
                check_object(&bytes, "a.json", CODE).unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.code(), CODE);
                assert!(error.message().contains("a.json") && error.message().contains(expected), "{error}");
            }
        }
    }
}
