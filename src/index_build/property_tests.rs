//! Compares searches of catalogs with deltas with plain loops over the items, for random filters and every mode.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::reference_tests::{Keeps, random_filter};
use super::tests::{DIMENSION, item, items, schema};
use super::{BuildOptions, Change, CodesOption, Item, build, delta};
use crate::index::{AttributeValue, Catalog, Check, Random, SearchRequest, SearchResult, SpaceMetric};

/// A catalog after random changes, and the items that it has now.
struct World {
    catalog: Catalog,
    items: BTreeMap<String, Item>,
}

impl World {
    fn new(random: &mut Random, metric: SpaceMetric, codes: CodesOption) -> Self {
        let all = items(Some(metric));
        let (first, rest) = all.split_at(all.len() / 2);
        let file =
            build(&schema(Some(metric)), first, &BuildOptions { codes, ..Default::default() }).unwrap();
        let mut world = Self {
            catalog: Catalog::open(file, Check::Hashes).unwrap(),
            items: first.iter().map(|item| (item.id.clone(), item.clone())).collect(),
        };
        for part in rest.chunks(rest.len() / 3 + 1) {
            world.change(random, part, metric);
        }
        world
    }

    fn change(&mut self, random: &mut Random, new: &[Item], metric: SpaceMetric) {
        let ids: Vec<String> = self.items.keys().cloned().collect();
        let mut some = |count: usize| -> BTreeSet<String> {
            (0..count).map(|_| ids[random.below(ids.len())].clone()).collect()
        };
        let (removals, patched, replaced) = (some(9), some(20), some(9));
        let mut change = Change { items: new.to_vec(), removals, ..Default::default() };
        for id in replaced.difference(&change.removals) {
            let number = id[1..].parse::<usize>().unwrap();
            change.items.push(item(number, "替换的女裤 Zebra 5W-40", random, Some(metric)));
        }
        for id in patched.difference(&change.removals) {
            let price = random.below(500);
            change.patches.insert(
                id.clone(),
                json!({ "price": price, "shop": null, "stock": price.is_multiple_of(2) }),
            );
        }
        let file = delta(&self.catalog, &change).unwrap();
        self.catalog.apply(file, Check::Hashes).unwrap();
        change.removals.iter().for_each(|id| drop(self.items.remove(id)));
        for item in change.items {
            self.items.insert(item.id.clone(), item);
        }
        for (id, values) in &change.patches {
            let item = self.items.get_mut(id).unwrap();
            item.attributes[0] = values["price"].as_f64().map(AttributeValue::Number);
            item.attributes[1] = None;
            item.attributes[2] = values["stock"].as_bool().map(AttributeValue::Boolean);
        }
    }

    fn search(&self, request: &Value, vector: Option<&[f32]>) -> SearchResult {
        let request: SearchRequest = serde_json::from_value(request.clone()).unwrap();
        self.catalog.search(&request, vector).unwrap()
    }

    /// Returns the scores of all items without a filter, by id.
    fn scores(&self, query: &str, vector: Option<&[f32]>) -> BTreeMap<String, f32> {
        let request = json!({ "query": query, "topK": 10_000, "exact": true, "highlight": false });
        let hits = self.search(&request, vector).hits;
        hits.into_iter().map(|hit| (hit.id, hit.score)).collect()
    }

    /// Returns the kept items among those with a score, best first.
    fn kept(&self, scores: &BTreeMap<String, f32>, keeps: &Keeps) -> Vec<(String, f32)> {
        let kept = scores.iter().filter(|(id, _)| keeps(&self.items[*id]));
        let mut kept: Vec<(String, f32)> = kept.map(|(id, score)| (id.clone(), *score)).collect();
        kept.sort_by(|a, b| b.1.total_cmp(&a.1));
        kept
    }
}

/// Checks that hits are the best of `expected`: the same scores in order, and items that have these scores.
fn assert_best(hits: &SearchResult, expected: &[(String, f32)], top_k: usize, tolerance: f32, what: &Value) {
    assert_eq!(hits.hits.len(), expected.len().min(top_k), "{what}");
    let scores: BTreeMap<&str, f32> = expected.iter().map(|(id, score)| (id.as_str(), *score)).collect();
    for (hit, (_, best)) in hits.hits.iter().zip(expected) {
        let close = |a: f32, b: f32| (a - b).abs() <= tolerance * b.abs().max(1.0);
        assert!(close(hit.score, *best), "{what}: {} {} {best}", hit.id, hit.score);
        let own = scores.get(hit.id.as_str()).unwrap_or_else(|| panic!("{what}: {} is no hit", hit.id));
        assert!(close(hit.score, *own), "{what}: {} {} {own}", hit.id, hit.score);
    }
}

