//! Catalogs of real titles: what is built is found.

use serde_json::{Value, json};

use super::{BuildOptions, Change, CodesOption, Item, build, compact, delta};
use crate::index::Random;
use crate::index::{
    Attribute, AttributeKind, Catalog, Check, Field, RowKind, Schema, SearchRequest, SearchResult,
    SpaceMetric, VectorSpace,
};

pub(super) const DIMENSION: usize = 40;

pub(super) fn schema(metric: Option<SpaceMetric>) -> Schema {
    let attribute = |(name, kind): (&str, AttributeKind)| Attribute { name: name.into(), kind };
    Schema {
        items: 0,
        fields: vec![
            Field { name: "title".into(), weight: 1.0 },
            Field { name: "brand".into(), weight: 0.5 },
        ],
        attributes: [
            ("price", AttributeKind::Number),
            ("shop", AttributeKind::String),
            ("stock", AttributeKind::Boolean),
            ("tags", AttributeKind::Tags),
        ]
        .map(attribute)
        .into(),
        vectors: metric.map(|metric| VectorSpace {
            dimension: DIMENSION,
            metric,
            lineage: None,
            text: None,
            rows: RowKind::Int8,
            oversampling: 0,
        }),
    }
}

pub(super) fn titles() -> Vec<String> {
    let text = concat!(
        include_str!("../../tests/fixtures/titles.txt"),
        include_str!("../../tests/fixtures/m3e-small/catalog.txt")
    );
    text.lines().filter(|line| !line.trim().is_empty()).map(str::to_string).collect()
}

pub(super) fn item(number: usize, title: &str, random: &mut Random, metric: Option<SpaceMetric>) -> Item {
    let value = json!({
        "id": format!("p{number}"),
        "title": title,
        "brand": (["Nike 耐克", "", "肯德基"][number % 3]),
        "price": if number.is_multiple_of(7) { Value::Null } else { json!(random.below(500)) },
        "shop": format!("店{}", random.below(9)),
        "stock": random.below(2) == 0,
        "tags": (0..random.below(3)).map(|_| format!("标{}", random.below(5))).collect::<Vec<_>>(),
        "embedding": metric.map(|_| random.normals(DIMENSION).iter().map(|x| x + 0.7).collect::<Vec<_>>()),
        "url": number,
    });
    Item::from_json(&value, &schema(metric), &["url".to_string()]).unwrap()
}

pub(super) fn items(metric: Option<SpaceMetric>) -> Vec<Item> {
    let mut random = Random(11);
    titles().iter().enumerate().map(|(i, title)| item(i, title, &mut random, metric)).collect()
}

pub(super) fn catalog_of(titles: &[&str], synonyms: &[&[&str]]) -> Catalog {
    let mut random = Random(1);
    let items: Vec<Item> = titles
        .iter()
        .enumerate()
        .map(|(i, title)| Item {
            texts: vec![title.to_string(), String::new()],
            ..item(i, title, &mut random, None)
        })
        .collect();
    let synonyms = synonyms.iter().map(|group| group.iter().map(|word| word.to_string()).collect()).collect();
    let file = build(&schema(None), &items, &BuildOptions { synonyms, ..Default::default() }).unwrap();
    Catalog::open(file, Check::Hashes).unwrap()
}

pub(super) fn search(catalog: &Catalog, request: Value) -> SearchResult {
    let mut request = request;
    let limit = request.as_object_mut().unwrap();
    limit.entry("topK").or_insert(json!(1000));
    catalog.search(&serde_json::from_value::<SearchRequest>(request).unwrap(), None).unwrap()
}

fn found(catalog: &Catalog, query: &str) -> Vec<String> {
    search(catalog, json!({ "query": query }))
        .hits
        .into_iter()
        .map(|hit| hit.fields["title"].clone())
        .collect()
}

