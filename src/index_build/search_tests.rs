//! Searches whose result is easily wrong and looks right.

use serde_json::{Value, json};

use super::tests::{DIMENSION, item, items, schema};
use super::{BuildOptions, Item, build};
use crate::error::Result;
use crate::index::{AttributeValue, Catalog, Check, Random, SearchRequest, SearchResult, SpaceMetric};

const METRIC: SpaceMetric = SpaceMetric::Cosine;

pub(super) fn catalog(items: &[Item]) -> Catalog {
    let metric = items[0].vector.as_ref().map(|_| METRIC);
    let file = build(&schema(metric), items, &BuildOptions::default()).unwrap();
    Catalog::open(file, Check::Hashes).unwrap()
}

fn request(request: &Value) -> SearchRequest {
    serde_json::from_value(request.clone()).unwrap()
}

pub(super) fn run(catalog: &Catalog, json: &Value, vector: Option<&[f32]>) -> Result<SearchResult> {
    catalog.search(&request(json), vector)
}

fn ids(result: &SearchResult) -> Vec<&str> {
    result.hits.iter().map(|hit| hit.id.as_str()).collect()
}

fn fails(result: Result<SearchResult>, place: &str) {
    let error = result.unwrap_err();
    assert!(
        error.code().as_str() == "INVALID_ARGUMENT" && error.message().contains(place),
        "{place}: {error}"
    );
}

#[test]
fn a_query_without_letters_finds_nothing_and_an_empty_one_browses() {
    let items = items(Some(METRIC));
    let catalog = catalog(&items);
    for mode in ["auto", "keyword"] {
        for query in ["👗", "，", "- …", "👗 !"] {
            let found = run(&catalog, &json!({ "query": query, "mode": mode }), None).unwrap();
            assert_eq!((found.total, found.mode), (0, "keyword"), "{query} {mode}");
        }
        for query in ["", "  ", "\u{3000}"] {
            let found = run(&catalog, &json!({ "query": query, "mode": mode }), None).unwrap();
            assert_eq!((found.total, found.mode), (items.len(), "browse"), "{query:?} {mode}");
        }
    }
    let vector = items[3].vector.as_deref();
    fails(run(&catalog, &json!({ "mode": "keyword" }), vector), "needs a text");
    let found = run(&catalog, &json!({ "query": "👗" }), vector).unwrap();
    assert_eq!((found.mode, ids(&found)[0]), ("semantic", "p3"), "the model knows what it means");
}

#[test]
fn a_boost_counts_the_only_value_of_a_number_and_never_false() {
    let mut random = Random(1);
    let mut all: Vec<Item> = (0..6).map(|i| item(i, "阔腿裤", &mut random, None)).collect();
    for (i, item) in all.iter_mut().enumerate() {
        item.attributes[0] = (i == 4).then_some(AttributeValue::Number(3.0));
        item.attributes[2] = (i == 5).then_some(AttributeValue::Boolean(true));
    }
    let boosted = |all: &[Item], name: &str| {
        let json =
            json!({ "query": "阔腿裤", "explain": true, "boost": [{ "attribute": name, "weight": 5 }] });
        let hit = run(&catalog(all), &json, None).unwrap().hits.remove(0);
        (hit.id, hit.explanation.unwrap().parts[1].value)
    };
    assert_eq!(boosted(&all, "price"), ("p4".to_string(), 5.0));
    assert_eq!(boosted(&all, "stock"), ("p5".to_string(), 5.0));
    all[5].attributes[2] = Some(AttributeValue::Boolean(false));
    assert_eq!(boosted(&all, "stock").1, 0.0);
}

#[test]
fn facets_obey_conditions_without_an_attribute() {
    let catalog = catalog(&items(None));
    for filter in [json!({ "or": [] }), json!({ "not": {} }), json!({ "or": [], "shop": "店1" })] {
        let json = json!({ "filter": filter, "facets": [{ "attribute": "shop" }] });
        let found = run(&catalog, &json, None).unwrap();
        assert_eq!((found.total, found.facets["shop"].distinct), (0, 0), "{filter}");
    }
    // Nested conditions about one attribute are still about it.
    let filter = json!({ "not": { "or": [{ "shop": "店1" }, { "not": { "shop": "店2" } }] } });
    let json = json!({ "filter": filter, "facets": [{ "attribute": "shop" }] });
    assert_eq!(run(&catalog, &json, None).unwrap().facets["shop"].distinct, 9);
}

