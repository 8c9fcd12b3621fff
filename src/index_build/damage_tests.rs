//! Damaged files: every one is rejected when its hashes are checked. Without that check it is rejected or answers, but
//! never panics.

use serde_json::json;

use super::tests::{item, schema, titles};
use super::{BuildOptions, Change, CodesOption, Item, build, delta};
use crate::index::{Catalog, Check, Random, SearchRequest, SpaceMetric};

const METRIC: Option<SpaceMetric> = Some(SpaceMetric::Dot);

fn few_items(count: usize) -> Vec<Item> {
    let mut random = Random(4);
    (0..count).map(|i| item(i, &titles()[i * 3], &mut random, METRIC)).collect()
}

fn catalog_file(items: &[Item]) -> Vec<u8> {
    let options = BuildOptions {
        synonyms: vec![vec!["裤".into(), "pants".into()]],
        codes: CodesOption::Yes,
        ..Default::default()
    };
    build(&schema(METRIC), items, &options).unwrap()
}

fn delta_file(catalog: &Catalog) -> Vec<u8> {
    let mut random = Random(5);
    let change = Change {
        items: vec![item(1, "新款女裤 Nike 5W-40", &mut random, METRIC)],
        removals: ["p2".to_string()].into(),
        patches: json!({ "p0": { "price": 7, "tags": ["标9"], "shop": null } }).as_object().unwrap().clone(),
    };
    delta(catalog, &change).unwrap()
}

/// Searches in every way that reads a section.
fn use_it(catalog: &Catalog, vector: &[f32]) {
    let request = json!({ "query": "女 nike kuzi 5w40", "facets": [{ "attribute": "tags" }],
        "sort": [{ "attribute": "price" }], "explain": true, "filter": { "price": { "gt": 3 } } });
    let request: SearchRequest = serde_json::from_value(request).unwrap();
    let _ = (catalog.search(&request, None), catalog.search(&request, Some(vector)));
    let _ = catalog.search(&SearchRequest { top_k: 1, ..Default::default() }, Some(vector));
    let _ = (catalog.suggest("n", 5), catalog.similar("p3", &SearchRequest::default()), catalog.ids());
}

#[test]
fn every_changed_byte_and_every_cut_of_a_tiny_catalog_is_rejected() {
    let items = few_items(5);
    let vector = items[0].vector.as_deref().unwrap();
    let whole = catalog_file(&items);
    Catalog::open(whole.clone(), Check::Hashes).unwrap();
    for cut in 0..whole.len() {
        assert!(Catalog::open(whole[..cut].to_vec(), Check::Hashes).is_err(), "{cut}");
        if cut.is_multiple_of(16)
            && let Ok(catalog) = Catalog::open(whole[..cut].to_vec(), Check::Header)
        {
            use_it(&catalog, vector);
        }
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= if at.is_multiple_of(2) { 1 } else { 0xFF };
        assert!(Catalog::open(damaged.clone(), Check::Hashes).is_err(), "{at}");
        if let Ok(catalog) = Catalog::open(damaged, Check::Header) {
            use_it(&catalog, vector);
        }
    }
    assert!(Catalog::open([whole, vec![0]].concat(), Check::Header).is_err());
}

#[test]
fn every_changed_byte_and_every_cut_of_a_delta_is_rejected() {
    let items = few_items(5);
    let vector = items[0].vector.as_deref().unwrap();
    let whole = catalog_file(&items);
    let open = || Catalog::open(whole.clone(), Check::Header).unwrap();
    let change = delta_file(&open());
    let mut catalog = open();
    let request = SearchRequest { query: "女裤".into(), ..Default::default() };
    let before = catalog.search(&request, None).unwrap();
    for at in 0..change.len() {
        assert!(catalog.apply(change[..at].to_vec(), Check::Header).is_err(), "{at}");
        let mut damaged = change.clone();
        damaged[at] ^= if at.is_multiple_of(2) { 1 } else { 0xFF };
        assert!(catalog.apply(damaged.clone(), Check::Hashes).is_err(), "{at}");
        let mut careless = open();
        if careless.apply(damaged, Check::Header).is_ok() {
            use_it(&careless, vector);
        }
    }
    assert_eq!(catalog.search(&request, None).unwrap(), before, "a rejected delta changes nothing");
    catalog.apply(change, Check::Hashes).unwrap();
    assert_ne!(catalog.search(&request, None).unwrap(), before);
}

#[test]
fn a_larger_catalog_damaged_anywhere_never_panics() {
    let items = few_items(70);
    let vector = items[0].vector.as_deref().unwrap();
    let whole = catalog_file(&items);
    let mut random = Random(6);
    for at in (0..whole.len()).step_by(97) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << random.below(8);
        if let Ok(catalog) = Catalog::open(damaged, Check::Header) {
            use_it(&catalog, vector);
        }
    }
}
