//! Published probes of keyword search (tests/fixtures/search-probes): what each query finds and does not find.
//! The hits and their scores are golden: JavaScript compares them in Node, Chromium and Firefox.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use corom::index::{Catalog, Check, Schema, SearchRequest};
use corom::index_build::{BuildOptions, Item, build};
use serde_json::{Value, json};

const PROBES: &str = "tests/fixtures/search-probes";
/// Number of hits among which the wanted item of a probe stands.
const TOP: usize = 10;

fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(PROBES).join(name)).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_string).collect()).collect()
}

fn catalog() -> Catalog {
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(Path::new(PROBES).join("schema.json")).unwrap()).unwrap();
    let schema: Schema =
        serde_json::from_value(json!({ "items": 0, "fields": schema["fields"], "attributes": [] })).unwrap();
    let items: Vec<Item> = rows("items.tsv")
        .iter()
        .map(|row| json!({ "id": row[0], "title": row[1], "brand": row[2] }))
        .map(|item| Item::from_json(&item, &schema, &[]).unwrap())
        .collect();
    let synonyms = fs::read_to_string(Path::new(PROBES).join("synonyms.txt")).unwrap();
    let synonyms =
        synonyms.lines().map(|line| line.split(',').map(str::to_string).collect()).collect::<Vec<_>>();
    let options = BuildOptions { synonyms, ..Default::default() };
    Catalog::open(build(&schema, &items, &options).unwrap(), Check::Hashes).unwrap()
}

#[test]
fn every_probe_finds_what_it_should_and_nothing_that_it_should_not() {
    let catalog = catalog();
    let mut golden = String::from("query\thits\n");
    let mut failed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let probes = rows("probes.tsv");
    assert!(probes.len() >= 200);
    for probe in &probes {
        let [class, query, finds, not] = probe.as_slice() else { panic!("{probe:?}") };
        let request = SearchRequest { query: query.clone(), top_k: 100, ..Default::default() };
        let hits = catalog.search(&request, None).unwrap().hits;
        let ids =
            |list: &str| list.split(',').filter(|id| !id.is_empty()).map(str::to_string).collect::<Vec<_>>();
        let place = |id: &String| hits.iter().position(|hit| &hit.id == id);
        let missing: Vec<_> =
            ids(finds).into_iter().filter(|id| place(id).is_none_or(|at| at >= TOP)).collect();
        let wrong: Vec<_> = ids(not).into_iter().filter(|id| place(id).is_some()).collect();
        assert!(ids(finds).len() + ids(not).len() > 0, "{query:?} asks for nothing");
        let shown: Vec<_> = hits.iter().take(TOP).map(|hit| format!("{}:{}", hit.id, hit.score)).collect();
        if !missing.is_empty() || !wrong.is_empty() {
            let line = format!("{query}: missing {missing:?}, wrong {wrong:?}, found {shown:?}");
            failed.entry(class.clone()).or_default().push(line);
        }
        golden += &format!("{query}\t{}\n", shown.join(" "));
    }
    assert!(failed.is_empty(), "{} probes: {failed:#?}", failed.values().map(Vec::len).sum::<usize>());
    let file = Path::new(PROBES).join("hits.tsv");
    if std::env::var_os("COROM_BLESS").is_some() {
        fs::write(&file, &golden).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap();
    for (line, due) in golden.lines().zip(expected.lines()) {
        assert_eq!(line, due, "COROM_BLESS=1 writes the new hits");
    }
    assert_eq!(golden.lines().count(), expected.lines().count());
}