#[test]
fn facets_count_the_nearest_items_that_fill_a_page() {
    let items = items(Some(METRIC));
    let catalog = catalog(&items);
    // No keyword, and no item above the threshold: all hits are the nearest items.
    for shop in (0..9).map(|i| format!("店{i}")) {
        let json = json!({
            "filter": { "shop": shop }, "facets": [{ "attribute": "shop" }], "semanticThreshold": 100, "topK": 3,
        });
        let found = run(&catalog, &json, items[3].vector.as_deref()).unwrap();
        let count = found.facets["shop"].values.iter().find(|one| one.value == shop).map(|one| one.count);
        assert!(found.total > 0 && count >= Some(found.total), "{shop}: {} hits, {count:?}", found.total);
    }
}

#[test]
fn hits_that_are_sorted_are_not_filled_up() {
    let items = items(Some(METRIC));
    let catalog = catalog(&items);
    let vector = items[3].vector.as_deref();
    let keywords = run(&catalog, &json!({ "query": "女裤", "matching": "all" }), None).unwrap().total;
    for sort in [json!([]), json!([{ "attribute": "price" }])] {
        let json =
            json!({ "query": "女裤", "matching": "all", "semanticThreshold": 100, "topK": 60, "sort": sort });
        let found = run(&catalog, &json, vector).unwrap();
        assert_eq!(found.total, if sort == json!([]) { 60 } else { keywords });
    }
    assert!(keywords < 60);
}

#[test]
fn an_empty_text_browses_in_every_mode() {
    let catalog = catalog(&items(Some(METRIC)));
    for mode in ["auto", "keyword", "semantic", "hybrid"] {
        let found = run(&catalog, &json!({ "query": " ", "mode": mode }), None).unwrap();
        assert_eq!((found.mode, found.total), ("browse", catalog.len()), "{mode}");
    }
    fails(run(&catalog, &json!({ "query": "女", "mode": "semantic" }), None), "vector of its text");
}

#[test]
fn what_has_no_order_or_contradicts_itself_is_rejected() {
    let items = items(Some(METRIC));
    let catalog = catalog(&items);
    let ranges = |attribute: &str, borders: Value| json!({ "facets": [{ "attribute": attribute, "ranges": borders }] });
    for (json, place) in [
        (ranges("price", json!([300, 100, 0])), "\"price\" do not rise"),
        (ranges("price", json!([0, 100, 100])), "\"price\" do not rise"),
        (ranges("shop", json!([0, 100])), "\"shop\", a string"),
        (ranges("stock", json!([0, 1])), "\"stock\", a boolean"),
        (json!({ "facets": [{ "attribute": "price" }, { "attribute": "price", "ranges": [0] }] }), "twice"),
        (json!({ "distinct": "tags" }), "distinct: \"tags\""),
        (json!({ "sort": [{ "attribute": "tags" }] }), "sort: \"tags\""),
        (json!({ "sort": [{ "attribute": "price" }], "diversity": 0.1 }), "diversity"),
    ] {
        fails(run(&catalog, &json, items[0].vector.as_deref()), place);
    }
    let mut nan = request(&ranges("price", json!([0, 1])));
    nan.facets[0].ranges[1] = f64::NAN;
    fails(catalog.search(&nan, None), "do not rise");
}

