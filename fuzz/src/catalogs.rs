//! A small catalog for the targets `catalog` and `search_request`.

use corom::index::{Catalog, Check, RowKind, Schema, SearchRequest};
use corom::index_build::{BuildOptions, Change, CodesOption, Item, build, delta};
use serde_json::{Value, json};

const TITLES: [&str; 6] =
    ["阔腿裤女冬牛仔", "經典款長褲 Nike", "美孚机油 5W-40", "225/55R18 轮胎", "尼康 Z62Z72", "玫瑰花束 Café"];

/// The schema: a field, an attribute of each kind, vectors of 8 dimensions.
pub fn schema() -> Schema {
    let attribute = |name: &str| json!({ "name": name, "kind": name });
    let schema = json!({ "items": 0, "fields": [{ "name": "title", "weight": 1 }],
        "attributes": (["number", "string", "boolean", "tags"].map(attribute)),
        "vectors": { "dimension": 8, "metric": "cosine", "oversampling": 0 } });
    serde_json::from_value(schema).expect("the schema of the targets")
}

fn item(at: usize) -> Item {
    let vector: Vec<f64> = (0..8).map(|i| ((at * 7 + i * 5) % 11) as f64 - 4.5).collect();
    let value = json!({ "id": format!("p{at}"), "title": TITLES[at % 6], "number": at, "string": format!("s{}", at % 3),
        "boolean": (at.is_multiple_of(2)), "tags": ((0..at % 3).map(|i| format!("t{i}")).collect::<Vec<_>>()), "embedding": vector });
    Item::from_json(&value, &schema(), &[]).expect("the items of the targets")
}

/// Twenty items.
pub fn items() -> Vec<Item> {
    (0..20).map(item).collect()
}

/// The catalog file, with codes and synonyms.
pub fn catalog_file(rows: RowKind) -> Vec<u8> {
    let mut schema = schema();
    if let Some(space) = &mut schema.vectors {
        space.rows = rows;
    }
    let synonyms = vec![vec!["裤".to_owned(), "pants".to_owned()]];
    build(&schema, &items(), &BuildOptions { synonyms, codes: CodesOption::Yes, ..Default::default() })
        .expect("the catalog of the targets")
}

/// A delta of that catalog.
pub fn delta_file() -> Vec<u8> {
    let catalog =
        Catalog::open(catalog_file(RowKind::Int8), Check::Hashes).expect("the catalog of the targets");
    let patches = json!({ "p0": { "number": 7, "tags": ["t9"], "string": null } });
    let Value::Object(patches) = patches else { return Vec::new() };
    let change = Change { items: vec![item(1), item(30)], removals: ["p2".to_owned()].into(), patches };
    delta(&catalog, &change).expect("the delta of the targets")
}

/// A request that reads every section.
pub fn request() -> SearchRequest {
    let request = json!({ "query": "女 nike kuzi 5w40 pants", "facets": [{ "attribute": "tags" }, { "attribute": "number", "ranges": [0, 9] }],
        "sort": [{ "attribute": "string" }], "explain": true, "filter": { "number": { "gte": 1 } } });
    serde_json::from_value(request).expect("the request of the targets")
}
