//! Catalogs with rows of 4 bits, with codes alone, and catalogs whose file arrives in parts.

use std::io::Cursor;

use super::tests::{DIMENSION, item, schema, titles};
use super::{BuildOptions, Change, CodesOption, Item, VectorSource, build, build_to, compact, delta};
use crate::error::Result;
use crate::index::{Catalog, Check, Json, Random, RowKind, Schema, SearchRequest, SpaceMetric, layout};

const METRIC: SpaceMetric = SpaceMetric::Cosine;

fn schema_of(rows: RowKind) -> Schema {
    let mut schema = schema(Some(METRIC));
    schema.vectors.as_mut().unwrap().rows = rows;
    schema
}

fn items(count: usize, seed: u64) -> Vec<Item> {
    let (titles, mut random) = (titles(), Random(seed));
    (0..count).map(|i| item(i, &titles[i % titles.len()], &mut random, Some(METRIC))).collect()
}

fn file(rows: RowKind, items: &[Item]) -> Vec<u8> {
    build(&schema_of(rows), items, &BuildOptions { codes: CodesOption::Yes, ..Default::default() }).unwrap()
}

fn ids(catalog: &Catalog, vector: &[f32], top_k: usize) -> Vec<String> {
    let request = SearchRequest { top_k, ..Default::default() };
    catalog.search(&request, Some(vector)).unwrap().hits.into_iter().map(|hit| hit.id).collect()
}

/// Returns the share of the exact ten hits that a catalog finds among its first `depth`.
fn recall(exact: &Catalog, other: &Catalog, items: &[Item], depth: usize) -> f32 {
    let (mut found, mut wanted) = (0, 0);
    for query in items.iter().step_by(41) {
        let vector = query.vector.as_deref().unwrap();
        let (best, ids) = (ids(exact, vector, 10), ids(other, vector, depth));
        wanted += best.len();
        found += best.iter().filter(|id| ids.contains(id)).count();
    }
    found as f32 / wanted as f32
}

#[test]
fn rows_of_4_bits_and_codes_alone_find_what_int8_rows_find() {
    let all = items(2000, 3);
    let [int8, int4, bits] = [RowKind::Int8, RowKind::Int4, RowKind::None]
        .map(|rows| Catalog::open(file(rows, &all), Check::Hashes).unwrap());
    let bytes = |catalog: &Catalog| {
        let sections = catalog.sections()[0].clone();
        sections.into_iter().find(|(name, _)| *name == "rows").map_or(0, |(_, bytes)| bytes / all.len())
    };
    assert_eq!([&int8, &int4, &bits].map(bytes), [12 + DIMENSION, 12 + 32, 0]);
    let (by_int4, by_bits) = (recall(&int8, &int4, &all, 10), recall(&int8, &bits, &all, 100));
    assert!(by_int4 > 0.85 && by_bits > 0.8, "{by_int4} {by_bits}");
    let vector = all[7].vector.as_deref().unwrap();
    let found = bits.search(&SearchRequest::default(), Some(vector)).unwrap();
    assert!(!found.exact && found.missing_rows.is_empty() && found.hits[0].id == "p7");
    assert!(int4.search(&SearchRequest { exact: true, ..Default::default() }, Some(vector)).unwrap().exact);
    for catalog in [&int4, &bits] {
        let request = SearchRequest { top_k: 5, ..Default::default() };
        assert_eq!(catalog.similar("p7", &request).unwrap().hits.len(), 5);
        let diverse = SearchRequest { diversity: 0.3, collapse: Some(0.99), ..Default::default() };
        assert_eq!(catalog.search(&diverse, Some(vector)).unwrap().hits[0].id, "p7");
    }
}

#[test]
fn deltas_and_compaction_keep_the_kind_of_the_rows() {
    let (all, new) = (items(300, 5), items(3, 6));
    for rows in [RowKind::Int8, RowKind::Int4, RowKind::None] {
        let mut catalog = Catalog::open(file(rows, &all), Check::Hashes).unwrap();
        let change = Change { items: new.clone(), removals: ["p9".to_string()].into(), ..Default::default() };
        catalog.apply(delta(&catalog, &change).unwrap(), Check::Hashes).unwrap();
        let merged = Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap();
        assert_eq!(merged.schema().vectors, catalog.schema().vectors);
        for query in new.iter().chain(&all[20..25]) {
            let vector = query.vector.as_deref().unwrap();
            assert_eq!(ids(&catalog, vector, 1), std::slice::from_ref(&query.id), "{rows:?}");
            assert_eq!(ids(&catalog, vector, 20), ids(&merged, vector, 20), "{rows:?}");
        }
    }
}

