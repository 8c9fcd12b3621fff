//! Compares searches with a plain reference: loops over the items, in the words of the documentation.

use serde_json::{Value, json};

use super::tests::{item, items, schema, titles};
use super::{BuildOptions, Change, CodesOption, Item, build, delta};
use crate::index::Random;
use crate::index::{AttributeValue, Catalog, Check, SearchRequest, SpaceMetric};

fn catalog(items: &[Item], metric: SpaceMetric, codes: CodesOption) -> Catalog {
    let file = build(&schema(Some(metric)), items, &BuildOptions { codes, ..Default::default() }).unwrap();
    Catalog::open(file, Check::Hashes).unwrap()
}

fn number(item: &Item) -> Option<f64> {
    match item.attributes[0] {
        Some(AttributeValue::Number(number)) => Some(number),
        _ => None,
    }
}

fn tags(item: &Item) -> Vec<String> {
    match &item.attributes[3] {
        Some(AttributeValue::Tags(tags)) => tags.clone(),
        _ => Vec::new(),
    }
}

/// A filter as a function.
pub(super) type Keeps = Box<dyn Fn(&Item) -> bool>;

/// A random filter, and what it means.
pub(super) fn random_filter(random: &mut Random, depth: usize) -> (Value, Keeps) {
    let n = random.below(500) as f64;
    let shop = format!("店{}", random.below(9));
    let tag = format!("标{}", random.below(5));
    let is_shop =
        |shop: String| move |item: &Item| item.attributes[1] == Some(AttributeValue::String(shop.clone()));
    match random.below(if depth == 0 { 8 } else { 11 }) {
        0 => (json!({ "price": { "gte": n } }), Box::new(move |item| number(item).is_some_and(|x| x >= n))),
        1 => (
            json!({ "price": { "gt": n - 90.0, "lt": n } }),
            Box::new(move |item| number(item).is_some_and(|x| n - 90.0 < x && x < n)),
        ),
        2 => (
            json!({ "price": { "between": [n, n + 50.0] } }),
            Box::new(move |item| number(item).is_some_and(|x| n <= x && x <= n + 50.0)),
        ),
        3 => (json!({ "shop": shop }), Box::new(is_shop(shop))),
        4 => (json!({ "shop": { "nin": [shop] } }), {
            let is = is_shop(shop);
            Box::new(move |item| !is(item))
        }),
        5 => (
            json!({ "stock": true }),
            Box::new(|item| item.attributes[2] == Some(AttributeValue::Boolean(true))),
        ),
        6 => (
            json!({ "tags": { "containsAll": [tag.clone(), "标1"] } }),
            Box::new(move |item| tags(item).contains(&tag) && tags(item).contains(&"标1".to_string())),
        ),
        7 => (json!({ "price": { "exists": false } }), Box::new(|item| number(item).is_none())),
        other => {
            let [(a, keeps_a), (b, keeps_b)] = [0; 2].map(|_| random_filter(random, depth - 1));
            match other {
                8 => (json!({ "and": [a, b] }), Box::new(move |item| keeps_a(item) && keeps_b(item))),
                9 => (json!({ "or": [a, b] }), Box::new(move |item| keeps_a(item) || keeps_b(item))),
                _ => (json!({ "not": a }), Box::new(move |item| !keeps_a(item))),
            }
        }
    }
}

#[test]
fn facets_are_disjunctive() {
    let items = items(Some(SpaceMetric::Dot));
    let catalog = catalog(&items, SpaceMetric::Dot, CodesOption::No);
    let request = json!({ "filter": { "shop": ["店1", "店2"], "stock": true }, "facets": [{ "attribute": "shop" }, { "attribute": "stock" }, { "attribute": "price", "ranges": [0, 100, 300] }] });
    let result = catalog.search(&serde_json::from_value(request).unwrap(), None).unwrap();
    let of = |shops: &[&str], stock: Option<bool>| -> Vec<&Item> {
        let shop = |item: &&Item| {
            shops.is_empty()
                || shops
                    .iter()
                    .any(|shop| item.attributes[1] == Some(AttributeValue::String(shop.to_string())))
        };
        let stock = |item: &&Item| {
            stock.is_none_or(|stock| item.attributes[2] == Some(AttributeValue::Boolean(stock)))
        };
        items.iter().filter(shop).filter(stock).collect()
    };
    for value in &result.facets["shop"].values {
        assert_eq!(value.count, of(&[&value.value], Some(true)).len());
    }
    assert_eq!(result.facets["shop"].distinct, 9);
    for value in &result.facets["stock"].values {
        assert_eq!(value.count, of(&["店1", "店2"], Some(value.value == "true")).len());
    }
    let prices: Vec<f64> = of(&["店1", "店2"], Some(true)).into_iter().filter_map(number).collect();
    let within = |low: f64, high: f64| prices.iter().filter(|&&x| low <= x && x < high).count();
    assert_eq!(result.facets["price"].ranges, [within(0.0, 100.0), within(100.0, 300.0), within(300.0, 1e9)]);
    assert_eq!(result.total, of(&["店1", "店2"], Some(true)).len());
}

