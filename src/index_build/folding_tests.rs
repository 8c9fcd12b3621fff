//! Files of one catalog that releases with different tables of Unicode have written.

use super::build::{sections, written};
use super::tests::{items, schema};
use super::{Change, Item, compact, delta};
use crate::index::sections::{CharacterTable, FileKind, Readings, SectionKind};
use crate::index::{Catalog, Check, SearchRequest};

fn named(id: &str, title: &str) -> Item {
    let mut item = items(None)[0].clone();
    (item.id, item.texts[0]) = (id.to_string(), title.to_string());
    item
}

/// Writes a file as a release does that folds some characters in its own way.
fn file_of(parent: Option<&Catalog>, items: &[Item], folds: &[(char, &str)]) -> Vec<u8> {
    let mut sections = sections(&schema(None), items, &[], 0).unwrap();
    for (kind, bytes) in &mut sections {
        if *kind == SectionKind::Characters {
            *bytes = CharacterTable::read(bytes).unwrap().with(folds);
        }
    }
    match parent {
        Some(catalog) => written(FileKind::Delta, &catalog.tip(), sections).unwrap(),
        None => written(FileKind::Catalog, &[0; 32], sections).unwrap(),
    }
}

fn open(items: &[Item], folds: &[(char, &str)]) -> Catalog {
    Catalog::open(file_of(None, items, folds), Check::Hashes).unwrap()
}

fn ids(catalog: &Catalog, query: &str) -> Vec<String> {
    let request = SearchRequest { query: query.into(), ..Default::default() };
    catalog.search(&request, None).unwrap().hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn a_delta_that_folds_in_another_way_is_rejected() {
    let base = [named("a", "裤子"), named("b", "庫房")];
    let new = [named("c", "围巾 鿰")];
    for (base_folds, delta_folds, character) in [
        (&[][..], &[('褲', "库")][..], '褲'), // both list it
        (&[], &[('裤', "巾")], '裤'),         // a term of the catalog has it
        (&[], &[('子', "巾")], '子'),         // as the second character of a bigram
        (&[('鿰', "库")], &[], '鿰'),         // a term of the delta has it
    ] {
        let mut catalog = open(&base, base_folds);
        let file = file_of(Some(&catalog), &new, delta_folds);
        let error = catalog.apply(file, Check::Hashes).unwrap_err();
        assert_eq!(error.code().as_str(), "INVALID_CATALOG", "{error}");
        assert!(error.message().contains(character), "{error}: {character}");
        assert_eq!(catalog.len(), 2, "the catalog stays as it is");
    }
    let mut catalog = open(&base, &[]);
    let file = file_of(Some(&catalog), &new, &[('鿱', "围")]); // only one of the files can have it
    catalog.apply(file, Check::Hashes).unwrap();
    assert_eq!([ids(&catalog, "褲子"), ids(&catalog, "圍巾"), ids(&catalog, "鿱巾")], [["a"], ["c"], ["c"]]);
}

#[test]
fn a_catalog_of_another_release_takes_items_after_compact() {
    let mut catalog = open(&[named("a", "裤子"), named("b", "库房")], &[('鿰', "库")]);
    let change = Change { items: vec![named("c", "鿰巾")], ..Default::default() };
    let error = delta(&catalog, &change).unwrap_err();
    assert_eq!(error.code().as_str(), "INVALID_CATALOG", "{error}");
    assert!(error.message().contains("corom index compact"), "{error}");
    catalog = Catalog::open(compact(&catalog).unwrap(), Check::Hashes).unwrap();
    catalog.apply(delta(&catalog, &change).unwrap(), Check::Hashes).unwrap();
    assert_eq!(ids(&catalog, "鿰巾"), ["c"]);
}

#[test]
fn a_character_has_the_readings_of_all_files() {
    let of = |text: &str| {
        let list = vec![text.to_string()];
        Readings::read(&Readings::write(&[('重', list)].into())).unwrap()
    };
    let mut readings = of("zhong");
    readings.extend(&of("chong"));
    readings.extend(&of("zhong"));
    assert_eq!(readings.of('重'), ["zhong", "chong"]);
}