/// Returns the end of a section.
fn end_of(file: &[u8], name: &str) -> usize {
    let layout = layout(file).unwrap();
    let Some(Json::Array(sections)) = layout.get("sections") else { panic!("{layout}") };
    let section =
        sections.iter().find(|section| section.get("name").unwrap().as_str() == Some(name)).unwrap();
    let number = |key: &str| section.get(key).unwrap().as_f64().unwrap() as usize;
    number("offset") + number("length")
}

#[test]
fn a_part_of_a_catalog_is_searched_and_its_rows_arrive_one_by_one() {
    let all = items(1500, 8);
    for rows in [RowKind::Int8, RowKind::Int4] {
        let file = file(rows, &all);
        let whole = Catalog::open(file.clone(), Check::Hashes).unwrap();
        let mut part = Catalog::open(file[..end_of(&file, "codes")].to_vec(), Check::Part).unwrap();
        assert!(part.has_vectors() && !part.has_rows() && whole.has_rows());
        for query in all.iter().step_by(111) {
            let vector = query.vector.as_deref();
            let first = part.search(&SearchRequest::default(), vector).unwrap();
            assert!(!first.exact && first.hits.len() == 10);
            let mut rounds = 0;
            let mut last = first;
            while !last.missing_rows.is_empty() {
                for [offset, length] in &last.missing_rows {
                    part.add_rows(*offset, &file[*offset..offset + length]).unwrap();
                }
                last = part.search(&SearchRequest::default(), vector).unwrap();
                rounds += 1;
                assert!(rounds < 8, "rows are still missing");
            }
            let expected = whole.search(&SearchRequest::default(), vector).unwrap();
            let scores = |hits: &[crate::index::Hit]| -> Vec<(String, Option<f32>)> {
                hits.iter().map(|hit| (hit.id.clone(), hit.scores.semantic)).collect()
            };
            assert_eq!(scores(&last.hits), scores(&expected.hits));
        }
        // Keywords match half of the items; only the rows of candidates and of the page are wanted.
        let request = SearchRequest { query: "女".into(), ..Default::default() };
        let found = part.search(&request, all[2].vector.as_deref()).unwrap();
        let width = (end_of(&file, "rows") - end_of(&file, "codes").next_multiple_of(64)) / all.len();
        let wanted = found.missing_rows.iter().map(|place| place[1] / width).sum::<usize>();
        assert!(
            found.mode == "hybrid" && found.total > 100 && wanted < found.total,
            "{wanted} {}",
            found.total
        );
        let rest = file[end_of(&file, "codes")..].to_vec();
        part.extend(&rest[..1000], true).unwrap();
        assert!(!part.has_rows());
        part.extend(&rest[1000..], true).unwrap();
        let vector = all[3].vector.as_deref();
        let request = SearchRequest { exact: true, ..Default::default() };
        assert!(part.has_rows());
        assert_eq!(part.search(&request, vector).unwrap(), whole.search(&request, vector).unwrap());
        assert!(part.extend(&[0], true).is_err(), "more than the file has");
    }
}

#[test]
fn estimates_are_those_of_the_search_that_waits_for_rows() {
    let all = items(1500, 8);
    let file = file(RowKind::Int8, &all);
    let open = || Catalog::open(file[..end_of(&file, "codes")].to_vec(), Check::Part).unwrap();
    let mut part = open();
    let keywords = SearchRequest { query: "女".into(), ..Default::default() };
    let similar = |catalog: &Catalog| catalog.similar("p5", &SearchRequest::default()).unwrap();
    let change = Change { items: items(3, 6), removals: ["p9".to_string()].into(), ..Default::default() };
    let change = delta(&Catalog::open(file.clone(), Check::Hashes).unwrap(), &change).unwrap();
    for is_changed in [false, true] {
        let fresh = || {
            let mut fresh = open();
            if is_changed {
                fresh.apply(change.clone(), Check::Hashes).unwrap();
            }
            fresh
        };
        for (request, query) in [(&SearchRequest::default(), 3), (&keywords, 3), (&keywords, 9)] {
            let vector = all[query].vector.as_deref();
            for _ in 0..2 {
                let found = part.search(request, vector).unwrap();
                assert!(!found.missing_rows.is_empty());
                assert_eq!(found, fresh().search(request, vector).unwrap());
                assert_eq!(part.last_estimates.len(), part.items());
            }
            // The same vector, and another set of items.
            assert_eq!(similar(&part), similar(&fresh()));
        }
        if !is_changed {
            part.search(&keywords, all[9].vector.as_deref()).unwrap();
            part.apply(change.clone(), Check::Hashes).unwrap();
        }
    }
    let vector = all[3].vector.as_deref().unwrap();
    loop {
        let found = part.search(&keywords, Some(vector)).unwrap();
        for [offset, length] in &found.missing_rows {
            part.add_rows(*offset, &file[*offset..offset + length]).unwrap();
        }
        if found.missing_rows.is_empty() {
            break;
        }
    }
    assert_eq!(part.last_estimates.len(), 0);
}

