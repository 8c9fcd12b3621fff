//! Pages: the hits of a search in parts are those of one large page, for random requests.

use serde_json::{Map, Value, json};

use super::reference_tests::random_filter;
use super::tests::{DIMENSION, items, schema};
use super::{BuildOptions, CodesOption, Item, build};
use crate::index::{Catalog, Check, Random, SearchResult, SpaceMetric};

const METRIC: SpaceMetric = SpaceMetric::Cosine;

/// Makes the catalog of a shop in which every second item has some near duplicates.
fn catalog(random: &mut Random, codes: CodesOption) -> Catalog {
    let mut all: Vec<Item> = items(Some(METRIC)).into_iter().take(240).collect();
    for i in (1..all.len()).filter(|i| i % 2 == 1) {
        let mut vector = all[i / 8 * 8].vector.clone().unwrap();
        vector.iter_mut().zip(random.normals(DIMENSION)).for_each(|(x, noise)| *x += 0.05 * noise);
        all[i].vector = Some(vector);
    }
    let file = build(&schema(Some(METRIC)), &all, &BuildOptions { codes, ..Default::default() }).unwrap();
    Catalog::open(file, Check::Hashes).unwrap()
}

fn random_request(random: &mut Random) -> Map<String, Value> {
    let mut request = json!({
        "query": (["", "女裤", "nike 鞋", "男", "裤子女冬"][random.below(5)]),
        "facets": [{ "attribute": "shop", "disjunctive": false }, { "attribute": "price", "ranges": [0, 100, 300] }],
        "highlight": false,
        "exact": true,
    });
    let mut add = |name: &str, value: Value| request[name] = value;
    if random.below(2) == 0 {
        add("filter", random_filter(random, 1).0);
    }
    if random.below(2) == 0 {
        add("semanticThreshold", json!(-1000));
    }
    match random.below(4) {
        0 => add("sort", json!([{ "attribute": "price", "descending": random.below(2) == 0 }])),
        1 => add("sort", json!([{ "attribute": "shop" }, { "attribute": "stock" }])),
        2 => add("diversity", json!(random.below(11) as f32 / 10.0)),
        _ => {}
    }
    if random.below(3) == 0 {
        add("distinct", json!((["shop", "price"][random.below(2)])));
    }
    if random.below(3) == 0 {
        add("collapse", json!(0.9));
    }
    if random.below(3) == 0 {
        add("boost", json!([{ "attribute": "price", "weight": 0.5 }]));
    }
    if random.below(3) == 0 {
        let pins: Vec<String> = (0..4).map(|_| format!("p{}", random.below(240))).collect();
        add("pinned", json!(pins));
    }
    if random.below(3) == 0 {
        add("fusion", json!("rrf"));
    }
    request.as_object().unwrap().clone()
}

fn page(
    catalog: &Catalog,
    request: &Map<String, Value>,
    vector: Option<&[f32]>,
    place: (usize, usize),
) -> SearchResult {
    let mut request = request.clone();
    request.insert("topK".into(), json!(place.0));
    request.insert("offset".into(), json!(place.1));
    catalog.search(&serde_json::from_value(Value::Object(request)).unwrap(), vector).unwrap()
}

fn hits(result: &SearchResult) -> Vec<(String, f32)> {
    result.hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
}

#[test]
fn pages_join_to_one_large_page() {
    let mut random = Random(21);
    let mut compared = 0;
    for codes in [CodesOption::No, CodesOption::Yes] {
        let catalog = catalog(&mut random, codes);
        for _ in 0..150 {
            let request = random_request(&mut random);
            let vector: Vec<f32> = random.normals(DIMENSION).iter().map(|x| x + 0.7).collect();
            let vector = (random.below(4) > 0).then_some(vector.as_slice());
            let what = format!("{} {}", Value::Object(request.clone()), vector.is_some());
            let top_k = 7 + random.below(30);
            let first = page(&catalog, &request, vector, (top_k, 0));
            let mut joined = hits(&first);
            let mut last = joined.len();
            while last == top_k {
                let next = page(&catalog, &request, vector, (top_k, joined.len()));
                assert_eq!((next.total, &next.facets), (first.total, &first.facets), "{what}");
                last = next.hits.len();
                joined.extend(hits(&next));
            }
            let mut ids: Vec<&String> = joined.iter().map(|(id, _)| id).collect();
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), joined.len(), "{what}: a hit stands twice");
            match request.contains_key("collapse") {
                true => assert!(joined.len() <= first.total, "{what}"),
                false => assert_eq!(joined.len(), first.total, "{what}: a hit is missing"),
            }
            // A larger page may have more hits, if few are above the threshold. Every item is in a shop.
            let large = page(&catalog, &request, vector, (1000, 0));
            if large.facets["shop"] == first.facets["shop"] {
                assert_eq!(hits(&large), joined, "{what}");
                compared += 1;
            }
        }
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn hits_are_added_up_to_one_page_and_keyword_hits_count() {
    let catalog = catalog(&mut Random(22), CodesOption::No);
    let vector: Vec<f32> = Random(23).normals(DIMENSION);
    let total = |request: Value| {
        let request = request.as_object().unwrap().clone();
        [(10, 0), (10, 10), (10, 30)].map(|place| page(&catalog, &request, Some(&vector), place).total)
    };
    // No item is so far above the mean.
    let alone = json!({ "semanticThreshold": 1000 });
    assert_eq!(total(alone), [10; 3]);
    for choice in [json!({ "collapse": 0.9 }), json!({ "diversity": 0.2 })] {
        let mut request = choice;
        request["semanticThreshold"] = json!(1000);
        assert_eq!(total(request.clone()), [50; 3], "{request}: five for each hit");
    }
    let keywords = |query: &str| {
        let request = json!({ "query": query });
        catalog.search(&serde_json::from_value(request).unwrap(), None).unwrap().total
    };
    let many = json!({ "query": "女", "semanticThreshold": 1000 });
    assert!(keywords("女") > 10);
    assert_eq!(total(many), [keywords("女"); 3]);
}
