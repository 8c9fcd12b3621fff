//! Searches whose result is easily wrong and looks right.

use serde_json::{Value, json};

use super::tests::{DIMENSION, catalog_of, item, items, schema};
use super::{BuildOptions, Change, Item, build, delta};
use crate::error::Result;
use crate::index::{AttributeValue, Catalog, Check, Random, SearchRequest, SearchResult, SpaceMetric};

const METRIC: SpaceMetric = SpaceMetric::Cosine;

fn catalog(items: &[Item]) -> Catalog {
    let metric = items[0].vector.as_ref().map(|_| METRIC);
    let file = build(&schema(metric), items, &BuildOptions::default()).unwrap();
    Catalog::open(file, Check::Hashes).unwrap()
}

fn request(request: &Value) -> SearchRequest {
    serde_json::from_value(request.clone()).unwrap()
}

fn run(catalog: &Catalog, json: &Value, vector: Option<&[f32]>) -> Result<SearchResult> {
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
fn highlights_have_no_spelling_that_was_not_needed() {
    let titles = ["bike 自行车", "Nike 球鞋", "ni ke 你可"];
    let catalog = catalog_of(&titles, &[]);
    let highlights = |query: &str| -> Vec<Vec<String>> {
        let mut hits = run(&catalog, &json!({ "query": query }), None).unwrap().hits;
        hits.sort_by(|a, b| a.id.cmp(&b.id));
        let parts = |hit: &crate::index::Hit| {
            let title: Vec<u16> = hit.fields["title"].encode_utf16().collect();
            let ranges = hit.highlights.get("title").cloned().unwrap_or_default();
            let part =
                |[start, end]: [u32; 2]| String::from_utf16(&title[start as usize..end as usize]).unwrap();
            ranges.into_iter().map(part).collect()
        };
        hits.iter().map(parts).collect()
    };
    // The brand of every item is empty, so `bike` is found by no other field.
    assert_eq!(highlights("nike"), [vec!["Nike"], vec!["你可"]]);
    assert_eq!(highlights("nikee"), [vec!["Nike"]], "one edit, where nothing else is found");
    let mut random = Random(1);
    let all =
        [Item { texts: vec!["bike 自行车".into(), "Nike".into()], ..item(0, "", &mut random, None) }];
    let hit = run(&self::catalog(&all), &json!({ "query": "nike" }), None).unwrap().hits.remove(0);
    assert!(!hit.highlights.contains_key("title"), "{:?}", hit.highlights);
    assert_eq!(hit.highlights["brand"], [[0, 4]]);
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
fn suggestions_count_the_items_that_are_left() {
    let titles =
        ["阔腿裤女", "阔腿裤男", "阔腿裤 秋", "长阔腿裤", "zebra 裤", "zebra 包", "丝绸围巾", "丝绸裙"];
    let mut random = Random(2);
    let all: Vec<Item> =
        titles.iter().enumerate().map(|(i, title)| item(i, title, &mut random, None)).collect();
    let mut catalog = catalog(&all);
    let suggest = |catalog: &Catalog, prefix: &str| -> Vec<(String, u32)> {
        let found = catalog.suggest(prefix, 10).unwrap();
        found.into_iter().map(|suggestion| (suggestion.text, suggestion.items)).collect()
    };
    let one = |text: &str, items: u32| vec![(text.to_string(), items)];
    assert_eq!(suggest(&catalog, "阔"), one("阔腿裤", 4));
    let mut change = |removals: &[&str], items: Vec<Item>, price: Option<&str>| {
        let patches = price.map(|id| json!({ id: { "price": 1 } }).as_object().unwrap().clone());
        let removals = removals.iter().map(|id| id.to_string()).collect();
        let change = Change { removals, items, patches: patches.unwrap_or_default() };
        catalog.apply(delta(&catalog, &change).unwrap(), Check::Hashes).unwrap();
        [
            suggest(&catalog, "阔"),
            suggest(&catalog, "kuotui"),
            suggest(&catalog, "ze"),
            suggest(&catalog, "丝"),
        ]
    };
    let (trousers, zebra, silk) = (one("阔腿裤", 3), one("zebra", 2), one("丝绸", 2));
    assert_eq!(change(&["p0"], Vec::new(), None), [trousers.clone(), trousers, zebra.clone(), silk.clone()]);
    // Two replaced ones, of which one stays what it is, and one more.
    let mut new =
        vec![Item { id: "p1".into(), ..all[1].clone() }, Item { id: "p2".into(), ..all[6].clone() }];
    new.push(Item { id: "p9".into(), ..all[0].clone() });
    let (trousers, silk) = (one("阔腿裤", 3), one("丝绸", 3));
    assert_eq!(change(&[], new, None), [trousers.clone(), trousers, zebra.clone(), silk.clone()]);
    let trousers = one("阔腿裤", 1);
    let changed = change(&["p1", "p3"], Vec::new(), Some("p9"));
    assert_eq!(changed, [trousers.clone(), trousers, zebra, silk.clone()]);
    assert_eq!(change(&["p9", "p4", "p5"], Vec::new(), None), [vec![], vec![], vec![], silk]);
}

#[test]
fn every_suggestion_finds_its_items_after_a_change() {
    let all = items(None);
    let mut catalog = catalog(&all);
    let letters = "abcdefghijklmnopqrstuvwxyz".chars();
    let prefixes: Vec<String> =
        letters.map(String::from).chain(["女", "男", "加", "秋", "2"].map(String::from)).collect();
    let all_of = |catalog: &Catalog| {
        let mut found = Vec::new();
        prefixes.iter().for_each(|prefix| found.extend(catalog.suggest(prefix, 100_000).unwrap()));
        found
    };
    let before = all_of(&catalog);
    let patches = json!({ "p1": { "price": 1 } }).as_object().unwrap().clone();
    let change = Change { removals: ["p0".to_string()].into(), patches, ..Default::default() };
    catalog.apply(delta(&catalog, &change).unwrap(), Check::Hashes).unwrap();
    let after = all_of(&catalog);
    // One item is gone, and a phrase that stands in several items stays.
    assert!(after.len() > 100 && before.len() - after.len() < 3, "{} {}", before.len(), after.len());
    for suggestion in after {
        let json = json!({ "query": suggestion.text, "matching": "all", "prefix": false });
        let total = run(&catalog, &json, None).unwrap().total;
        assert!(total >= suggestion.items as usize && suggestion.items > 0, "{suggestion:?} {total}");
        let stored = before.iter().find(|old| old.text == suggestion.text).unwrap();
        assert!(suggestion.items + 1 >= stored.items, "{suggestion:?} {stored:?}");
    }
}

#[test]
fn sizes_are_found_before_another_number_and_after_a_separator() {
    let titles = [
        "米其林轮胎 225/55R18 98V 静音",
        "马牌轮胎 225/55 R18 静音",
        "眠川·V4-83·静音·加湿器",
        "眠川/MIANCHU·V4-84",
        "美孚 5W-40 4L",
    ];
    let catalog = catalog_of(&titles, &[]);
    let found = |query: &str| -> Vec<String> {
        let json = json!({ "query": query, "matching": "all", "prefix": false });
        let mut ids: Vec<String> =
            run(&catalog, &json, None).unwrap().hits.into_iter().map(|hit| hit.id).collect();
        ids.sort();
        ids
    };
    assert_eq!(found("2255518 轮胎"), ["p0", "p1"]);
    assert_eq!(found("2255518 米其林"), ["p0"]);
    assert_eq!(found("22555r18"), ["p0", "p1"]);
    assert_eq!(
        (found("V483"), found("v484"), found("5w40")),
        (vec!["p2".into()], vec!["p3".into()], vec!["p4".into()])
    );
    assert_eq!(found("225/55R18 98V"), ["p0"]);
}

#[test]
fn highlights_of_the_beginning_of_joined_words_end_where_it_does() {
    for (title, query, expected) in [
        ("美孚 5W-40 机油", "5w4", "5W-4"),
        ("米其林轮胎 225/55R18 98V", "2255518", "225/55R18"),
        ("轮胎 225/55R18", "22555", "225/55"),
        ("螺丝 M4x20", "m42", "M4x2"),
        ("数据线 Type-C", "typ", "Typ"),
    ] {
        let hit = run(&catalog_of(&[title], &[]), &json!({ "query": query }), None).unwrap().hits.remove(0);
        let text: Vec<u16> = hit.fields["title"].encode_utf16().collect();
        let part =
            |range: &[u32; 2]| String::from_utf16(&text[range[0] as usize..range[1] as usize]).unwrap();
        assert_eq!(
            hit.highlights["title"].iter().map(part).collect::<Vec<_>>(),
            [expected],
            "{title} {query}"
        );
    }
}

#[test]
fn a_long_query_has_an_end() {
    let catalog = catalog_of(&["Adidas 运动鞋", "阔腿裤 丝绸"], &[]);
    let total =
        |query: &str| run(&catalog, &json!({ "query": query, "matching": "any" }), None).unwrap().total;
    let unknown = |count: usize| -> String {
        (0..count).map(|i| format!("qqqq{}zzzz ", char::from(b'a' + i as u8))).collect()
    };
    // Sixteen different words are looked for in other spellings.
    for word in ["addidas", "yundongxie", "ydx"] {
        assert_eq!(total(&format!("{}{word} ", unknown(15))), 1, "{word}");
        assert_eq!(total(&format!("{}{word} ", unknown(16))), 0, "{word}");
        assert_eq!(total(&format!("{}{word} ", unknown(2).repeat(100))), 1, "{word}: equal words count once");
    }
    assert_eq!(total(&format!("{}adidas ", unknown(26))), 1, "its own spelling is looked for");
    assert_eq!(total(&format!("{}丝绸", "花 ".repeat(255))), 1);
    assert_eq!(total(&format!("{}丝绸", "花 ".repeat(256))), 0, "the rest of the query is not read");
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