#[test]
fn keywords_come_first_and_damaged_parts_are_rejected() {
    let all = items(200, 9);
    let file = file(RowKind::Int8, &all);
    let ids_end = end_of(&file, "ids");
    let mut part = Catalog::open(file[..ids_end].to_vec(), Check::Part).unwrap();
    let request = SearchRequest { query: "裤".into(), ..Default::default() };
    let early: Vec<String> =
        part.search(&request, None).unwrap().hits.into_iter().map(|hit| hit.id).collect();
    assert!(!early.is_empty() && !part.has_vectors());
    assert!(part.search(&SearchRequest::default(), all[0].vector.as_deref()).is_err());
    let mut damaged = file[ids_end..].to_vec();
    let at = damaged.len() / 2;
    damaged[at] ^= 1;
    assert_eq!(part.extend(&damaged, true).unwrap_err().code().as_str(), "INTEGRITY_MISMATCH");
    part.extend(&file[ids_end..], true).unwrap();
    let whole = Catalog::open(file.clone(), Check::Hashes).unwrap();
    assert_eq!(part.search(&request, None).unwrap(), whole.search(&request, None).unwrap());
    assert_eq!(
        part.search(&request, None).unwrap().hits.iter().map(|hit| hit.id.clone()).collect::<Vec<_>>(),
        early
    );
    let mut flipped = file[..ids_end].to_vec();
    flipped[ids_end - 1] ^= 1;
    assert!(Catalog::open(flipped, Check::Part).is_err());
}

#[test]
fn rows_of_another_catalog_and_parts_of_rows_are_rejected() {
    let (file, other) = (file(RowKind::Int8, &items(100, 1)), file(RowKind::Int8, &items(100, 2)));
    let start = end_of(&file, "codes").next_multiple_of(64);
    let mut part = Catalog::open(file[..end_of(&file, "codes")].to_vec(), Check::Part).unwrap();
    let width = 12 + DIMENSION;
    for (offset, bytes, code) in [
        (start, &other[start..start + width], "INTEGRITY_MISMATCH"),
        (start, &file[start + width..start + 2 * width], "INTEGRITY_MISMATCH"),
        (start, &file[start..start + width - 1], "INVALID_ARGUMENT"),
        (start + 1, &file[start + 1..start + 1 + width], "INVALID_ARGUMENT"),
        (0, &file[..width], "INVALID_ARGUMENT"),
        (usize::MAX, &file[..width], "INVALID_ARGUMENT"),
        (file.len(), &file[..width], "INVALID_ARGUMENT"),
    ] {
        assert_eq!(part.add_rows(offset, bytes).unwrap_err().code().as_str(), code, "{offset}");
    }
    for at in 0..width {
        let mut damaged = file[start..start + 2 * width].to_vec();
        damaged[width + at] ^= 1;
        let error = part.add_rows(start, &damaged).unwrap_err();
        assert_eq!(error.code().as_str(), "INTEGRITY_MISMATCH", "byte {at}");
    }
    assert_eq!(part.single_row_bytes(), width, "only the row before the damaged one is kept");
    assert_eq!(layout(&file[..40]).unwrap(), Json::Null);
    assert!(layout(b"<html>").is_err());
}