#[test]
fn every_title_finds_itself_and_every_substring_its_titles() {
    let file = build(&schema(None), &items(None), &BuildOptions::default()).unwrap();
    let catalog = Catalog::open(file, Check::Hashes).unwrap();
    for title in titles().iter().step_by(5) {
        if title.chars().any(char::is_alphanumeric) {
            assert!(found(&catalog, title).contains(title), "{title}");
        }
        let han: Vec<char> = title.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).collect();
        for query in han.iter().map(char::to_string).chain(han.windows(2).map(|pair| pair.iter().collect())) {
            let request = json!({ "query": query, "matching": "all" });
            let hits = search(&catalog, request).hits;
            for other in titles().iter().filter(|other| other.contains(&query)) {
                assert!(hits.iter().any(|hit| &hit.fields["title"] == other), "{query} in {other}");
            }
            for hit in hits.iter().filter(|_| query.chars().count() == 2) {
                let has = |text: &String| text.contains(&query);
                assert!(hit.fields.values().any(has), "{query} is not in {:?}", hit.fields);
            }
        }
    }
}

#[test]
fn initials_are_those_of_one_row_of_characters() {
    // `zz` and `zq` are in both titles, but in a row in one alone.
    let catalog = catalog_of(&["自在 最前", "自在前方 种子球", "长阔腿裤"], &[]);
    assert_eq!(found(&catalog, "zzq"), ["自在前方 种子球"]);
    assert_eq!(found(&catalog, "ktk"), ["长阔腿裤"]);
    assert_eq!(found(&catalog, "zzzzqqqq"), Vec::<String>::new());
}

#[test]
fn spellings_match() {
    let titles = [
        "美孚机油 5W-40 全合成",
        "马牌轮胎 225/55R18 静音",
        "尼康微单 Z62Z72 套机",
        "17寸轮毂",
        "玫瑰花束",
        "丰田本田脚垫",
        "本地鸡蛋",
        "阔腿裤女",
        "經典款長褲",
        "旅游景点门票",
        "Adidas 运动鞋",
        "肯德基套餐",
        "ＮＩＫＥ　球鞋",
        "Café 咖啡",
    ];
    let catalog = catalog_of(&titles, &[&["肯德基", "KFC"], &["运动鞋", "sneaker"]]);
    for (query, expected, not) in [
        ("5w40", 0, 1),
        ("5W-40", 0, 1),
        ("2255518", 1, 0),
        ("225/55 r18", 1, 0),
        ("尼康z62", 2, 0),
        ("17寸", 3, 4),
        ("花", 4, 5),
        ("本田", 5, 6),
        ("kuotuiku", 7, 8),
        ("ktk", 7, 8),
        ("闊腿褲", 7, 8),
        ("长裤", 8, 7),
        ("jingdian", 8, 7),
        ("景点", 9, 8),
        ("经典", 8, 9),
        ("addidas", 10, 11),
        ("adi", 10, 11),
        ("kfc", 11, 10),
        ("sneaker", 10, 11),
        ("nike", 12, 13),
        ("cafe", 13, 12),
        ("ｃａｆé", 13, 12),
        ("kuotu", 7, 8),
    ] {
        let found = found(&catalog, query);
        assert!(found.iter().any(|title| title == titles[expected]), "{query}: {found:?}");
        assert!(!found.iter().any(|title| title == titles[not]), "{query}: {found:?}");
    }
    assert!(found(&catalog, "龘").is_empty() && found(&catalog, "xyzzy").is_empty());
    assert_eq!(found(&catalog, "").len(), titles.len(), "an empty query browses");
}

#[test]
fn highlights_are_utf16_ranges_of_what_matches() {
    let catalog = catalog_of(&["👗阔腿裤 Nike 5W-40 ＦＡＮＣＹ"], &[]);
    for (query, expected) in [
        ("腿裤", vec!["腿裤"]),
        ("阔", vec!["阔"]),
        ("5w40", vec!["5W-40"]),
        ("nik", vec!["Nik"]),
        ("fancy nike", vec!["Nike", "ＦＡＮＣＹ"]),
        ("kuotuiku", vec!["阔腿裤"]),
    ] {
        let hit = &search(&catalog, json!({ "query": query })).hits[0];
        let utf16: Vec<u16> = hit.fields["title"].encode_utf16().collect();
        let text =
            |range: &[u32; 2]| String::from_utf16(&utf16[range[0] as usize..range[1] as usize]).unwrap();
        let highlighted: Vec<String> = hit.highlights["title"].iter().map(text).collect();
        assert_eq!(highlighted, expected, "{query}");
    }
}

