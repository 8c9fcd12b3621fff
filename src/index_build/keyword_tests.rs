//! Keywords, highlights and suggestions: what is found, marked and counted.

use serde_json::json;

use super::search_tests::{catalog, run};
use super::tests::{catalog_of, item, items};
use super::{Change, Item, delta};
use crate::index::{Catalog, Check, Random};

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
    let hit =
        run(&super::search_tests::catalog(&all), &json!({ "query": "nike" }), None).unwrap().hits.remove(0);
    assert!(!hit.highlights.contains_key("title"), "{:?}", hit.highlights);
    assert_eq!(hit.highlights["brand"], [[0, 4]]);
}

#[test]
fn case_is_folded_in_texts_and_queries() {
    let catalog = catalog_of(&["Straße 路牌", "ΟΔΟΣ 路牌", "Kırmızı 裙"], &[]);
    let found = |query: &str| {
        let hits = run(&catalog, &json!({ "query": query }), None).unwrap().hits;
        hits.into_iter().map(|hit| (hit.id, hit.highlights["title"].clone())).collect::<Vec<_>>()
    };
    for query in ["strasse", "STRASSE", "STRAẞE", "straße"] {
        assert_eq!(found(query), [("p0".to_string(), vec![[0, 6]])], "{query}");
    }
    for query in ["οδος", "ΟΔΟΣ", "οδοσ", "ὁδός"] {
        assert_eq!(found(query), [("p1".to_string(), vec![[0, 4]])], "{query}");
    }
    assert_eq!(found("KIRMIZI"), [], "ı is another letter than i");
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