/// The default of `semanticRatio`.
const RATIO: f64 = 0.3;
const QUERIES: [&str; 6] = ["女裤", "nike 鞋", "男", "zebra", "kuzi", "5w40 女"];

#[test]
fn every_filter_gives_the_best_of_what_it_keeps_in_every_mode() {
    let mut random = Random(3);
    let cases = [
        (SpaceMetric::Dot, CodesOption::No),
        (SpaceMetric::Cosine, CodesOption::Yes),
        (SpaceMetric::L2, CodesOption::No),
    ];
    for (metric, codes) in cases {
        let world = World::new(&mut random, metric, codes);
        for round in 0..24 {
            let (filter, keeps) = random_filter(&mut random, 2);
            let query = QUERIES[round % QUERIES.len()];
            let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
            let top_k = 1 + random.below(20);
            let kept = world.items.values().filter(|item| keeps(item)).count();
            let request = json!({ "filter": filter, "topK": top_k });
            assert_eq!(world.search(&request, None).total, kept, "{filter}");

            let keyword = world.kept(&world.scores(query, None), &keeps);
            let request = json!({ "query": query, "filter": filter, "topK": top_k });
            let found = world.search(&request, None);
            assert_best(&found, &keyword, top_k, 0.0, &request);
            assert_eq!(found.total, keyword.len(), "{request}");

            // All scores: every item is above a threshold of −1,000 deviations.
            let all = json!({ "semanticThreshold": -1000, "topK": 10_000, "exact": true });
            let all = world.search(&all, Some(&vector)).hits;
            assert_eq!(all.len(), world.items.len());
            let all: BTreeMap<String, f32> = all.into_iter().map(|hit| (hit.id, hit.score)).collect();
            let request = json!({ "filter": filter, "topK": top_k, "exact": 2 * kept > world.items.len() });
            assert_best(
                &world.search(&request, Some(&vector)),
                &world.kept(&all, &keeps),
                top_k,
                0.0,
                &request,
            );
        }
    }
}

/// Returns the share of the query's characters that the best hit matches. For queries of which no two parts overlap.
fn coverage(world: &World, query: &str) -> f64 {
    let hits = world.search(&json!({ "query": query, "topK": 1, "explain": true }), None).hits;
    let clauses = hits.into_iter().filter_map(|hit| hit.explanation).flat_map(|explained| explained.clauses);
    let chars = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
    clauses.map(|clause| chars(&clause.text)).sum::<usize>() as f64 / chars(query) as f64
}

/// Computes the fused scores as docs/guides/search.md defines them.
fn fused(
    coverage: f64,
    keyword: &BTreeMap<String, f32>,
    semantic: &BTreeMap<String, f32>,
) -> BTreeMap<String, f32> {
    let spread = |scores: &BTreeMap<String, f32>| {
        let count = scores.len().max(1) as f64;
        let mean = scores.values().map(|&x| f64::from(x)).sum::<f64>() / count;
        let variance = scores.values().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    };
    let (mean_k, deviation_k) = spread(keyword);
    let (mean_s, deviation_s) = spread(semantic);
    let best = keyword.values().fold(0.0_f64, |best, &x| best.max(f64::from(x)));
    let deviation_k = deviation_k.max(0.1 * best);
    let z = |score: f64, mean: f64, deviation: f64| {
        if deviation > 0.0 { (score - mean) / deviation } else { 0.0 }
    };
    let mut all = BTreeMap::new();
    for (id, &score) in semantic {
        let zs = z(f64::from(score), mean_s, deviation_s);
        let zk = z(f64::from(keyword.get(id).copied().unwrap_or(0.0)), mean_k, deviation_k).max(-3.0);
        if keyword.contains_key(id) || zs >= 2.0 {
            all.insert(id.clone(), ((1.0 - RATIO) * coverage.powi(2) * zk + RATIO * zs) as f32);
        }
    }
    all
}

