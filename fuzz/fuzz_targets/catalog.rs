//! A catalog or a delta whose sections are not hashed: the header is that of a valid file. Opened as a whole and in parts,
//! searched in every way, clustered.
#![no_main]

use std::sync::LazyLock;

use corom::index::{
    Catalog, Check, ClusterOptions, FileReceiver, RowKind, SearchRequest, cluster, layout, project2d,
};
use corom_fuzz::catalogs::{catalog_file, request};
use corom_fuzz::limit_heap;
use libfuzzer_sys::fuzz_target;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| catalog_file(RowKind::Int8));
static REQUEST: LazyLock<SearchRequest> = LazyLock::new(request);

fn search(catalog: &Catalog) {
    let vector = [0.5; 8];
    let _ = (catalog.search(&REQUEST, None), catalog.search(&REQUEST, Some(&vector)));
    let few = SearchRequest { top_k: 1, ..SearchRequest::default() };
    let _ = (catalog.search(&few, Some(&vector)), catalog.similar("p1", &few), catalog.suggest("n", 5));
}

fuzz_target!(init: corom_fuzz::seeds::write_if_asked("catalog"), |file: &[u8]| {
    let mut changed = Catalog::open(WHOLE.clone(), Check::Header).expect("a catalog of the builder");
    LazyLock::force(&REQUEST);
    // A small file that names large numbers must not take much memory.
    let _limit = limit_heap(file.len() + WHOLE.len());
    let _ = layout(file);
    if let Ok(catalog) = Catalog::open(file.to_vec(), Check::Header) {
        search(&catalog);
        if let Ok(vectors) = catalog.vectors() {
            let _ = (cluster(&vectors, ClusterOptions { k: 3, seed: 1 }), project2d(&vectors));
        }
    }
    for cut in [file.len() / 2, file.len() * 7 / 8] {
        let Ok(mut part) = Catalog::open(file[..cut].to_vec(), Check::Header) else { continue };
        search(&part);
        if let Ok(found) = part.search(&SearchRequest::default(), Some(&[0.5; 8])) {
            for [offset, length] in found.missing_rows {
                let _ = part.add_rows(offset, &file[offset..offset + length]);
            }
            search(&part);
        }
        if part.extend(&file[cut..], false).is_ok() {
            search(&part);
        }
    }
    // A download feeds the file in pieces, of which the part with the keywords may be searched.
    let mut receiver = FileReceiver::new(file.len() / 2);
    if file.chunks(700).all(|piece| receiver.feed(piece).is_ok())
        && let Ok(part) = receiver.keyword_part()
        && let Ok(catalog) = Catalog::open(part, Check::Header)
    {
        search(&catalog);
    }
    if changed.apply(file.to_vec(), Check::Header).is_ok() {
        search(&changed);
    }
});
