//! Filters that keep few items cost no hit: searches of a catalog with codes against a scan of all vectors in f64.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tests::{DIMENSION, item, schema};
use super::{BuildOptions, Change, CodesOption, Item, build, compact, delta};
use crate::index::{AttributeValue, Catalog, Check, Random, SearchRequest, SearchResult, SpaceMetric};

const ITEMS: usize = 3000;
/// The shares of the items that a filter keeps.
const SHARES: [f64; 7] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5];
const TITLES: [&str; 5] = ["阔腿裤女", "男裤 加绒", "运动鞋 Nike", "连衣裙女", "裤脚收纳"];

struct World {
    catalog: Catalog,
    items: Vec<Item>,
}

impl World {
    /// Makes items whose prices are the numbers from 0 on in random order.
    fn new(metric: SpaceMetric) -> Self {
        let mut random = Random(5);
        let mut prices: Vec<usize> = (0..ITEMS).collect();
        (1..ITEMS).for_each(|i| prices.swap(i, random.below(i + 1)));
        let mut items: Vec<Item> =
            (0..ITEMS).map(|i| item(i, TITLES[i % 5], &mut random, Some(metric))).collect();
        for (item, price) in items.iter_mut().zip(prices) {
            item.attributes[0] = Some(AttributeValue::Number(price as f64));
        }
        let options = BuildOptions { codes: CodesOption::Yes, ..Default::default() };
        let file = build(&schema(Some(metric)), &items, &options).unwrap();
        Self { catalog: Catalog::open(file, Check::Hashes).unwrap(), items }
    }

    fn search(&self, request: &Value, vector: &[f32]) -> SearchResult {
        self.catalog
            .search(&serde_json::from_value::<SearchRequest>(request.clone()).unwrap(), Some(vector))
            .unwrap()
    }

    /// Returns the score of an item from its int8 row, as docs/catalog-format.md defines it, in f64.
    fn score(&self, number: usize, vector: &[f32], metric: SpaceMetric) -> f64 {
        let row = self.catalog.row(number).unwrap().unwrap();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut query: Vec<f64> = vector.iter().map(|&x| f64::from(x)).collect();
        if metric == SpaceMetric::Cosine {
            let norm = dot(&query, &query).sqrt();
            query.iter_mut().for_each(|x| *x /= norm);
        }
        let mean: Vec<f64> = self.catalog.mean().iter().map(|&x| f64::from(x)).collect();
        let share = dot(&query, &mean) / dot(&mean, &mean);
        let rest: Vec<f64> = query.iter().zip(&mean).map(|(x, mean)| x - share * mean).collect();
        let values: Vec<f64> = row.values.iter().map(|&x| f64::from(x as i8)).collect();
        let product =
            dot(&query, &mean) + share * f64::from(row.offset) + f64::from(row.scale) * dot(&rest, &values);
        match metric {
            SpaceMetric::L2 => -(dot(&query, &query) - 2.0 * product + f64::from(row.square)).sqrt(),
            _ => product,
        }
    }
}

fn price(item: &Item) -> f64 {
    match item.attributes[0] {
        Some(AttributeValue::Number(price)) => price,
        _ => f64::NAN,
    }
}

#[test]
fn compacting_changes_no_hit_total_or_score() {
    let World { mut catalog, items } = World::new(SpaceMetric::Cosine);
    let removals = (0..ITEMS).step_by(9).map(|i| items[i].id.clone()).collect();
    let file = delta(&catalog, &Change { removals, ..Default::default() }).unwrap();
    catalog.apply(file, Check::Hashes).unwrap();
    let compacted = Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap();
    for (i, exact) in [(1, true), (2, false), (3, true)] {
        let request = json!({ "query": "裤", "semanticThreshold": 1, "topK": 50, "exact": exact });
        let [before, after] = [&catalog, &compacted].map(|catalog| {
            let request = serde_json::from_value::<SearchRequest>(request.clone()).unwrap();
            let found = catalog.search(&request, items[i].vector.as_deref()).unwrap();
            (found.total, found.hits.into_iter().map(|hit| (hit.id, hit.score)).collect::<Vec<_>>())
        });
        assert_eq!(before, after);
    }
}

