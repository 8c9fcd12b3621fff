//! Tests `corom index` as a user runs it.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "a test that fails says where")]
#![allow(missing_docs, unreachable_pub, reason = "the modules of one test")]

mod killed;
mod models;
mod probes;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

/// The model of the tests: 64 elements per vector.
pub const MODEL: &str = "tests/fixtures/bits/int8";

pub const SCHEMA: &str = r#"{
  "fields": [{ "name": "title", "weight": 1 }, { "name": "brand", "weight": 0.5 }],
  "attributes": [
    { "name": "price", "kind": "number" }, { "name": "shop", "kind": "string" },
    { "name": "stock", "kind": "boolean" }, { "name": "tags", "kind": "tags" }
  ],
  "stored": ["url"]
}"#;

pub const ITEMS: &str = r#"{"id":"a","title":"阔腿裤女冬牛仔","brand":"Nike","price":99.5,"shop":"东店","stock":true,"tags":["新款","冬"],"url":"/a"}
{"id":"b","title":"經典款長褲","price":150,"shop":"西店","stock":false}

{"id":3,"title":"美孚机油 5W-40","brand":"Mobil","price":300,"tags":[]}
"#;

/// A temporary folder that is deleted at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("index-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }

    /// Builds a catalog of [`ITEMS`] and returns its path.
    pub fn catalog(&self, options: &[&str]) -> String {
        let (items, schema) = (self.write("items.jsonl", ITEMS), self.write("schema.json", SCHEMA));
        let catalog = self.path("catalog");
        let arguments = ["build", &items, &catalog, "--schema", &schema];
        succeeds(&[&arguments, options].concat());
        catalog
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
    command.arg("index");
    command
}

