//! The seeds of each target, made of the tests' fixtures.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use crate::{Files, SIDE_FILES, catalogs, fixtures, folders, load, read_folder};
use corom::config::Pooling;
use corom::index::RowKind;
use corom::model::manifest::FileEntry;
use corom::model::{LoadOptions, Manifest};
use corom::self_test::SelfTest;
use zip::ZipArchive;

/// Texts of several scripts, for the tokenizer.
const TEXTS: [&str; 6] = [
    "",
    "阔腿裤女冬牛仔",
    "iPhone 15 Pro 256GB [MASK]",
    "Ｔｙｐｅ－Ｃ 充电线 Café",
    "䶮😀羽绒服 e\u{301}\u{200b}가Ж",
    " \t \u{3000}\n",
];

/// Writes the seeds of a target into the folder that `COROM_SEEDS` names and ends the process; without that variable
/// it returns. Targets call it first, so that seeds need no binary of their own.
pub fn write_if_asked(target: &str) {
    let Some(folder) = std::env::var_os("COROM_SEEDS") else { return };
    let seeds = match target {
        "onnx" => onnx(),
        "manifest" => manifest(),
        "tokenizer" => tokenizer(),
        "pickle" => pickle(),
        "side_files" => side_files(),
        "catalog" => catalog(),
        "search_request" => search_request(),
        _ => panic!("no seeds for the target {target}"),
    };
    std::fs::create_dir_all(&folder).unwrap();
    for (name, bytes) in &seeds {
        std::fs::write(Path::new(&folder).join(name), bytes).unwrap();
    }
    println!("{} seeds for {target}", seeds.len());
    std::process::exit(0);
}

/// Joins sections by zero bytes.
fn join(sections: &[&[u8]]) -> Vec<u8> {
    assert!(sections[..sections.len() - 1].iter().all(|section| !section.contains(&0)));
    sections.join(&0)
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every export and every refused model.
fn onnx() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for folder in folders("exports").into_iter().chain(folders("refused")) {
        let files = read_folder(&folder);
        let (Some(config), Some((_, onnx))) =
            (files.get("config.json"), files.iter().find(|(path, _)| path.ends_with(".onnx")))
        else {
            continue;
        };
        seeds.push((name(&folder), [&[0], &join(&[config, onnx])[..]].concat()));
    }
    seeds
}

/// A manifest of the folder that the target loads, and parts of it.
fn manifest() -> Vec<(String, Vec<u8>)> {
    let files = read_folder(&fixtures().join("exports/external-shards"));
    let texts = vec![TEXTS[1].to_owned()];
    let mut embedder = load(&files, LoadOptions::default()).unwrap();
    let vectors = vec![embedder.embed(&texts).unwrap()];
    let listed: Files = files.into_iter().filter(|(path, _)| path != "golden.json").collect();
    let whole = Manifest {
        format: "corom-model".into(),
        format_version: 1,
        task: Default::default(),
        created_by: "the fuzzer".into(),
        pooling: Pooling::Cls.into(),
        head: Vec::new(),
        normalize: false,
        max_length: 16,
        metric: None,
        prompts: BTreeMap::new(),
        default_prompt_name: None,
        include_prompt: None,
        dtype: "f32".into(),
        hidden_size: embedder.dimension(),
        dimension: None,
        lineage: None,
        distilled_from: None,
        full_vocab_size: None,
        files: listed.iter().map(|(path, bytes)| FileEntry::of(path, bytes)).collect(),
        self_test: Some(SelfTest { texts, vectors, ..SelfTest::default() }),
    };
    let mut seeds = vec![("whole".to_owned(), whole.clone())];
    seeds.push(("no_self_test".to_owned(), Manifest { self_test: None, ..whole.clone() }));
    for pooling in [Pooling::Mean, Pooling::AvgTop2, Pooling::AvgFirstLast] {
        let manifest =
            Manifest { pooling: pooling.into(), self_test: None, normalize: true, ..whole.clone() };
        seeds.push((pooling.as_str().to_owned(), manifest));
    }
    seeds.into_iter().map(|(name, manifest)| (name, manifest.to_json().unwrap().into_bytes())).collect()
}