#[test]
fn sort_distinct_pins_and_collapse_do_what_they_say() {
    let mut all = items(Some(SpaceMetric::Cosine));
    let twin = Item { id: "twin".into(), ..all[5].clone() };
    all.push(twin);
    let catalog = catalog(&all, SpaceMetric::Cosine, CodesOption::No);
    let run = |request: Value, vector: Option<&[f32]>| {
        catalog.search(&serde_json::from_value(request).unwrap(), vector).unwrap()
    };
    let sorted = run(json!({ "sort": [{ "attribute": "price", "descending": true }], "topK": 600 }), None);
    let prices: Vec<Option<f64>> = sorted
        .hits
        .iter()
        .map(|hit| match hit.attributes.get("price") {
            Some(AttributeValue::Number(number)) => Some(*number),
            _ => None,
        })
        .collect();
    assert!(prices.windows(2).all(|pair| pair[0] >= pair[1]) && prices.len() == all.len());
    let distinct = run(json!({ "distinct": "shop", "topK": 100, "pinned": ["p7"] }), None);
    assert_eq!((distinct.total, distinct.hits.len(), distinct.hits[0].id.as_str()), (9, 9, "p7"));
    let vector = all[5].vector.clone().unwrap();
    let ids =
        |request: Value| run(request, Some(&vector)).hits.into_iter().map(|hit| hit.id).collect::<Vec<_>>();
    assert_eq!(ids(json!({ "topK": 2 })), ["p5", "twin"]);
    assert!(!ids(json!({ "topK": 9, "collapse": 0.99 })).contains(&"twin".to_string()));
    assert_ne!(ids(json!({ "topK": 2, "diversity": 0.5 }))[1], "twin");
    let similar = catalog.similar("p5", &SearchRequest { top_k: 3, ..Default::default() }).unwrap();
    assert!(
        similar.hits.len() == 3
            && similar.hits[0].id == "twin"
            && similar.hits.iter().all(|hit| hit.id != "p5")
    );
}

#[test]
fn the_coded_scan_finds_what_the_exact_one_does() {
    let mut random = Random(9);
    let metric = SpaceMetric::Cosine;
    let all: Vec<Item> =
        (0..6000).map(|i| item(i, &titles()[i % titles().len()], &mut random, Some(metric))).collect();
    let catalog = catalog(&all, metric, CodesOption::Yes);
    let oversampling = catalog.schema().vectors.as_ref().unwrap().oversampling;
    assert!(oversampling > 0);
    let (mut found, mut wanted) = (0, 0);
    for query in all.iter().step_by(101) {
        let ids = |exact: bool| {
            let request = SearchRequest { exact, ..Default::default() };
            catalog
                .search(&request, query.vector.as_deref())
                .unwrap()
                .hits
                .into_iter()
                .map(|hit| hit.id)
                .collect::<Vec<_>>()
        };
        let (exact, coded) = (ids(true), ids(false));
        wanted += exact.len();
        found += exact.iter().filter(|id| coded.contains(id)).count();
    }
    assert!(found as f32 >= 0.99 * wanted as f32, "{found} of {wanted}, oversampling {oversampling}");
}

#[test]
fn wrong_requests_are_rejected_with_their_place() {
    let items = items(Some(SpaceMetric::Dot));
    let catalog = catalog(&items, SpaceMetric::Dot, CodesOption::No);
    for (request, place) in [
        (json!({ "filter": { "prise": 3 } }), "prise"),
        (json!({ "filter": { "price": "x" } }), "filter.price"),
        (json!({ "filter": { "stock": { "gt": true } } }), "stock.gt"),
        (json!({ "filter": { "price": { "like": 1 } } }), "price.like"),
        (json!({ "filter": { "or": [{ "tags": [1] }] } }), "filter.or[0].tags[0]"),
        (json!({ "filter": { "shop": null } }), "exists"),
        (json!({ "facets": [{ "attribute": "x" }] }), "facets"),
        (json!({ "topK": 100_000 }), "topK"),
        (json!({ "sort": [{ "attribute": "title" }] }), "sort"),
        (json!({ "boost": [{ "attribute": "shop", "weight": 1.0 }] }), "boost"),
        (json!({ "query": "女", "mode": "semantic" }), "mode"),
        (json!({ "semanticRatio": 2.0 }), "semanticRatio"),
    ] {
        let error = catalog.search(&serde_json::from_value(request.clone()).unwrap(), None).unwrap_err();
        assert!(
            error.code().as_str() == "INVALID_ARGUMENT" && error.message().contains(place),
            "{request}: {error}"
        );
    }
    assert!(catalog.search(&SearchRequest::default(), Some(&[1.0])).is_err());
    assert!(catalog.similar("none", &SearchRequest::default()).is_err());
    let bad = Change { removals: ["none".to_string()].into(), ..Default::default() };
    assert!(delta(&catalog, &bad).is_err() && delta(&catalog, &Change::default()).is_err());
}