pub fn run(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// Runs a command that succeeds, and returns its output.
pub fn succeeds(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that fails with a code and a message that has these parts.
pub fn fails(arguments: &[&str], code: &str, parts: &[&str]) {
    let output = run(arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && message.starts_with(&format!("error[{code}]")),
        "{arguments:?}: {message}"
    );
    for part in parts {
        assert!(message.contains(part), "{arguments:?}: {message}: {part}");
    }
}

pub fn search(catalog: &str, query: &str, request: Value) -> Value {
    let found = succeeds(&["search", catalog, query, "--request", &request.to_string()]);
    serde_json::from_str(&found).unwrap()
}

pub fn ids(result: &Value) -> Vec<&str> {
    result["hits"].as_array().unwrap().iter().map(|hit| hit["id"].as_str().unwrap()).collect()
}

#[test]
fn a_catalog_is_built_searched_changed_and_compacted() {
    let folder = Folder::new("life");
    let synonyms = folder.write("synonyms.txt", "机油,motor oil\n");
    let catalog = folder.catalog(&["--synonyms", &synonyms]);
    let found = search(&catalog, "闊腿褲", json!({}));
    assert_eq!(ids(&found), ["a"]);
    assert_eq!(found["hits"][0]["stored"], json!({ "url": "/a" }));
    assert_eq!(found["hits"][0]["attributes"]["tags"], json!(["冬", "新款"]));
    assert_eq!(ids(&search(&catalog, "motor oil", json!({}))), ["3"]);
    let cheap = search(
        &catalog,
        "",
        json!({ "filter": { "price": { "lt": 200 } }, "facets": [{ "attribute": "shop" }] }),
    );
    assert_eq!((ids(&cheap), &cheap["total"]), (vec!["a", "b"], &json!(2)));
    assert_eq!(cheap["facets"]["shop"]["values"][0]["count"], 1);

    let more = folder.write("more.jsonl", r#"{"id":"b","title":"丝绸围巾","price":20}"#);
    assert!(succeeds(&["add", &catalog, &more]).contains("bytes added"));
    let patches = folder.write("patches.json", r#"{"a":{"price":1,"shop":null}}"#);
    succeeds(&["patch", &catalog, &patches]);
    succeeds(&["remove", &catalog, "3"]);
    let check = |catalog: &str| {
        assert_eq!(ids(&search(catalog, "", json!({ "sort": [{ "attribute": "price" }] }))), ["a", "b"]);
        assert_eq!(ids(&search(catalog, "围巾", json!({}))), ["b"]);
        assert!(
            ids(&search(catalog, "长裤", json!({}))).is_empty()
                && ids(&search(catalog, "机油", json!({}))).is_empty()
        );
        let exported = succeeds(&["export", catalog]);
        let records: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            records[0],
            json!({ "id": "a", "title": "阔腿裤女冬牛仔", "brand": "Nike", "price": 1, "stock": true, "tags": ["冬", "新款"], "url": "/a" })
        );
        assert_eq!(records.len(), 2);
    };
    check(&catalog);
    assert!(succeeds(&["info", &catalog]).starts_with("2 items"));
    succeeds(&["compact", &catalog]);
    check(&catalog);
    let files: Vec<String> = fs::read_dir(&catalog)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        files.iter().filter(|name| name.ends_with(".catalog") || name.ends_with(".delta")).count(),
        1,
        "{files:?}"
    );

    // The exported catalog is built again.
    let again = folder.write("again.jsonl", &succeeds(&["export", &catalog]));
    let (schema, rebuilt) = (folder.path("schema.json"), folder.path("rebuilt"));
    succeeds(&["build", &again, &rebuilt, "--schema", &schema]);
    check(&rebuilt);
}

#[test]
fn a_model_embeds_items_and_queries() {
    let folder = Folder::new("model");
    let catalog = folder.catalog(&["--model", MODEL]);
    let info = succeeds(&["info", &catalog]);
    assert!(info.contains("\"dimension\": 64"), "{info}");
    let hybrid = |catalog: &str| -> Value {
        serde_json::from_str(&succeeds(&["search", catalog, "阔腿裤女冬牛仔", "--model", MODEL])).unwrap()
    };
    let found = hybrid(&catalog);
    assert_eq!((&found["mode"], &found["hits"][0]["id"]), (&json!("hybrid"), &json!("a")));
    let semantic = found["hits"][0]["scores"]["semantic"].as_f64().unwrap();
    let all = found["hits"].as_array().unwrap().iter();
    assert!(all.skip(1).all(|hit| hit["scores"]["semantic"].as_f64().unwrap() < semantic), "{found}");

    // The vectors of `corom embed` are the same ones.
    let (items, embedded) = (folder.path("items.jsonl"), folder.path("embedded.jsonl"));
    for vectors in ["f32", "int8"] {
        let embed =
            ["embed", &items, &embedded, "-m", MODEL, "--field", "title", "--force", "--vectors", vectors];
        let status = Command::new(env!("CARGO_BIN_EXE_corom")).args(embed).output().unwrap().status;
        assert!(status.success());
        let metric =
            serde_json::from_str::<Value>(&info[info.find('{').unwrap()..=info.rfind('}').unwrap()]).unwrap();
        let mut schema: Value = serde_json::from_str(SCHEMA).unwrap();
        schema["vectors"] = json!({ "dimension": 64, "metric": metric["vectors"]["metric"] });
        let (schema, other) = (folder.write("with.json", &schema.to_string()), folder.path(vectors));
        succeeds(&["build", &embedded, &other, "--schema", &schema]);
        let score = hybrid(&other)["hits"][0]["scores"]["semantic"].as_f64().unwrap();
        assert!(
            (score - semantic).abs() <= semantic.abs() * if vectors == "f32" { 1e-6 } else { 0.01 },
            "{vectors}: {score} {semantic}"
        );
    }
    fails(
        &["build", &embedded, &folder.path("x"), "--schema", &folder.path("with.json"), "--model", MODEL],
        "INVALID_ARGUMENT",
        &["has an embedding", "leave out --model"],
    );
    let more = folder.write("more.jsonl", r#"{"id":"d","title":"丝绸围巾"}"#);
    fails(&["add", &catalog, &more], "INVALID_ARGUMENT", &["\"d\"", "has no embedding", "--model"]);
    succeeds(&["add", &catalog, &more, "--model", MODEL]);
    assert_eq!(ids(&search(&catalog, "围巾", json!({}))), ["d"]);
}

#[test]
fn faults_are_named_with_their_place_and_change_nothing() {
    let folder = Folder::new("faults");
    let catalog = folder.catalog(&[]);
    let before = succeeds(&["export", &catalog]);
    let (items, schema) = (folder.path("items.jsonl"), folder.path("schema.json"));
    fails(
        &["build", &items, &catalog, "--schema", &schema],
        "INVALID_ARGUMENT",
        &["exists already", "--force"],
    );
    let other = folder.path("other");
    let bad = |text: &str, parts: &[&str]| {
        let bad = folder.write("bad.jsonl", text);
        fails(
            &["build", &bad, &other, "--schema", &schema],
            "INVALID_ARGUMENT",
            &[&["bad.jsonl"], parts].concat(),
        );
        fails(&["add", &catalog, &bad], "INVALID_ARGUMENT", &[&["bad.jsonl"], parts].concat());
    };
    bad("{\"id\":\"x\"}\n[1]", &["line 2", "object"]);
    bad(r#"{"title":"x"}"#, &["line 1", "id: missing"]);
    bad(r#"{"id":"x","price":"12"}"#, &["line 1", "price", "expected a number"]);
    bad(r#"{"id":"x","title":7}"#, &["title", "expected a text"]);
    bad(r#"{"id":"x","tags":"a"}"#, &["tags", "expected a list"]);
    let twice = folder.write("twice.jsonl", "{\"id\":\"x\"}\n{\"id\":\"x\"}");
    fails(&["add", &catalog, &twice], "INVALID_ARGUMENT", &["\"x\"", "twice"]);
    fails(&["remove", &catalog, "zzz"], "INVALID_ARGUMENT", &["zzz"]);
    let patch = folder.write("patch.json", r#"{"a":{"prise":1}}"#);
    fails(&["patch", &catalog, &patch], "INVALID_ARGUMENT", &["prise"]);
    let found = |top_k: &str, request: &str| {
        let found = succeeds(&["search", &catalog, "", "--top-k", top_k, "--request", request]);
        ids(&serde_json::from_str(&found).unwrap()).len()
    };
    assert_eq!([found("1", "{}"), found("2", r#"{"topK":1}"#)], [1, 2]);
    fails(&["search", &catalog, "x", "--top-k", "10001"], "INVALID_ARGUMENT", &["topK", "10001"]);
    fails(&["search", &catalog, "x", "--request", r#"{"limits":3}"#], "INVALID_ARGUMENT", &["limits"]);
    fails(&["search", &folder.path("none"), "x"], "MISSING_FILE", &["none"]);
    assert_eq!(succeeds(&["export", &catalog]), before);

    // A file that is damaged is never searched.
    let file = fs::read_dir(&catalog)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "catalog"))
        .unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    fails(&["search", &catalog, "x"], "INTEGRITY_MISMATCH", &["differs from its hash"]);
}