#[test]
fn explanations_add_up_to_scores() {
    let metric = Some(SpaceMetric::Cosine);
    let file = build(&schema(metric), &items(metric), &BuildOptions::default()).unwrap();
    let catalog = Catalog::open(file, Check::Hashes).unwrap();
    let vector = items(metric)[3].vector.clone().unwrap();
    for fusion in ["weighted", "rrf"] {
        for (query, vector) in [("女裤 nike", Some(&vector)), ("女裤 nike", None), ("", Some(&vector))] {
            let request = json!({ "query": query, "topK": 60, "explain": true, "fusion": fusion, "boost": [{ "attribute": "price", "weight": 0.3 }] });
            let result =
                catalog.search(&serde_json::from_value(request).unwrap(), vector.map(Vec::as_slice)).unwrap();
            assert!(!result.hits.is_empty());
            for hit in result.hits {
                let explanation = hit.explanation.unwrap();
                assert_eq!(explanation.parts.iter().map(|part| part.value).sum::<f32>(), hit.score);
                let clauses: f32 = explanation.clauses.iter().map(|clause| clause.score).sum();
                assert_eq!(clauses, hit.scores.keyword.unwrap_or(0.0));
            }
        }
    }
}

#[test]
fn a_catalog_with_deltas_equals_its_compacted_file_and_a_fresh_one() {
    for codes in [CodesOption::No, CodesOption::Yes] {
        let metric = Some(SpaceMetric::Dot);
        let all = items(metric);
        let (old, new) = all.split_at(all.len() / 2);
        let file = build(&schema(metric), old, &BuildOptions { codes, ..Default::default() }).unwrap();
        let mut catalog = Catalog::open(file, Check::Hashes).unwrap();
        let replaced =
            Item { texts: vec!["全新阔腿裤 Zebra".into(), "新牌".into()], ..old[1].clone() };
        let change = Change {
            items: new.iter().cloned().chain([replaced]).collect(),
            removals: ["p3".to_string(), "p4".to_string()].into(),
            patches: json!({ "p0": { "price": 9.5, "shop": "新店" }, "p9": { "tags": null } })
                .as_object()
                .unwrap()
                .clone(),
        };
        let file = delta(&catalog, &change).unwrap();
        catalog.apply(file.clone(), Check::Hashes).unwrap();
        assert!(catalog.apply(file, Check::Hashes).is_err(), "a delta is applied once");
        let patch = Change {
            patches: json!({ "p1": { "stock": null } }).as_object().unwrap().clone(),
            ..Default::default()
        };
        let small = delta(&catalog, &patch).unwrap();
        assert_eq!(small.len(), 54 + br#"{"p1":{"stock":null}}"#.len());
        catalog.apply(small, Check::Hashes).unwrap();
        assert_eq!(catalog.len(), all.len() - 2);
        let compacted = Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap();
        let vector = all[5].vector.clone().unwrap();
        for request in requests() {
            for vector in [None, Some(vector.as_slice())] {
                let request: SearchRequest = serde_json::from_value(request.clone()).unwrap();
                let (a, b) =
                    (catalog.search(&request, vector).unwrap(), compacted.search(&request, vector).unwrap());
                assert_eq!((a.total, a.facets), (b.total, b.facets), "{request:?}");
                let scores =
                    |hits: &[crate::index::Hit]| hits.iter().map(|hit| hit.score).collect::<Vec<_>>();
                assert_eq!(scores(&a.hits), scores(&b.hits), "{request:?}");
            }
        }
        assert_eq!(found(&catalog, "zebra"), ["全新阔腿裤 Zebra"]);
        assert!(search(&catalog, json!({ "filter": { "shop": "新店" } })).hits[0].id == "p0");
    }
}

fn requests() -> Vec<Value> {
    vec![
        json!({ "query": "女裤" }),
        json!({ "query": "nike 鞋", "facets": [{ "attribute": "shop" }, { "attribute": "tags" }], "topK": 50 }),
        json!({ "query": "", "sort": [{ "attribute": "price", "descending": true }], "topK": 20, "offset": 3 }),
        json!({ "query": "男", "filter": { "price": { "gte": 10, "lt": 300 }, "stock": true }, "distinct": "shop" }),
    ]
}
