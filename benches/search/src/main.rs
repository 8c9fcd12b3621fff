//! Builds the catalogs of the search benchmark, and times searches of them natively.
//!
//! ```text
//! corom-search-bench build ITEMS.jsonl SCHEMA.json OUT.catalog [VECTORS.f32 DIMENSION [codes]]
//! corom-search-bench time CATALOG [QUERIES.f32 [EXACT]]
//! corom-search-bench nearest VECTORS.f32 QUERIES.f32 DIMENSION COUNT
//! ```
//! `VECTORS.f32` has little-endian floats, one vector per item, in the order of the items. The metric is the cosine.
//! `nearest` prints the `COUNT` best products of each query with all vectors, as lists of JSON: vectors that are too many
//! for a page are compared here. With `codes` a catalog has them whatever its size is.
#![allow(dead_code, unused_imports, reason = "the modules of the library, of which this uses a part")]

#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/index/mod.rs"]
mod index;
#[path = "../../../src/index_build/mod.rs"]
mod index_build;
#[path = "../../../src/l2.rs"]
mod l2;

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::time::Instant;

use index::{Catalog, Check, RowKind, SearchRequest, SpaceMetric, VectorSpace, file_hash};
use index_build::{BuildOptions, CodesOption, Item, VectorSource, build_to, read_schema};

/// More than a header has.
const HEADER_BYTES: usize = 1 << 13;

fn main() {
    let list: Vec<String> = std::env::args().skip(1).collect();
    match list.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["build", items, schema, out, vectors @ ..] => build_file(items, schema, out, vectors),
        ["time", catalog, rest @ ..] => time(catalog, rest),
        ["nearest", vectors, queries, dimension, count] => {
            nearest(vectors, queries, dimension.parse().unwrap(), count.parse().unwrap());
        }
        _ => panic!(
            "usage: build ITEMS SCHEMA OUT [VECTORS DIMENSION [codes]] | time CATALOG [QUERIES [EXACT]] | \
             nearest VECTORS QUERIES DIMENSION COUNT"
        ),
    }
}

fn floats(file: &str) -> Vec<f32> {
    fs::read(file).unwrap().as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn build_file(items: &str, schema: &str, out: &str, given: &[&str]) {
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(schema).unwrap()).unwrap();
    let (mut schema, stored) = read_schema(schema).unwrap();
    let dimension: usize = given.get(1).map_or(0, |dimension| dimension.parse().unwrap());
    schema.vectors = (dimension > 0).then_some(VectorSpace {
        dimension,
        metric: SpaceMetric::Cosine,
        lineage: None,
        text: None,
        rows: RowKind::Int8,
        oversampling: 0,
    });
    let text = fs::read_to_string(items).unwrap();
    let item = |line| Item::from_json(&serde_json::from_str(line).unwrap(), &schema, &stored).unwrap();
    let items: Vec<Item> = text.lines().map(item).collect();
    let began = Instant::now();
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(out).unwrap();
    let mut vectors = Vectors { file: given.first().map(|file| File::open(file).unwrap()), dimension };
    let codes = if given.get(2) == Some(&"codes") { CodesOption::Yes } else { CodesOption::Auto };
    let options = BuildOptions { codes, ..BuildOptions::default() };
    build_to(&mut file, &schema, &items, &mut vectors, &options).unwrap();
    let (seconds, bytes) = (began.elapsed().as_secs_f64(), file.metadata().unwrap().len());
    let mut start = vec![0; HEADER_BYTES.min(bytes as usize)];
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_exact(&mut start).unwrap();
    let hash: String = file_hash(&start).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{{\"items\":{},\"bytes\":{bytes},\"seconds\":{seconds:.3},\"hash\":\"{hash}\"}}", items.len());
}

/// A file of floats.
struct Vectors {
    file: Option<File>,
    dimension: usize,
}

impl VectorSource for Vectors {
    fn each(&mut self, visit: &mut dyn FnMut(usize, &[f32]) -> error::Result<()>) -> error::Result<()> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        let count = file.metadata().unwrap().len() as usize / 4 / self.dimension;
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut bytes = vec![0; 4 * self.dimension];
        for number in 0..count {
            reader.read_exact(&mut bytes).unwrap();
            let vector: Vec<f32> = bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect();
            visit(number, &vector)?;
        }
        Ok(())
    }
}

fn nearest(vectors: &str, queries: &str, dimension: usize, count: usize) {
    let queries = floats(queries);
    let mut best: Vec<Vec<f32>> = vec![Vec::new(); queries.len() / dimension];
    let mut source = Vectors { file: Some(File::open(vectors).unwrap()), dimension };
    let mut add = |_: usize, vector: &[f32]| {
        for (best, query) in best.iter_mut().zip(queries.chunks_exact(dimension)) {
            let product = index::sections::dot(query, vector);
            if best.len() < count || product > best[count - 1] {
                best.truncate(count - 1);
                best.insert(best.partition_point(|&other| other >= product), product);
            }
        }
        Ok(())
    };
    source.each(&mut add).unwrap();
    println!("{}", serde_json::to_string(&best).unwrap());
}

fn time(catalog: &str, rest: &[&str]) {
    let catalog = Catalog::open(fs::read(catalog).unwrap(), Check::Header).unwrap();
    let dimension = catalog.schema().vectors.as_ref().map_or(1, |space| space.dimension);
    let queries = rest.first().map_or(Vec::new(), |file| floats(file));
    let exact = rest.len() > 1;
    let mut times = Vec::new();
    for _ in 0..5 {
        for query in queries.chunks_exact(dimension) {
            let request = SearchRequest { exact, highlight: false, ..Default::default() };
            let began = Instant::now();
            let found = catalog.search(&request, Some(query)).unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(found.hits.len(), 10);
        }
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms, p95 {:.3} ms", times[times.len() / 2], times[times.len() * 95 / 100]);
}