#[test]
fn similar_items_are_a_search_without_the_item() {
    let mut all = items(Some(METRIC));
    // Variants: the nearest items are in its own shop.
    let shop = all[8].attributes[1].clone();
    for (id, near) in [("v1", 0.1), ("v2", 0.4), ("v3", 0.9)] {
        let mut vector = all[8].vector.clone().unwrap();
        vector[0] += near;
        all.push(Item { id: id.into(), vector: Some(vector), ..all[8].clone() });
    }
    let catalog = catalog(&all);
    let similar = |json: Value| catalog.similar("p8", &request(&json)).unwrap();
    let wide = similar(json!({ "topK": 40, "semanticThreshold": -1000 }));
    assert_eq!(ids(&wide)[..3], ["v1", "v2", "v3"]);
    assert_eq!(wide.total, all.len() - 1);
    let mut joined = Vec::new();
    for offset in (0..40).step_by(8) {
        let next = similar(json!({ "topK": 8, "offset": offset, "semanticThreshold": -1000 }));
        assert_eq!((next.total, next.hits.len()), (wide.total, 8));
        joined.extend(next.hits);
    }
    assert_eq!(joined, wide.hits);
    let counted = similar(json!({ "semanticThreshold": -1000, "facets": [{ "attribute": "shop" }] }));
    let sum: usize = counted.facets["shop"].values.iter().map(|value| value.count).sum();
    assert_eq!(sum, all.len() - 1, "facets do not count the item");
    let distinct = similar(json!({ "semanticThreshold": -1000, "distinct": "shop", "pinned": ["p8"] }));
    assert_eq!(
        (distinct.hits[0].id.as_str(), distinct.total),
        ("v1", 9),
        "the item does not stand for its shop"
    );
    assert_eq!(distinct.hits[0].attributes.get("shop").cloned(), shop);
    assert_eq!(similar(json!({ "topK": 10_000 })).total, all.len() - 1);
    fails(catalog.similar("p8", &request(&json!({ "topK": 10_001 }))), "topK: 10001");
    fails(catalog.similar("p8", &SearchRequest { top_k: usize::MAX, ..Default::default() }), "topK");
}

#[test]
fn pinned_hits_come_first_whatever_else_orders_the_hits() {
    let mut all = items(Some(METRIC));
    let vector = all[5].vector.clone().unwrap();
    all[40].vector = Some(vector.clone());
    all[41].vector = Some(vector.clone());
    let catalog = catalog(&all);
    // p41 and p40 have the same vector.
    let pins = ["p41", "p40", "p90", "p17"];
    for choice in [
        json!({}),
        json!({ "diversity": 0.9 }),
        json!({ "diversity": 1 }),
        json!({ "collapse": 0.9 }),
        json!({ "diversity": 0.3, "collapse": 0.9 }),
        json!({ "sort": [{ "attribute": "price", "descending": true }] }),
        json!({ "sort": [{ "attribute": "price" }], "collapse": 0.9 }),
    ] {
        let mut json = choice;
        json["pinned"] = json!(["p41", "none", "p40", "p90", "p41", "p17"]);
        json["semanticThreshold"] = json!(-1000);
        json["topK"] = json!(8);
        let found = run(&catalog, &json, Some(&vector)).unwrap();
        assert_eq!(ids(&found)[..4], pins, "{json}");
        assert_eq!(found.hits.len(), 8, "{json}");
        let is_collapsed = json.get("collapse").is_some();
        assert!(!is_collapsed || !ids(&found).contains(&"p5"), "{json}: as near to a pinned hit as can be");
        json["topK"] = json!(2);
        json["offset"] = json!(1);
        assert_eq!(ids(&run(&catalog, &json, Some(&vector)).unwrap()), pins[1..3], "{json}");
    }
}

#[test]
fn collapsed_pages_are_full_while_there_are_other_hits() {
    let mut random = Random(4);
    let centers: Vec<Vec<f32>> = (0..30).map(|_| random.normals(DIMENSION)).collect();
    let all: Vec<Item> = (0..600)
        .map(|i| {
            let vector =
                centers[i % 30].iter().zip(random.normals(DIMENSION)).map(|(x, noise)| x + 0.01 * noise);
            Item { vector: Some(vector.collect()), ..item(i, "女裤", &mut Random(1), Some(METRIC)) }
        })
        .collect();
    let catalog = catalog(&all);
    for choice in [json!({ "collapse": 0.9 }), json!({ "collapse": 0.9, "diversity": 0.2 })] {
        let mut json = choice;
        json["semanticThreshold"] = json!(-1000);
        for (top_k, offset, expected) in [(10, 0, 10), (10, 10, 10), (10, 20, 10), (10, 30, 0), (100, 0, 30)]
        {
            json["topK"] = json!(top_k);
            json["offset"] = json!(offset);
            let found = run(&catalog, &json, Some(&centers[0])).unwrap();
            assert_eq!((found.hits.len(), found.total), (expected, 600), "{json}");
            let number = |id: &str| id[1..].parse::<usize>().unwrap() % 30;
            let mut groups: Vec<usize> = ids(&found).into_iter().map(number).collect();
            groups.sort_unstable();
            groups.dedup();
            assert_eq!(groups.len(), expected, "{json}");
        }
    }
}

