//! Tests that a catalog is searched and changed with the model that it was built with, and no other.

use std::fs;
use std::process::Command;

use crate::{Folder, ITEMS, MODEL, fails, run, succeeds};

/// Converts a checkpoint of the fixtures, and returns the folder.
fn convert(folder: &Folder, checkpoint: &str, name: &str, options: &[&str]) -> String {
    let out = folder.path(name);
    let source = format!("tests/fixtures/checkpoints/{checkpoint}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
    let output = command.args(["convert", &source, &out]).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out
}

/// Returns the warnings of a command that succeeds.
fn warnings(arguments: &[&str]) -> String {
    let output = run(arguments);
    let warnings = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{warnings}");
    warnings
}

/// Copies the model of the tests as an earlier release wrote it.
fn without_lineage(folder: &Folder) -> String {
    fs::create_dir(folder.path("old")).unwrap();
    for entry in fs::read_dir(MODEL).unwrap() {
        let entry = entry.unwrap();
        let to = folder.path(&format!("old/{}", entry.file_name().to_string_lossy()));
        fs::copy(entry.path(), to).unwrap();
    }
    let text = fs::read_to_string(folder.path("old/corom.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(manifest.as_object_mut().unwrap().remove("lineage").is_some());
    folder.write("old/corom.json", &manifest.to_string());
    folder.path("old")
}

#[test]
fn only_the_model_of_the_catalog_searches_it_in_every_number_type() {
    let folder = Folder::new("models");
    let float = convert(&folder, "prefix-model", "float", &["--pooling", "cls"]);
    let int8 = convert(&folder, "prefix-model", "int8", &["--pooling", "cls", "--dtype", "int8"]);
    let mean = convert(&folder, "prefix-model", "mean", &["--pooling", "mean"]);
    let catalog = folder.catalog(&["--model", &float]);
    let info = succeeds(&["info", &catalog]);
    assert!(info.contains("\"lineage\""), "{info}");
    assert_eq!(warnings(&["search", &catalog, "裤", "--model", &int8]), "");
    assert_eq!(warnings(&["add", &catalog, &folder.path("items.jsonl"), "--model", &int8]), "");
    let pooling = ["same model with another pooling", "lineage", "build the catalog again"];
    fails(&["search", &catalog, "裤", "--model", &mean], "MODEL_MISMATCH", &pooling);
    fails(&["add", &catalog, &folder.path("items.jsonl"), "--model", &mean], "MODEL_MISMATCH", &pooling);
    let dimensions = ["64 dimensions", "use the model that the catalog was built with"];
    fails(&["search", &catalog, "裤", "--model", MODEL], "MODEL_MISMATCH", &dimensions);
    // A compacted catalog keeps the lineage.
    succeeds(&["compact", &catalog]);
    fails(&["search", &catalog, "裤", "--model", &mean], "MODEL_MISMATCH", &pooling);
}

#[test]
fn another_model_of_the_same_size_is_rejected() {
    let folder = Folder::new("models-alike");
    let one = convert(&folder, "prefix-model", "one", &["--pooling", "cls"]);
    let two = convert(&folder, "gamma-beta", "two", &["--pooling", "cls"]);
    let catalog = folder.catalog(&["--model", &one]);
    fails(&["search", &catalog, "裤", "--model", &two], "MODEL_MISMATCH", &["from another model"]);
}

#[test]
fn vectors_without_a_lineage_are_searched_with_a_warning() {
    let folder = Folder::new("models-unknown");
    let (items, schema) = (folder.write("items.jsonl", ITEMS), folder.write("schema.json", crate::SCHEMA));
    let catalog = folder.path("catalog");
    let old = without_lineage(&folder);
    let build = ["build", &items, &catalog, "--schema", &schema, "--model", &old];
    assert!(warnings(&build).contains("warning: the model folder has no lineage"));
    assert!(warnings(&["search", &catalog, "裤", "--model", &old]).contains("warning: the model folder"));
    assert!(warnings(&["search", &catalog, "裤", "--model", MODEL]).contains("warning: the catalog has no"));
    let plain = folder.catalog(&["--force"]);
    fails(&["search", &plain, "裤", "--model", MODEL], "INVALID_ARGUMENT", &["the catalog has no vectors"]);
}

#[test]
fn a_distilled_model_searches_the_catalog_of_its_teacher_and_no_other() {
    let folder = Folder::new("models-distilled");
    let teacher = convert(&folder, "prefix-model", "teacher", &["--pooling", "cls"]);
    let other = convert(&folder, "gamma-beta", "other", &["--pooling", "mean"]);
    let student = convert(&folder, "gamma-beta", "student", &["--pooling", "cls"]);
    let read = |model: &str| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(format!("{model}/corom.json")).unwrap()).unwrap()
    };
    let mut manifest = read(&student);
    manifest["distilled_from"] = read(&teacher)["lineage"].clone();
    folder.write("student/corom.json", &manifest.to_string());

    let catalog = folder.catalog(&["--model", &teacher]);
    assert_eq!(warnings(&["search", &catalog, "裤", "--model", &student]), "");
    fails(&["search", &catalog, "裤", "--model", &other], "MODEL_MISMATCH", &["from another model"]);
    // Its vectors of items would not be those of the teacher.
    let add = ["add", &catalog, &folder.path("items.jsonl"), "--model", &student];
    fails(&add, "MODEL_MISMATCH", &["distilled from that of the catalog", "use its teacher"]);
    let (items, schema) = (folder.path("items.jsonl"), folder.path("schema.json"));
    let foreign = folder.path("foreign");
    succeeds(&["build", &items, &foreign, "--schema", &schema, "--model", &other]);
    fails(&["search", &foreign, "裤", "--model", &student], "MODEL_MISMATCH", &["with another pooling"]);
    // A catalog of its own is searched by the student, not by the teacher.
    let own = folder.path("own");
    succeeds(&["build", &items, &own, "--schema", &schema, "--model", &student]);
    assert_eq!(warnings(&["search", &own, "裤", "--model", &student]), "");
    fails(&["search", &own, "裤", "--model", &teacher], "MODEL_MISMATCH", &["from another model"]);
}

#[test]
fn the_first_items_give_an_empty_catalog_its_model_and_text() {
    let folder = Folder::new("models-first");
    let one = convert(&folder, "prefix-model", "one", &["--pooling", "cls"]);
    let two = convert(&folder, "gamma-beta", "two", &["--pooling", "cls"]);
    // The dimension and the metric of the model, without its lineage.
    let info = succeeds(&["info", &folder.catalog(&["--model", &one])]);
    let info: serde_json::Value =
        serde_json::from_str(&info[info.find('{').unwrap()..=info.rfind('}').unwrap()]).unwrap();
    let mut schema: serde_json::Value = serde_json::from_str(crate::SCHEMA).unwrap();
    schema["vectors"] = serde_json::json!({
        "dimension": info["vectors"]["dimension"], "metric": info["vectors"]["metric"],
    });
    let (empty, catalog) = (folder.write("empty.jsonl", ""), folder.path("first"));
    let schema = folder.write("with.json", &schema.to_string());
    succeeds(&["build", &empty, &catalog, "--schema", &schema]);
    let items = folder.path("items.jsonl");
    let add = ["add", &catalog, &items, "--model", &one, "--text", "brand", "--prompt", "品牌："];
    assert_eq!(warnings(&add), "");
    let text = succeeds(&["info", &catalog]);
    assert!(
        text.contains("\"field\": \"brand\"") && text.contains("品牌：") && text.contains("\"lineage\""),
        "{text}"
    );
    fails(
        &["add", &catalog, &items, "--model", &one, "--text", "title"],
        "INVALID_ARGUMENT",
        &["--text", "\"brand\""],
    );
    fails(
        &["add", &catalog, &items, "--model", &one, "--prompt", ""],
        "INVALID_ARGUMENT",
        &["--prompt", "品牌："],
    );
    fails(&["add", &catalog, &items, "--model", &two], "MODEL_MISMATCH", &["from another model"]);
}
