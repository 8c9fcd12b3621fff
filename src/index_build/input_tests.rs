//! What is read is kept: catalogs without items, numbers and ids with all their digits, names of the schema.

use serde_json::{Map, Value, json};

use super::tests::{items, schema, search};
use super::{
    BuildOptions, Change, CodesOption, Item, ItemReader, build, compact, delta, describe, first_build,
    read_row, read_schema, record_of, use_text,
};
use crate::index::{Catalog, Check, RowKind, Schema, SearchRequest, SpaceMetric};

/// 2⁵³ and the numbers beside it.
const INEXACT: [&str; 4] = ["9007199254740992", "-9007199254740993", "18446744073709551617", "1e19"];
const EXACT: [&str; 4] = ["9007199254740991", "-9007199254740991", "0.1", "1e15"];

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(super) fn rejected<T: std::fmt::Debug>(result: crate::error::Result<T>, parts: &[&str]) {
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
fn the_first_items_of_a_catalog_build_it_again() {
    let (metric, synonyms) = (Some(SpaceMetric::Cosine), vec![vec!["裤子".to_string(), "长裤".to_string()]]);
    let all = items(metric);
    for (rows, codes) in [(RowKind::None, CodesOption::Auto), (RowKind::Int8, CodesOption::Auto)] {
        let mut schema = schema(metric);
        schema.vectors.as_mut().unwrap().rows = rows;
        let options = BuildOptions { synonyms: synonyms.clone(), codes, ..Default::default() };
        let empty = Catalog::open(build(&schema, &[], &options).unwrap(), Check::Hashes).unwrap();
        let first = first_build(&empty).unwrap().unwrap();
        assert_eq!(first.synonyms, synonyms);
        let again = build(empty.schema(), &all, &first).unwrap();
        assert!(again == build(&schema, &all, &options).unwrap(), "{rows:?}");
        let mut catalog = Catalog::open(again, Check::Hashes).unwrap();
        assert_eq!(first_build(&catalog).unwrap(), None);
        let removals = all.iter().map(|item| item.id.clone()).collect();
        let file = delta(&catalog, &Change { removals, ..Default::default() }).unwrap();
        catalog.apply(file, Check::Hashes).unwrap();
        assert_eq!(first_build(&catalog).unwrap().unwrap().synonyms, synonyms);
    }
}

#[test]
fn items_that_are_added_get_the_text_of_those_before() {
    let metric = Some(SpaceMetric::Cosine);
    let mut schema = schema(metric);
    let text = use_text(&mut schema, Some("brand"), Some("品牌："), "passage: ").unwrap();
    assert_eq!((text.field, text.prompt.as_str(), text.warning), (1, "品牌：", None));
    let file = build(&schema, &items(metric), &BuildOptions::default()).unwrap();
    let catalog = Catalog::open(file, Check::Hashes).unwrap();
    let catalog = Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap();
    let added = |field, prompt| use_text(&mut catalog.schema().clone(), field, prompt, "passage: ");
    for (field, prompt) in [(None, None), (Some("brand"), None), (Some("brand"), Some("品牌："))] {
        let text = added(field, prompt).unwrap();
        assert_eq!((text.field, text.prompt.as_str(), text.warning), (1, "品牌：", None));
    }
    rejected(added(Some("title"), None), &["--text", "\"title\"", "\"brand\""]);
    rejected(added(None, Some("")), &["--prompt", "\"\"", "品牌："]);
    rejected(added(Some("titel"), None), &["no field \"titel\""]);

    // Vectors of unknown texts.
    let file = build(&super::tests::schema(metric), &items(metric), &BuildOptions::default()).unwrap();
    let unknown = Catalog::open(file, Check::Hashes).unwrap();
    let text = use_text(&mut unknown.schema().clone(), None, None, "passage: ").unwrap();
    assert_eq!((text.field, text.prompt.as_str()), (0, "passage: "));
    assert!(text.warning.unwrap().contains("\"title\" after the prompt \"passage: \""));
    let long = "长".repeat(2000);
    rejected(use_text(&mut super::tests::schema(metric), None, Some(&long), ""), &["prompt", "4096 bytes"]);
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
    let written = String::from_utf8_lossy(&file);
    assert!(file.len() < 100 && !written.contains("\"p1\""), "{}: {written}", file.len());
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
fn names_of_the_schema_without_a_value_are_told() {
    let mut reader = ItemReader::new(schema(None), vec!["url".to_string()], false);
    assert_eq!(reader.warning(), None, "no row yet");
    let mut read = |row: Value, place: &str| {
        reader.read(object(row), false, place).unwrap();
        reader.warning()
    };
    let row =
        json!({ "id": "a", "titel": "裤", "title": " ", "price": 3, "stock": false, "shop": "", "tags": [] });
    let warning = read(row, "line 1").unwrap();
    for part in [
        "field \"brand\"",
        "field \"title\"",
        "attribute \"shop\"",
        "attribute \"tags\"",
        "stored value \"url\"",
    ] {
        assert!(warning.contains(part), "{warning}: {part}");
    }
    assert!(!warning.contains("price") && !warning.contains("stock"), "{warning}");
    let row = json!({ "id": "b", "title": "裤", "brand": "N", "shop": "东", "tags": ["新"], "url": 0 });
    assert_eq!(read(row, "line 2"), None);
}

#[test]
fn faults_of_items_are_told_when_their_row_is_read() {
    let mut space = schema(Some(SpaceMetric::Cosine));
    space.vectors.as_mut().unwrap().dimension = 2;
    let read = |schema: &Schema, has_model: bool, rows: &[Value]| {
        let mut reader = ItemReader::new(schema.clone(), Vec::new(), has_model);
        let mut read = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            read.push(reader.read(object(row.clone()), false, &format!("line {}", 2 * number + 1))?);
        }
        Ok(read)
    };
    let (plain, vector) = (json!({ "id": "a" }), json!({ "id": "b", "embedding": [1, 2] }));
    assert_eq!(read(&schema(None), false, &[plain.clone(), json!({ "id": 7 })]).unwrap().len(), 2);
    assert_eq!(read(&space, true, std::slice::from_ref(&plain)).unwrap()[0].vector, None);
    assert_eq!(read(&space, false, std::slice::from_ref(&vector)).unwrap()[0].vector, Some(vec![1.0, 2.0]));
    rejected(
        read(&schema(None), false, &[json!({ "id": "7" }), json!({ "id": 7 })]),
        &["\"7\"", "twice, first in line 1"],
    );
    rejected(read(&space, true, &[plain.clone(), vector.clone()]), &["\"b\"", "leave out --model"]);
    rejected(read(&schema(None), false, &[vector]), &["\"b\"", "no \"vectors\""]);
    rejected(read(&space, false, &[plain]), &["\"a\"", "has no embedding", "--model"]);
    rejected(
        read(&space, false, &[json!({ "id": "c", "embedding": [1] })]),
        &["\"c\"", "1 values", "2 dimensions"],
    );
    rejected(read(&space, true, &[json!({ "id": "" })]), &["1 to 1024"]);
}

#[test]
fn a_schema_that_no_catalog_can_have_is_rejected_as_it_is_read() {
    let field = |name: &str| json!({ "name": name, "weight": 1 });
    for (fields, vectors, part) in [
        (json!([]), json!(null), "0 fields"),
        (json!([field("a"), field("a")]), json!(null), "twice"),
        (json!([field("and")]), json!(null), "reserved"),
        (json!([{ "title": 2 }]), json!(null), "\"title\" is neither \"name\" nor \"weight\""),
        (json!([{ "name": "a", "weight": 1001 }]), json!(null), "weight"),
        (json!([field("a")]), json!({ "dimension": 0, "metric": "dot" }), "dimension 0"),
        (
            json!([field("a")]),
            json!({ "dimension": 3, "metric": "dot", "text": { "field": "b", "prompt": "" } }),
            "no field \"b\"",
        ),
        (
            json!([field("a")]),
            json!({ "dimension": 3, "metric": "dot", "text": { "field": "a" } }),
            "\"prompt\"",
        ),
    ] {
        rejected(read_schema(json!({ "fields": fields, "vectors": vectors })), &[part]);
    }
}

#[test]
fn every_file_and_every_item_is_described() {
    let mut catalog = open(&items(None));
    let count = catalog.len() - 1;
    for change in [
        Change { removals: ["p3".to_string()].into(), ..Default::default() },
        Change { patches: object(json!({ "p1": { "price": 1.5 } })), ..Default::default() },
        Change { items: vec![items(None)[5].clone()], ..Default::default() },
    ] {
        catalog.apply(delta(&catalog, &change).unwrap(), Check::Hashes).unwrap();
    }
    let text = describe(&catalog);
    assert!(
        text.starts_with(&format!("{count} items\n")) && text.contains(&format!("\"items\": {count}")),
        "{text}"
    );
    for part in ["file 1  removals                    3 bytes", "file 2  patches ", "file 3  columns "] {
        assert!(text.contains(part), "{text}");
    }
}
