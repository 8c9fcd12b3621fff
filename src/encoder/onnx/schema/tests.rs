//! Compares the tables with the facts of the `onnx` package and of onnxruntime.

use serde_json::Value;

use super::super::registry;
use super::*;

const SUPPORTED: std::ops::RangeInclusive<i64> = 7..=24;

fn facts() -> Value {
    serde_json::from_str(include_str!("../../../../tests/fixtures/operators.json")).unwrap()
}

/// Returns the facts as the tables spell them: since, inputs, outputs, attributes.
fn spelled(versions: &Value) -> Vec<(i64, String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let spell = |v: &Value| {
        let attributes = v["attributes"].as_object().unwrap();
        let attributes: Vec<String> = attributes.iter().map(|(k, t)| format!("{k}:{}", text(t))).collect();
        (v["since"].as_i64().unwrap(), text(&v["inputs"]), text(&v["outputs"]), attributes.join(" "))
    };
    versions.as_array().unwrap().iter().map(spell).collect()
}

#[test]
fn tables_hold_the_facts_of_onnx_and_onnxruntime() {
    let facts = facts();
    for (prefix, table) in [("", onnx_domain::OPERATORS), ("com.microsoft.", microsoft::OPERATORS)] {
        assert!(table.is_sorted_by(|a, b| a.name < b.name));
        for operator in table {
            let expected = spelled(&facts[format!("{prefix}{}", operator.name)]);
            let sorted = |attributes: &str| {
                let mut list: Vec<&str> = attributes.split(' ').filter(|a| !a.is_empty()).collect();
                list.sort_unstable();
                list.join(" ")
            };
            let found: Vec<_> = operator
                .versions
                .iter()
                .map(|v| (v.since, v.inputs.to_owned(), v.outputs.to_owned(), sorted(v.attributes)))
                .collect();
            let expected: Vec<_> =
                expected.into_iter().map(|(since, i, o, a)| (since, i, o, sorted(&a))).collect();
            assert_eq!(found, expected, "{prefix}{}", operator.name);
        }
    }
}

#[test]
fn every_supported_operator_has_a_schema_and_no_other() {
    let mut with_schema: Vec<(&str, &str)> = onnx_domain::OPERATORS.iter().map(|o| ("", o.name)).collect();
    with_schema.extend(microsoft::OPERATORS.iter().map(|o| (MICROSOFT, o.name)));
    assert_eq!(registry::names().collect::<Vec<_>>(), with_schema);
}

fn node(op: &str, domain: &str, operands: (&[&str], &[&str]), attributes: &[(&str, AttributeType)]) -> Node {
    let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    let attribute = |(name, kind): &(&str, AttributeType)| AttributeProto {
        name: (*name).to_owned(),
        r#type: *kind as i32,
        ..Default::default()
    };
    Node::new(crate::encoder::onnx::pb::NodeProto {
        op_type: op.into(),
        domain: domain.into(),
        input: list(operands.0),
        output: list(operands.1),
        attribute: attributes.iter().map(attribute).collect(),
        ..Default::default()
    })
    .unwrap()
}

/// Every fact of every operator, at every version: the valid nodes are accepted, their neighbors are not.
#[test]
fn check_accepts_what_an_operator_has_and_nothing_else() {
    let facts = facts();
    for (domain, name) in registry::names() {
        let prefix = if domain.is_empty() { "" } else { "com.microsoft." };
        let versions = facts[format!("{prefix}{name}")].as_array().unwrap().clone();
        for opset in SUPPORTED {
            let in_domain = if domain.is_empty() { opset } else { MICROSOFT_VERSION };
            let fact = versions.iter().rev().find(|v| v["since"].as_i64().unwrap() <= in_domain);
            let kinds: Vec<(&str, AttributeType)> = fact.map_or_else(Vec::new, |fact| {
                let all = fact["attributes"].as_object().unwrap().iter();
                all.map(|(name, kind)| {
                    let kind = kind.as_str().unwrap().trim_end_matches('!');
                    (name.as_str(), TYPES.iter().find(|(text, _)| *text == kind).unwrap().1)
                })
                .collect()
            });
            let letters = |key: &str| fact.map_or("x", |f| f[key].as_str().unwrap());
            let inputs: Vec<&str> = letters("inputs").chars().map(|_| "a").collect();
            let outputs: Vec<&str> = letters("outputs").chars().map(|_| "b").collect();
            let is_valid = |inputs: &[&str], outputs: &[&str], attributes: &[(&str, AttributeType)]| {
                check(&node(name, domain, (inputs, outputs), attributes), opset).is_ok()
            };
            let what = format!("{prefix}{name} at {opset}");
            assert_eq!(is_valid(&inputs, &outputs, &kinds), fact.is_some(), "{what}");
            let Some(_) = fact else { continue };
            let minimal: Vec<&str> =
                letters("inputs").chars().map(|c| if c == '?' { "" } else { "a" }).collect();
            assert!(is_valid(&minimal, &outputs[..1], &kinds), "{what}: optional operands left out");
            let with = |extra| [&kinds[..], &[extra]].concat();
            assert!(is_valid(&inputs, &outputs, &with(("__note", AttributeType::String))), "{what}: a note");
            assert!(!is_valid(&inputs, &outputs, &with(("no_such", AttributeType::Int))), "{what}: unknown");
            for (index, (name, kind)) in kinds.iter().enumerate() {
                let mut wrong = kinds.clone();
                wrong[index].1 =
                    if *kind == AttributeType::Int { AttributeType::Ints } else { AttributeType::Int };
                assert!(!is_valid(&inputs, &outputs, &wrong), "{what}: type of {name}");
            }
            for other in versions.iter().flat_map(|v| v["attributes"].as_object().unwrap().keys()) {
                if !kinds.iter().any(|(name, _)| name == other) {
                    let added = with((other.as_str(), AttributeType::Ints));
                    assert!(!is_valid(&inputs, &outputs, &added), "{what}: {other} of another version");
                }
            }
            if !letters("inputs").ends_with('*') {
                assert!(!is_valid(&[&inputs[..], &["a"]].concat(), &outputs, &kinds), "{what}: inputs");
            }
            for (index, letter) in letters("inputs").chars().enumerate().filter(|(_, c)| *c == 'x') {
                let mut lacking = inputs.clone();
                lacking[index] = "";
                assert!(!is_valid(&lacking, &outputs, &kinds), "{what}: input {index} ({letter})");
            }
            if !letters("outputs").ends_with('*') {
                assert!(!is_valid(&inputs, &[&outputs[..], &["b"]].concat(), &kinds), "{what}: outputs");
            }
        }
    }
}
