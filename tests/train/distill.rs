//! `corom distill`: from a teacher to a student that searches the teacher's catalog.

use std::fs;
use std::path::Path;

use crate::command::{Scratch, corom, succeed, text_of};
use crate::made_up::{self, Shop};

/// Trains and converts a small teacher.
fn teacher(scratch: &Scratch, shop: &Shop) -> String {
    let (trained, model) = (scratch.0.join("trained"), scratch.0.join("teacher"));
    let mut train =
        corom(&["train", "retrieval", "--random", "2x128", "--max-length", "32", "--dropout", "0"]);
    train.args(["--batch", "32", "--epochs", "1", "--learning-rate", "1e-3", "--negatives-per-query", "1"]);
    train.arg("--tokenizer").arg(&shop.tokenizer).arg("--corpus").arg(&shop.corpus);
    train.arg("--queries").arg(&shop.queries).arg("--qrels").arg(&shop.qrels);
    succeed(train.arg("--out").arg(&trained));
    succeed(corom(&["convert"]).arg(&trained).arg(&model));
    model.to_str().unwrap().to_owned()
}

fn distill(teacher: &str, shop: &Shop, out: &Path, more: &[&str]) -> String {
    let mut command = corom(&["distill", "--teacher", teacher, "--batch", "32", "--learning-rate", "2e-3"]);
    command.arg("--queries").arg(&shop.queries).arg("--corpus").arg(&shop.corpus);
    command.arg("--dev-queries").arg(&shop.dev_queries).args(more);
    succeed(command.arg("--out").arg(out))
}

/// Returns the numbers after `MRR@10` in what a command printed.
fn measures(output: &str) -> Vec<f64> {
    let after = |line: &str| line.split("MRR@10 ").nth(1)?.split(' ').next()?.parse().ok();
    output.lines().filter_map(after).collect()
}