/// Evaluates a formula of an explanation.
struct Formula<'a>(&'a str);

impl Formula<'_> {
    fn value(text: &str) -> f64 {
        let mut formula = Formula(text);
        let value = formula.product();
        assert_eq!(formula.0.trim(), "", "{text}");
        value
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn product(&mut self) -> f64 {
        let mut value = self.primary();
        loop {
            match (self.takes("·"), self.takes("/")) {
                (true, _) => value *= self.primary(),
                (_, true) => value /= self.primary(),
                _ => return value,
            }
        }
    }

    fn primary(&mut self) -> f64 {
        if self.takes("max(") {
            let (a, _, b, _) = (self.product(), self.takes(","), self.primary(), self.takes(")"));
            return a.max(b);
        }
        if self.takes("(") {
            let a = self.product();
            let sign = if self.takes("−") { -1.0 } else { f64::from(u8::from(self.takes("+"))) };
            assert!(sign != 0.0 && (sign < 0.0 || self.takes("rank")), "{}", self.0);
            let value = a + sign * self.product();
            assert!(self.takes(")"), "{}", self.0);
            return value;
        }
        if self.takes("−") {
            return -self.primary();
        }
        let text = self.0.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit() && !"-.e".contains(c)).unwrap_or(text.len());
        self.0 = &text[end..];
        text[..end].parse().unwrap_or_else(|_| panic!("{text}"))
    }
}

#[test]
fn formulas_give_the_values_of_their_parts() {
    let items = items(Some(METRIC));
    let catalog = catalog(&items);
    let vector = items[3].vector.as_deref();
    let mut seen = Vec::new();
    for fusion in ["weighted", "rrf"] {
        for (query, vector) in
            [("女裤 nike", vector), ("腿裤", vector), ("女裤", None), ("", vector), ("👗", vector)]
        {
            let mode = if query == "👗" { "hybrid" } else { "auto" };
            let json = json!({
                "query": query, "mode": mode, "explain": true, "fusion": fusion, "topK": 1000, "highlight": false,
                "boost": [{ "attribute": "price", "weight": -0.3 }, { "attribute": "stock", "weight": 0.7 }],
            });
            for hit in run(&catalog, &json, vector).unwrap().hits {
                let parts = hit.explanation.unwrap().parts;
                for part in &parts {
                    let (value, due) = (Formula::value(&part.formula), f64::from(part.value));
                    assert!((value - due).abs() <= 1e-5 * due.abs().max(0.1), "{query}: {part:?}: {value}");
                    seen.push(part.formula.clone());
                }
                let keyword = parts.iter().find(|part| part.name == "keyword");
                if let (Some(part), None, "rrf") = (keyword, hit.scores.keyword, fusion) {
                    assert_eq!(part.value, 0.0, "keywords did not find it");
                }
            }
        }
    }
    for form in ["· max((", "/ (60 + rank ", "· 0"] {
        assert!(seen.iter().any(|formula| formula.contains(form)), "{form}");
    }
    assert!(seen.iter().any(|formula| Formula::value(formula) == -3.0 * Formula::value(&formula[..3])));
}

#[test]
fn weights_of_boosts_are_limited() {
    let catalog = catalog(&items(None));
    let boost = |weight: f32| {
        let boost = crate::index::Boost { attribute: "price".into(), weight };
        catalog.search(&SearchRequest { boost: vec![boost; 3], top_k: 1000, ..Default::default() }, None)
    };
    for weight in [f32::NAN, f32::INFINITY, -3e38, 1.1e6] {
        fails(boost(weight), "\"price\" has the weight");
    }
    assert!(
        [1e6, -1e6].into_iter().all(|weight| boost(weight)
            .unwrap()
            .hits
            .iter()
            .all(|hit| hit.score.is_finite()))
    );
}
