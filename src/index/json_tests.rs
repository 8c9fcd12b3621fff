use proptest::prelude::*;
use serde_json::Value;

use super::Json;

/// Texts that are JSON, and texts that are nearly JSON.
const TEXTS: [&str; 44] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "12",
    "-1.5",
    "1e3",
    "1E+3",
    "2.5e-7",
    "\"\"",
    "\"a\"",
    r#""\"\\\/\n\t\r\b\f""#,
    r#""\u9614\u817f""#,
    r#""\ud83d\ude00""#,
    "\"阔腿裤😀\"",
    "[]",
    "[1, 2]",
    "{}",
    r#"{"a": [1, {"b": null}], "c": "d"}"#,
    " \t\n\r[ 1 ,2 ] ",
    "",
    "nul",
    "truex",
    "01",
    "-",
    "1.",
    ".5",
    "1e",
    "+1",
    "\"",
    "\"\\\"",
    "\"\\x\"",
    r#""\ud83d""#,
    r#""\ude00""#,
    r#""\ud83d\u0041""#,
    "\"\n\"",
    "[1,]",
    "[1 2]",
    "{\"a\"}",
    "{a: 1}",
    "{\"a\":1,}",
    "[1]]",
    "'a'",
];

#[test]
fn the_same_texts_are_json_as_for_serde_json() {
    for text in TEXTS {
        match (Json::parse(text), serde_json::from_str::<Value>(text)) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(serde_json::from_str::<Value>(&ours.to_string()).unwrap(), theirs, "{text}");
            }
            (Err(message), Err(_)) => assert!(message.starts_with("byte "), "{text}: {message}"),
            (ours, theirs) => panic!("{text}: {ours:?}, {theirs:?}"),
        }
    }
    let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
    assert!(Json::parse(&deep(100)).is_ok() && Json::parse(&deep(10_000)).is_err());
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn values_are_the_same_after_reading_and_writing(value in value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let read = Json::parse(&text).unwrap();
            let expected = serde_json::from_str::<Value>(&text).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&read.to_string()).unwrap(), expected);
        }
    }

    #[test]
    fn any_text_is_read_as_serde_json_reads_it(text in "[\\[\\]{}\",:\\\\u0-9a-ftruenl .eE+-]{0,16}") {
        let theirs = serde_json::from_str::<Value>(&text);
        // A number that no f64 holds is JSON all the same.
        let is_too_large = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
        prop_assert!(Json::parse(&text).is_ok() == theirs.is_ok() || is_too_large, "{}", text);
    }
}