#[test]
fn a_student_learns_its_teachers_vectors_and_searches_its_catalog() {
    let scratch = Scratch::new("distill");
    let shop = made_up::write(&scratch.0, 2000);
    let path = |name: &str| scratch.0.join(name);
    let teacher = teacher(&scratch, &shop);

    let qrels = shop.dev_qrels.to_str().unwrap();
    let output = distill(
        &teacher,
        &shop,
        &path("student"),
        &["--student", "1x64", "--epochs", "6", "--dev-qrels", qrels],
    );
    let measured = measures(&output);
    assert_eq!(measured.len(), 7, "the teacher and six epochs: {output}");
    assert!(measured[6] > 0.6 * measured[0] && measured[6] > measured[1], "{measured:?}");

    // The converted student, quantized and without the tokens that the shop does not use.
    let student = path("student-int8");
    let mut convert = corom(&["convert", "--dtype", "int8"]);
    convert.arg("--keep-vocab").arg(&shop.corpus).arg("--keep-vocab").arg(&shop.queries);
    let report = succeed(convert.arg(path("student")).arg(&student));
    assert!(report.contains("catalogs of its teacher"), "{report}");
    let manifest = |model: &Path| -> serde_json::Value {
        serde_json::from_str(&text_of(&model.join("corom.json"))).unwrap()
    };
    assert_eq!(manifest(&student)["distilled_from"], manifest(Path::new(&teacher))["lineage"]);
    assert_eq!(manifest(&student)["dimension"], 128);

    // A catalog that the teacher has embedded.
    let titles = text_of(&shop.corpus);
    let items = titles.lines().map(|line| {
        let (id, title) = line.split_once('\t').unwrap();
        serde_json::json!({ "id": id, "title": title }).to_string() + "\n"
    });
    fs::write(path("items.jsonl"), items.collect::<String>()).unwrap();
    fs::write(path("schema.json"), r#"{ "fields": [{ "name": "title", "weight": 1 }] }"#).unwrap();
    let catalog = path("catalog");
    let mut build = corom(&["index", "build"]);
    build.arg(path("items.jsonl")).arg(&catalog).arg("--schema").arg(path("schema.json"));
    succeed(build.args(["--model", &teacher]));
    let search = |model: &Path| {
        let mut search = corom(&["index", "search"]);
        search.arg(&catalog).arg("红色冬连衣裙 回力").args(["--request", r#"{"mode":"semantic","topK":10}"#]);
        search.arg("--model").arg(model);
        search
    };
    let found = |model: &Path| {
        let output = succeed(&mut search(model));
        let ids: std::collections::BTreeSet<String> = output
            .split('"')
            .filter(|id| id.starts_with('p') && id[1..].parse::<u32>().is_ok())
            .map(str::to_owned)
            .collect();
        assert_eq!(ids.len(), 10, "{output}");
        ids
    };
    let shared = found(&student).intersection(&found(Path::new(&teacher))).count();
    assert!(shared >= 4, "only {shared} of 10 results are the teacher's");

    // A student of another teacher, though of the same size.
    let other = path("other");
    succeed(corom(&["convert"]).arg(path("student")).arg(&other));
    let mut foreign = manifest(&other);
    let lineage = foreign["distilled_from"].as_str().unwrap().to_owned();
    foreign["distilled_from"] = lineage.replacen(&lineage[..4], "0123", 1).into();
    fs::write(other.join("corom.json"), foreign.to_string()).unwrap();
    let output = search(&other).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("MODEL_MISMATCH"), "{text}");
}

#[test]
fn a_student_of_all_layers_begins_with_its_teacher() {
    let scratch = Scratch::new("distill-start");
    let shop = made_up::write(&scratch.0, 400);
    let teacher = teacher(&scratch, &shop);
    // No step changes anything, and without judgments the teacher's first results are the relevant ones.
    let more = ["--student", "2x128", "--epochs", "1", "--learning-rate", "1e-30"];
    let mut command = corom(&["distill", "--teacher", &teacher]);
    command.arg("--queries").arg(&shop.queries).arg("--corpus").arg(&shop.corpus);
    command.arg("--dev-queries").arg(&shop.dev_queries).args(more).arg("--out").arg(scratch.0.join("same"));
    assert_eq!(measures(&succeed(&mut command)), [1.0, 1.0]);
}

#[test]
fn arguments_of_a_distillation_that_do_not_fit_are_errors() {
    let scratch = Scratch::new("distill-arguments");
    let shop = made_up::write(&scratch.0, 400);
    let teacher = "tests/fixtures/bits/int8";
    fs::write(scratch.0.join("empty.txt"), "\n \n").unwrap();
    let empty = scratch.0.join("empty.txt");
    let mixed = scratch.0.join("mixed.txt");
    fs::write(&mixed, "query\nq1\t裤子\n").unwrap();
    // A model folder of an earlier release.
    let old = scratch.0.join("old");
    fs::create_dir(&old).unwrap();
    for entry in fs::read_dir(teacher).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), old.join(entry.file_name())).unwrap();
    }
    let mut manifest: serde_json::Value = serde_json::from_str(&text_of(&old.join("corom.json"))).unwrap();
    manifest.as_object_mut().unwrap().remove("lineage");
    fs::write(old.join("corom.json"), manifest.to_string()).unwrap();
    for (teacher, queries, more, message) in [
        (teacher, &shop.queries, &["--student", "64x64"][..], "no more layers"),
        (teacher, &empty, &[], "no texts"),
        (teacher, &mixed, &[], "line 2: there is a tab"),
        (old.to_str().unwrap(), &shop.queries, &[], "has no lineage"),
        ("tests/fixtures/checkpoints/roberta", &shop.queries, &[], "convert it with `corom convert`"),
    ] {
        let mut command = corom(&["distill", "--teacher", teacher, "--queries"]);
        command.arg(queries).args(more).arg("--out").arg(scratch.0.join("out"));
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(message), "{more:?}: {text}");
    }
}