#[test]
fn hybrid_scores_equal_the_definition_under_every_filter() {
    let mut random = Random(8);
    let world = World::new(&mut random, SpaceMetric::Cosine, CodesOption::No);
    let mut compared = 0;
    for round in 0..24 {
        let (filter, keeps) = random_filter(&mut random, 2);
        let query = QUERIES[round % QUERIES.len()];
        let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
        let all = json!({ "semanticThreshold": -1000, "topK": 10_000 });
        let all = world.search(&all, Some(&vector)).hits;
        let semantic: BTreeMap<String, f32> = all.into_iter().map(|hit| (hit.id, hit.score)).collect();
        let scores = fused(coverage(&world, query), &world.scores(query, None), &semantic);
        let request = json!({ "query": query, "mode": "hybrid", "filter": filter, "topK": 3 });
        let expected = world.kept(&scores, &keeps);
        let found = world.search(&request, Some(&vector));
        // With fewer semantic hits than a page takes, the nearest items are hits too.
        if expected.len() >= 3 {
            compared += 1;
            assert_eq!(found.total, expected.len(), "{request}");
            assert_best(&found, &expected, 3, 1e-4, &request);
        }
        let kept = world.items.values().filter(|item| keeps(item)).count();
        assert_eq!(
            found.hits.len(),
            kept.min(3),
            "{request}: a page is full if the filter keeps enough items"
        );
    }
    assert!(compared >= 12, "{compared} searches have enough hits");
}

#[test]
fn reciprocal_ranks_are_those_of_each_leg() {
    let mut random = Random(9);
    let world = World::new(&mut random, SpaceMetric::Dot, CodesOption::No);
    // The parts of items with equal scores may change places.
    let part = |scores: &BTreeMap<String, f32>, id: &str| {
        let Some(own) = scores.get(id) else { return [0.0, 0.0] };
        let count =
            |is_counted: &dyn Fn(&f32) -> bool| scores.values().filter(|s| is_counted(s)).count() as f64;
        [1.0 / (60.0 + count(&|s| s >= own)), 1.0 / (61.0 + count(&|s| s > own))]
    };
    for query in QUERIES {
        let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
        let all = json!({ "semanticThreshold": -1000, "topK": 10_000 });
        let all = world.search(&all, Some(&vector)).hits;
        let semantic: BTreeMap<String, f32> = all.into_iter().map(|hit| (hit.id, hit.score)).collect();
        let (keyword, share) = (world.scores(query, None), (1.0 - RATIO) * coverage(&world, query).powi(2));
        let request = json!({
            "query": query, "mode": "hybrid", "fusion": "rrf", "semanticThreshold": -1000, "topK": 10_000,
        });
        let hits = world.search(&request, Some(&vector)).hits;
        assert_eq!(hits.len(), world.items.len());
        for hit in hits {
            let (k, s) = (part(&keyword, &hit.id), part(&semantic, &hit.id));
            let [least, most] = [0, 1].map(|i| share * k[i] + RATIO * s[i]);
            let score = f64::from(hit.score);
            assert!(
                least - 1e-6 <= score && score <= most + 1e-6,
                "{query}: {} {score} {least} {most}",
                hit.id
            );
        }
    }
}

#[test]
fn a_catalog_with_deltas_ranks_keywords_as_one_built_from_its_items() {
    let mut random = Random(12);
    let metric = SpaceMetric::Dot;
    let world = World::new(&mut random, metric, CodesOption::No);
    let items: Vec<Item> = world.items.values().cloned().collect();
    let file = build(&schema(Some(metric)), &items, &BuildOptions::default()).unwrap();
    let fresh = World { catalog: Catalog::open(file, Check::Hashes).unwrap(), items: world.items.clone() };
    for query in QUERIES.into_iter().chain(["替换", "肯德基", "的", "阔腿牛仔裤"]) {
        assert_eq!(world.scores(query, None), fresh.scores(query, None), "{query}");
        let request = json!({ "query": query, "facets": [{ "attribute": "shop" }, { "attribute": "tags" }] });
        assert_eq!(world.search(&request, None).facets, fresh.search(&request, None).facets, "{query}");
    }
}
