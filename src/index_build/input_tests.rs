//! What is read is kept: catalogs without items, numbers and ids with all their digits, names of the schema.

use serde_json::{Map, Value, json};

use super::tests::{DIMENSION, items, schema, search};
use super::{
    BuildOptions, Change, CodesOption, Item, UnseenNames, build, compact, delta, read_row, read_schema,
    record_of,
};
use crate::index::{Catalog, Check, RowKind, Schema, SearchRequest, SpaceMetric};

/// 2⁵³ and the numbers beside it.
const INEXACT: [&str; 4] = ["9007199254740992", "-9007199254740993", "18446744073709551617", "1e19"];
const EXACT: [&str; 4] = ["9007199254740991", "-9007199254740991", "0.1", "1e15"];

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn rejected<T: std::fmt::Debug>(result: crate::error::Result<T>, parts: &[&str]) {
    let error = result.unwrap_err();
    assert_eq!(error.code().as_str(), "INVALID_ARGUMENT", "{error}");
    assert!(parts.iter().all(|part| error.message().contains(part)), "{error}: expected {parts:?}");
}

fn open(items: &[Item]) -> Catalog {
    Catalog::open(build(&schema(None), items, &BuildOptions::default()).unwrap(), Check::Hashes).unwrap()
}

#[test]
fn a_catalog_without_items_takes_items() {
    for (rows, codes) in [
        (RowKind::None, CodesOption::Auto),
        (RowKind::None, CodesOption::No),
        (RowKind::Int8, CodesOption::Yes),
        (RowKind::Int4, CodesOption::No),
    ] {
        let metric = Some(SpaceMetric::Cosine);
        let mut schema = schema(metric);
        schema.vectors.as_mut().unwrap().rows = rows;
        let file = build(&schema, &[], &BuildOptions { codes, ..Default::default() }).unwrap();
        let mut catalog = Catalog::open(file, Check::Hashes).unwrap();
        let items = items(metric);
        let change = Change { items: items.clone(), ..Default::default() };
        let file = delta(&catalog, &change).unwrap();
        catalog.apply(file, Check::Hashes).unwrap_or_else(|error| panic!("{rows:?}: {error}"));
        for catalog in [&catalog, &Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap()] {
            let request = SearchRequest { exact: true, ..Default::default() };
            let found = catalog.search(&request, items[7].vector.as_deref()).unwrap();
            assert_eq!((catalog.len(), found.hits[0].id.as_str()), (items.len(), "p7"), "{rows:?}");
        }
    }
}

#[test]
fn stored_values_are_no_second_copy_of_what_comes_back() {
    let with = |stored: Value| {
        let schema = json!({
            "fields": [{ "name": "title", "weight": 1 }],
            "attributes": [{ "name": "price", "kind": "number" }],
            "stored": stored,
        });
        read_schema(schema)
    };
    assert_eq!(with(json!(["url", "scale"])).unwrap().1, ["url", "scale"]);
    for (name, what) in
        [("title", "a field"), ("price", "an attribute"), ("id", "the id"), ("embedding", "the vector")]
    {
        rejected(with(json!(["url", name])), &[&format!("{name:?}"), what]);
    }
}

#[test]
fn an_export_has_what_patches_set() {
    // As a catalog of an earlier release may have it.
    let stored = json!({ "price": 37, "url": "/a" }).to_string();
    let mut catalog = open(&[Item { stored, ..items(None)[1].clone() }]);
    let patches = object(json!({ "p1": { "price": 1 } }));
    let file = delta(&catalog, &Change { patches, ..Default::default() }).unwrap();
    catalog.apply(file, Check::Hashes).unwrap();
    let record = record_of(catalog.item("p1").unwrap().unwrap());
    assert_eq!((&record["price"], &record["url"]), (&json!(1), &json!("/a")));
}

