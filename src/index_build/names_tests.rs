//! Names that a schema has twice, changes of other forms, and when there are codes.

use serde_json::{Value, json};

use super::input_tests::rejected;
use super::tests::{items, schema};
use super::{
    BuildOptions, Change, CodesOption, Item, build, compact, delta, read_request, read_schema, read_synonyms,
    record_of,
};
use crate::index::{Catalog, Check};

#[test]
fn a_brand_is_searched_and_filtered_by_one_name() {
    let given = json!({
        "fields": [{ "name": "title", "weight": 2 }, { "name": "brand", "weight": 1 }],
        "attributes": [{ "name": "brand", "kind": "string" }, { "name": "price", "kind": "number" }],
    });
    let (schema, stored) = read_schema(given).unwrap();
    let item = |id: &str, title: &str, brand: &str| {
        let item = json!({ "id": id, "title": title, "brand": brand, "price": 5 });
        Item::from_json(&item, &schema, &stored).unwrap()
    };
    let items = [item("a", "保温杯", "苏泊尔"), item("b", "玻璃杯", "富光"), item("c", "保温壶", "苏泊尔")];
    let file = build(&schema, &items, &BuildOptions::default()).unwrap();
    let mut catalog = Catalog::open(file, Check::Hashes).unwrap();
    let found = |catalog: &Catalog, request: Value| {
        let found = catalog.search(&serde_json::from_value(request).unwrap(), None).unwrap();
        (found.hits.iter().map(|hit| hit.id.clone()).collect::<Vec<_>>(), found.facets)
    };
    let (ids, facets) = found(&catalog, json!({ "query": "苏泊尔", "facets": [{ "attribute": "brand" }] }));
    assert_eq!((ids.len(), facets["brand"].values.len()), (2, 1));
    assert_eq!(found(&catalog, json!({ "filter": { "brand": "富光" } })).0, ["b"]);
    // The text would keep the old brand.
    let patch = |patches: Value| Change::patches(patches).and_then(|change| delta(&catalog, &change));
    rejected(patch(json!({ "a": { "brand": "富光" } })), &["\"a\"", "\"brand\"", "add the item again"]);
    assert_eq!(patch(json!({ "a": { "brand": "苏泊尔" } })).unwrap(), [0_u8; 0], "it changes nothing");
    let change = Change { items: vec![item("a", "保温杯", "富光")], ..Default::default() };
    let file = delta(&catalog, &change).unwrap();
    catalog.apply(file, Check::Hashes).unwrap();
    let file = compact(&catalog).unwrap();
    for catalog in [&catalog, &Catalog::open(file, Check::Hashes).unwrap()] {
        assert_eq!(found(catalog, json!({ "query": "苏泊尔" })).0, ["c"]);
        assert_eq!(found(catalog, json!({ "filter": { "brand": "富光" } })).0.len(), 2);
        assert_eq!(record_of(catalog.item("a").unwrap().unwrap())["brand"], "富光");
    }
}

#[test]
fn a_name_is_that_of_one_field_and_of_one_attribute_of_strings() {
    let field = |name: &str| json!({ "name": name, "weight": 1 });
    let attribute = |name: &str, kind: &str| json!({ "name": name, "kind": kind });
    let read =
        |fields: Value, attributes: Value| read_schema(json!({ "fields": fields, "attributes": attributes }));
    read(json!([field("a"), field("b")]), json!([attribute("b", "string"), attribute("a", "string")]))
        .unwrap();
    rejected(
        read(json!([field("a"), field("b"), field("a")]), json!([attribute("b", "string")])),
        &["\"a\"", "twice"],
    );
    let twice = json!([attribute("a", "string"), attribute("a", "string")]);
    rejected(read(json!([field("a")]), twice), &["\"a\"", "twice"]);
    for kind in ["number", "boolean", "tags"] {
        rejected(read(json!([field("a")]), json!([attribute("a", kind)])), &["\"a\"", "string", kind]);
    }
}

#[test]
fn an_export_keeps_items_without_a_brand() {
    let given = json!({
        "fields": [{ "name": "title", "weight": 2 }, { "name": "brand", "weight": 1 }],
        "attributes": [{ "name": "brand", "kind": "string" }],
    });
    let (schema, stored) = read_schema(given).unwrap();
    let given = [json!({ "id": "a", "title": "绿茶" }), json!({ "id": "b", "title": "红茶", "brand": "" })];
    let mut items: Vec<Item> =
        given.iter().map(|item| Item::from_json(item, &schema, &stored).unwrap()).collect();
    for _ in 0..2 {
        let file = build(&schema, &items, &BuildOptions::default()).unwrap();
        let catalog = Catalog::open(file, Check::Hashes).unwrap();
        let records = ["a", "b"].map(|id| record_of(catalog.item(id).unwrap().unwrap()));
        assert_eq!(records[..], given);
        items = records.iter().map(|record| Item::from_json(record, &schema, &stored).unwrap()).collect();
    }
}

#[test]
fn synonyms_that_do_nothing_are_told_with_their_line() {
    assert_eq!(read_synonyms("裤子，长裤\n\na, b,c\n").unwrap(), [vec!["裤子", "长裤"], vec!["a", "b", "c"]]);
    for (text, part) in
        [("a,b\n水壶、保温杯", "line 2"), ("水壶=>保温杯", "commas"), ("a,", "\"\""), ("a,👗", "👗")]
    {
        rejected(read_synonyms(text), &["line", part]);
    }
}

#[test]
fn a_schema_that_lacks_a_part_is_shown_it() {
    let field = json!([{ "name": "title", "weight": 1 }]);
    rejected(read_schema(json!({ "attributes": [] })), &["\"fields\": [{"]);
    rejected(
        read_schema(json!({ "fields": field, "vectors": { "metric": "dot" } })),
        &["{\"dimension\": 768"],
    );
}

#[test]
fn the_text_of_a_command_is_its_argument() {
    let request = read_request(r#"{"topK": 3, "mode": "keyword"}"#, "裤", Some(2)).unwrap();
    assert_eq!((request.query.as_str(), request.top_k), ("裤", 2));
    rejected(read_request(r#"{"query": "机油"}"#, "裤", None), &["query", "argument"]);
    rejected(read_request(r#"{"limit": 1}"#, "裤", None), &["limit"]);
}

#[test]
fn patches_of_another_form_are_told_the_form() {
    for patches in [json!([{ "id": "p1", "price": 1 }]), json!({ "id": "p1", "price": 1 }), json!("p1")] {
        rejected(Change::patches(patches), &["{\"ID\": {"]);
    }
}

#[test]
fn codes_are_written_from_100_000_items_on() {
    assert!(!CodesOption::Auto.applies_to(99_999) && CodesOption::Auto.applies_to(100_000));
    assert!(CodesOption::Yes.applies_to(1) && !CodesOption::No.applies_to(1_000_000));
}

#[test]
fn codes_need_vectors() {
    let options = BuildOptions { codes: CodesOption::Yes, ..Default::default() };
    rejected(build(&schema(None), &items(None), &options), &["codes", "no vectors"]);
}