fn catalog() -> Vec<(String, Vec<u8>)> {
    let kinds = [RowKind::Int8, RowKind::Int4, RowKind::None];
    let mut seeds = kinds.map(|rows| (rows.name().to_owned(), catalogs::catalog_file(rows))).to_vec();
    seeds.push(("delta".into(), catalogs::delta_file()));
    seeds
}

fn search_request() -> Vec<(String, Vec<u8>)> {
    let requests = [
        r#"{}"#,
        r#"{"filter":{"or":[{"number":{"between":[1,9]}},{"not":{"tags":{"containsAll":["t1"]}}}],"string":["s1"]}}"#,
        r#"{"facets":[{"attribute":"number","ranges":[0,5],"limit":2}],"sort":[{"attribute":"number","descending":true}]}"#,
        r#"{"fusion":"rrf","boost":[{"attribute":"number","weight":0.3}],"pinned":["p3"],"distinct":"string","topK":3,"offset":1}"#,
        r#"{"mode":"semantic","collapse":0.9,"diversity":0.3,"exact":true,"explain":true}"#,
    ];
    let queries = ["阔腿裤", "5w40 nike", "kuotuiku", "225/55r18 z62", ""];
    let seed = |(i, (request, query)): (usize, (&str, &str))| {
        (format!("{i}"), join(&[request.as_bytes(), query.as_bytes(), "裤,pants\n油,oil".as_bytes()]))
    };
    requests.into_iter().zip(queries).enumerate().map(seed).collect()
}

fn tokenizer() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for fixture in ["exports/legacy-op17", "exports/cased"] {
        let json = std::fs::read(fixtures().join(fixture).join("tokenizer.json")).unwrap();
        for (i, text) in TEXTS.iter().enumerate() {
            seeds.push((format!("{}_{i}", name(Path::new(fixture))), join(&[&json, text.as_bytes()])));
        }
    }
    seeds
}

/// Every PyTorch checkpoint whole, and the pickles of those that are zip archives.
fn pickle() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for folder in folders("checkpoints") {
        let Ok(file) = std::fs::read(folder.join("pytorch_model.bin")) else { continue };
        seeds.push((format!("{}_file", name(&folder)), [&[0], &file[..]].concat()));
        let Ok(mut archive) = ZipArchive::new(Cursor::new(file)) else { continue };
        for i in 0..archive.len() {
            let mut entry = archive.by_index(i).unwrap();
            if entry.name().unwrap().ends_with("/data.pkl") {
                let mut pickle = vec![1];
                entry.read_to_end(&mut pickle).unwrap();
                seeds.push((format!("{}_pickle", name(&folder)), pickle));
            }
        }
    }
    seeds
}

fn side_files() -> Vec<(String, Vec<u8>)> {
    let config = std::fs::read(fixtures().join("exports/static-1x16-legacy/config.json")).unwrap();
    let mut seeds = Vec::new();
    let folders = folders("exports").into_iter().chain(folders("checkpoints"));
    for folder in folders {
        let files = read_folder(&folder);
        let mut sections: Vec<&[u8]> =
            SIDE_FILES.iter().map(|path| files.get(*path).map_or(&[][..], Vec::as_slice)).collect();
        seeds.push((name(&folder), join(&sections)));
        // With the configuration of the target's model the loader gets past config.json.
        sections[0] = &config;
        seeds.push((format!("{}_same_model", name(&folder)), join(&sections)));
    }
    let transformers: [&[u8]; 5] = [
        &config,
        br#"{"task": "sentence-embedding", "model": {"type": "bert"}, "pipeline": {"type": "sentence-embedding"}}"#,
        br#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}, {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#,
        br#"{"word_embedding_dimension": 16, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}"#,
        br#"{"max_seq_length": 12, "do_lower_case": false}"#,
    ];
    seeds.push(("all_side_files".to_owned(), join(&transformers)));
    seeds
}