#[test]
fn whole_numbers_that_would_be_rounded_are_rejected() {
    let stored = ["url".to_string()];
    let row = |text: &str| read_row(serde_json::from_str(text).unwrap(), false, &schema(None), &stored);
    let cells = |price: &str| {
        let row = object(json!({ "id": "a", "title": "裤", "price": price }));
        read_row(row, true, &schema(None), &stored)
    };
    let catalog = open(&items(None));
    let patch = |number: &str| {
        let patches = serde_json::from_str(&format!(r#"{{ "p1": {{ "price": {number} }} }}"#)).unwrap();
        delta(&catalog, &Change { patches, ..Default::default() })
    };
    let advice = "write them as strings";
    for number in INEXACT {
        rejected(row(&format!(r#"{{ "id": "a", "price": {number} }}"#)), &["\"a\"", "price", advice]);
        rejected(row(&format!(r#"{{ "id": "a", "url": [{{ "sku": {number} }}] }}"#)), &["url", advice]);
        rejected(cells(number), &["price", advice]);
        rejected(patch(number), &["\"p1\"", advice]);
    }
    for number in EXACT {
        row(&format!(r#"{{ "id": "a", "price": {number}, "url": {number} }}"#)).unwrap();
        cells(number).unwrap();
        assert!(!patch(number).unwrap().is_empty(), "{number}");
    }
    row(r#"{ "id": "a", "url": "9007199254740993", "shop": "9007199254740993" }"#).unwrap();
}

#[test]
fn whole_numbers_that_would_be_rounded_are_rejected_in_filters() {
    let catalog = open(&items(None));
    let filtered = |condition: &str| {
        let request = format!(r#"{{ "filter": {{ "price": {condition} }} }}"#);
        let request = SearchRequest::from_json(&crate::index::Json::parse(&request).unwrap()).unwrap();
        catalog.search(&request, None)
    };
    for number in ["9007199254740992", "-9007199254740993", "18446744073709551617"] {
        rejected(filtered(number), &["filter.price", "rounded"]);
        rejected(filtered(&format!(r#"{{ "lt": {number} }}"#)), &["filter.price.lt", "rounded"]);
    }
    for number in ["9007199254740991", "1e300", "0.5"] {
        filtered(&format!(r#"{{ "lt": {number} }}"#)).unwrap();
    }
}

#[test]
fn ids_keep_their_digits() {
    let id = |text: &str| {
        let row = serde_json::from_str(&format!(r#"{{ "id": {text} }}"#)).unwrap();
        read_row(row, false, &schema(None), &[]).map(|item| item.id)
    };
    for text in ["3", "-3", "9007199254740993", "18446744073709551615", "-9223372036854775808"] {
        assert_eq!(id(text).unwrap(), text);
    }
    assert_eq!(id("\"12345678901234567890123\"").unwrap(), "12345678901234567890123");
    for text in ["12345678901234567890123", "1.0", "-0", "1e3"] {
        rejected(id(text), &["id", "write the id as a string"]);
    }
}

#[test]
fn vectors_are_multiplied_by_their_scale() {
    let schema = schema(Some(SpaceMetric::Dot));
    let row = |value: Value, is_table| read_row(object(value), is_table, &schema, &[]);
    for (scale, expected) in [(json!(0.5), 1.0), (json!(null), 2.0)] {
        let item = row(json!({ "id": "a", "embedding": [2.0], "scale": scale }), false).unwrap();
        assert_eq!(item.vector.unwrap(), [expected]);
    }
    for (scale, expected) in [("0.5", 1.0), (" 5e-1 ", 1.0), ("", 2.0)] {
        let item = row(json!({ "id": "a", "embedding": "[2]", "scale": scale }), true).unwrap();
        assert_eq!(item.vector.unwrap(), [expected], "{scale:?}");
    }
    rejected(row(json!({ "id": "a", "embedding": [2.0], "scale": "0.5" }), false), &["\"a\"", "scale"]);
    rejected(row(json!({ "id": "a", "embedding": "[2]", "scale": "half" }), true), &["scale"]);
    assert_eq!(row(json!({ "id": "a", "scale": "large" }), false).unwrap().vector, None);
    // Cells of tables: an empty one is no vector, and an id has no spaces around it.
    let item = row(json!({ "id": "  1 ", "embedding": " ", "scale": "" }), true).unwrap();
    assert_eq!((item.id.as_str(), item.vector), ("1", None));
}

#[test]
fn patches_that_change_nothing_are_not_written() {
    let catalog = open(&items(None));
    let record = record_of(catalog.item("p1").unwrap().unwrap());
    let patched = |patches: Value| {
        let change = Change { patches: object(patches), ..Default::default() };
        delta(&catalog, &change)
    };
    let same = json!({ "price": record["price"], "shop": record["shop"], "stock": record["stock"], "tags": record.get("tags") });
    for patches in [json!({ "p1": {} }), json!({ "p1": same, "p0": { "price": null } })] {
        assert_eq!(patched(patches).unwrap(), Vec::<u8>::new());
    }
    // Of a whole feed the values that differ are written.
    let mut applied =
        Catalog::open(build(&schema(None), &items(None), &BuildOptions::default()).unwrap(), Check::Hashes)
            .unwrap();
    let file = patched(json!({ "p1": same, "p2": { "price": 9000.5, "shop": "新店" } })).unwrap();
    assert!(file.len() < 256 && !String::from_utf8_lossy(&file).contains("p1"), "{}", file.len());
    applied.apply(file, Check::Hashes).unwrap();
    assert_eq!(search(&applied, json!({ "filter": { "price": 9000.5, "shop": "新店" } })).hits[0].id, "p2");
    rejected(patched(json!({ "nothing": {} })), &["nothing"]);
    rejected(patched(json!({ "p1": { "cost": 1 } })), &["cost"]);
    rejected(patched(json!({})), &["nothing to add"]);
    // The values of an item that the same change replaces are those of the new one.
    let replaced = Item { attributes: vec![None; 4], ..items(None)[1].clone() };
    let change =
        Change { items: vec![replaced], patches: object(json!({ "p1": same })), ..Default::default() };
    let file = delta(&applied, &change).unwrap();
    applied.apply(file, Check::Hashes).unwrap();
    assert_eq!(record_of(applied.item("p1").unwrap().unwrap()), record);
}

#[test]
fn names_of_the_schema_that_no_row_has_are_told() {
    let schema: Schema = schema(Some(SpaceMetric::Cosine));
    assert_eq!(schema.vectors.as_ref().unwrap().dimension, DIMENSION);
    let mut unseen = UnseenNames::new(&schema, &["url".to_string()]);
    assert_eq!(unseen.warning(), None, "no row yet");
    unseen.see(&object(json!({ "id": "a", "titel": "裤", "price": 3, "stock": null, "shop": "" })));
    let warning = unseen.warning().unwrap();
    assert!(
        ["field \"title\"", "attribute \"tags\"", "stored value \"url\""]
            .iter()
            .all(|part| warning.contains(part)),
        "{warning}"
    );
    assert!(
        !warning.contains("price") && !warning.contains("stock") && !warning.contains("shop"),
        "{warning}"
    );
    unseen.see(&object(json!({ "title": "", "brand": "", "tags": [], "url": 1 })));
    assert_eq!(unseen.warning(), None);
}
