//! A request as JSON and a query, a zero byte between them, and synonyms after another one.
#![no_main]

use std::sync::LazyLock;

use corom::index::{Catalog, Check, Json, RowKind, SearchRequest};
use corom::index_build::{BuildOptions, build};
use corom_fuzz::catalogs::{catalog_file, items, schema};
use corom_fuzz::{limit_heap, sections};
use libfuzzer_sys::fuzz_target;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    Catalog::open(catalog_file(RowKind::Int8), Check::Hashes).expect("a catalog of the builder")
});

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("search_request"), |input: &[u8]| {
    let Some([request, query, synonyms]) = sections::<3>(input) else { return };
    LazyLock::force(&CATALOG);
    let _limit = limit_heap(input.len());
    let (query, synonyms) = (String::from_utf8_lossy(query), String::from_utf8_lossy(synonyms));
    // What a page passes is read by a parser of its own.
    let own = std::str::from_utf8(request).ok().and_then(|text| Json::parse(text).ok());
    let own = own.and_then(|json| SearchRequest::from_json(&json).ok());
    if let Ok(request) = serde_json::from_slice::<SearchRequest>(request) {
        assert!(own.is_some(), "both parsers take the request");
        let request = SearchRequest { query: query.clone().into_owned(), ..request };
        for vector in [None, Some(&[0.25; 8][..])] {
            if let Ok(result) = CATALOG.search(&request, vector) {
                assert!(result.hits.len() <= request.top_k && result.hits.len() <= result.total);
            }
        }
    }
    let _ = CATALOG.suggest(&query, 5);
    if !synonyms.is_empty() {
        let groups = synonyms.lines().map(|line| line.split(',').map(str::to_string).collect()).collect();
        let options = BuildOptions { synonyms: groups, ..BuildOptions::default() };
        if let Ok(file) = build(&schema(), &items(), &options) {
            let catalog = Catalog::open(file, Check::Hashes).expect("what is built is opened");
            let request = SearchRequest { query: query.into_owned(), ..SearchRequest::default() };
            catalog.search(&request, None).expect("a catalog with synonyms is searched");
        }
    }
});