#[test]
fn rows_of_earlier_searches_make_room_for_those_of_the_last_one() {
    let all = items(1500, 1);
    let file = file(RowKind::Int8, &all);
    let mut part = Catalog::open(file[..end_of(&file, "codes")].to_vec(), Check::Part).unwrap();
    let full = 16 << 20;
    // Reads the rows of a page, and returns their bytes. `room` is made before.
    let read = |part: &mut Catalog, vector: usize, offset: usize, room: usize| {
        let request = SearchRequest { offset, ..Default::default() };
        let (mut bytes, mut rounds) = (0, 0);
        loop {
            let found = part.search(&request, all[vector].vector.as_deref()).unwrap();
            let wanted: usize = found.missing_rows.iter().map(|place| place[1]).sum();
            if wanted == 0 {
                return bytes;
            }
            if rounds == 0 && room > 0 {
                let (kept, before) = (part.make_room(room), part.single_row_bytes());
                assert_eq!(kept, before);
            }
            for [offset, length] in found.missing_rows {
                part.add_rows(offset, &file[offset..offset + length]).unwrap();
            }
            (bytes, rounds) = (bytes + wanted, rounds + 1);
        }
    };
    let first = read(&mut part, 3, 0, 0);
    assert_eq!(part.single_row_bytes(), first);
    let other = read(&mut part, 700, 0, full - first);
    assert_eq!(part.single_row_bytes(), first + other, "there is room for both");
    // Rows of the search that wants more stay, and those of others go.
    let second = read(&mut part, 700, 10, full);
    let kept = part.single_row_bytes();
    assert!(second > 0 && kept < first + other + second && kept >= other, "{first} {other} {second} {kept}");
    let third = read(&mut part, 700, 20, full);
    assert!(third < kept, "a page reads what no page before it has read: {third} {kept}");
    assert_eq!(read(&mut part, 700, 0, full) + read(&mut part, 700, 10, full), 0);
    let again = read(&mut part, 3, 0, full);
    assert!(again > 0 && again <= first, "some of the first search's rows were dropped: {again} of {first}");
    // All rows are there: none is kept twice, and later ones are not taken.
    part.extend(&file[end_of(&file, "codes")..], true).unwrap();
    assert_eq!(part.single_row_bytes(), 0);
    let start = end_of(&file, "codes").next_multiple_of(64);
    part.add_rows(start, &file[start..start + 12 + DIMENSION]).unwrap();
    assert_eq!(part.single_row_bytes(), 0);
}

/// Vectors of a list, of which the file of vectors may have too few.
struct List(Vec<Vec<f32>>);

impl VectorSource for List {
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> Result<()>) -> Result<()> {
        self.0.iter().enumerate().try_for_each(|(number, vector)| visit(number, vector))
    }
}

#[test]
fn vectors_that_are_read_one_by_one_give_the_same_file() {
    let items = items(120, 3);
    let vectors: Vec<Vec<f32>> = items.iter().map(|item| item.vector.clone().unwrap()).collect();
    let plain: Vec<Item> = items.iter().map(|item| Item { vector: None, ..item.clone() }).collect();
    for rows in [RowKind::Int8, RowKind::Int4, RowKind::None] {
        let options = BuildOptions { codes: CodesOption::Yes, ..Default::default() };
        let mut file = Cursor::new(Vec::new());
        build_to(&mut file, &schema_of(rows), &plain, &mut List(vectors.clone()), &options).unwrap();
        assert!(file.into_inner() == build(&schema_of(rows), &items, &options).unwrap(), "{rows:?}");
        for count in [0, vectors.len() - 1, vectors.len() + 1] {
            let mut list = List(vectors.iter().cycle().take(count).cloned().collect());
            let result =
                build_to(&mut Cursor::new(Vec::new()), &schema_of(rows), &plain, &mut list, &options);
            assert!(result.is_err_and(|error| error.message().starts_with("vectors: ")), "{count}");
        }
    }
}

#[test]
fn queries_decide_the_oversampling() {
    let items = items(120, 3);
    let oversampling = |queries: Vec<Vec<f32>>| {
        let options = BuildOptions { codes: CodesOption::Yes, queries, ..Default::default() };
        let file = build(&schema_of(RowKind::Int8), &items, &options).unwrap();
        Catalog::open(file, Check::Hashes).unwrap().schema().vectors.as_ref().unwrap().oversampling
    };
    // Vectors far from all items: every estimate is as good as the others.
    let mut random = Random(8);
    let far: Vec<Vec<f32>> = (0..20).map(|_| random.normals(DIMENSION)).collect();
    assert!(oversampling(far) > oversampling(vec![items[3].vector.clone().unwrap(); 2]));
}