#[test]
fn the_mean_of_the_vectors_is_stored() {
    let world = World::new(SpaceMetric::Dot);
    for (i, mean) in world.catalog.mean().iter().enumerate() {
        let sum: f64 = world.items.iter().map(|item| f64::from(item.vector.as_ref().unwrap()[i])).sum();
        assert!((f64::from(*mean) - sum / ITEMS as f64).abs() < 1e-5, "{i}");
    }
}

#[test]
fn selective_filters_return_the_best_of_what_they_keep() {
    let mut random = Random(6);
    for metric in [SpaceMetric::Dot, SpaceMetric::Cosine, SpaceMetric::L2] {
        let world = World::new(metric);
        for share in SHARES {
            let (from, kept) = (random.below(ITEMS / 2), (share * ITEMS as f64) as usize);
            let is_kept = |item: &Item| (from as f64..(from + kept) as f64).contains(&price(item));
            let filter = json!({ "price": { "gte": from, "lt": from + kept } });
            let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
            let score = |number: usize| world.score(number, &vector, metric);
            let mut all: Vec<f64> = (0..ITEMS).filter(|&n| is_kept(&world.items[n])).map(score).collect();
            all.sort_by(|a, b| b.total_cmp(a));
            assert_eq!(all.len(), kept);
            for top_k in [1, 10, 100] {
                let request = json!({ "filter": filter, "topK": top_k });
                let found = world.search(&request, &vector);
                assert_eq!(found.hits.len(), top_k.min(kept), "{metric:?} {request}");
                assert!(found.exact, "{metric:?} {request}: no estimate takes part");
                for (hit, due) in found.hits.iter().zip(&all) {
                    let number = hit.id[1..].parse::<usize>().unwrap();
                    assert!(is_kept(&world.items[number]), "{metric:?} {request}: {}", hit.id);
                    // The scan has a query of 13 bits.
                    let error = (f64::from(hit.score) - due).abs().max((score(number) - due).abs());
                    assert!(error <= 2e-3 * due.abs().max(1.0), "{metric:?} {request}: {} {due}", hit.score);
                }
            }
        }
    }
}

#[test]
fn facets_and_totals_are_counts_of_all_hits() {
    let world = World::new(SpaceMetric::Cosine);
    let mut random = Random(7);
    for (share, query) in SHARES.into_iter().zip(["", "裤", "女裤", "鞋", "nike", "收纳", "连衣裙"])
    {
        let kept = (share * ITEMS as f64) as usize;
        let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
        let request = json!({
            "query": query, "topK": 10_000, "filter": { "price": { "lt": kept } },
            "facets": [{ "attribute": "shop" }, { "attribute": "tags" }, { "attribute": "price", "ranges": [0, 5, 100] }],
        });
        let found = world.search(&request, &vector);
        assert_eq!(
            (found.hits.len(), found.total),
            (kept, kept),
            "a page that is large enough has all items"
        );
        let numbers: Vec<usize> = found.hits.iter().map(|hit| hit.id[1..].parse().unwrap()).collect();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for number in numbers {
            for value in world.items[number].attributes[1..].iter().flatten() {
                match value {
                    AttributeValue::String(text) => *counts.entry(text.clone()).or_default() += 1,
                    AttributeValue::Tags(tags) => {
                        let distinct: BTreeSet<&String> = tags.iter().collect();
                        distinct.into_iter().for_each(|tag| *counts.entry(tag.clone()).or_default() += 1);
                    }
                    _ => {}
                }
            }
        }
        let facets = &found.facets;
        let listed = facets["shop"].values.iter().chain(&facets["tags"].values);
        let listed: BTreeMap<String, usize> =
            listed.map(|value| (value.value.clone(), value.count)).collect();
        assert_eq!(listed, counts, "{request}");
        // A facet does not count the condition on its own attribute.
        assert_eq!(facets["price"].ranges, [5, 95, ITEMS - 100], "{request}");
    }
}
