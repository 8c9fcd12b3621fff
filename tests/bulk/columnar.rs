//! Parquet files and Arrow streams, written and read by the command. `hosts.rs` compares them with pyarrow.

use std::fs;
use std::process::Stdio;

use crate::{Folder, command, embed, embedding, expected, fails, floats, npy, records, titles};

const HEADER: [&str; 5] = ["--header", "--column", "title", "--id", "sku"];

/// Writes a table of titles with a header, and its vectors as `ref.npy`.
fn table(folder: &Folder, count: usize) -> Vec<String> {
    let texts = titles(count);
    let rows = texts.iter().enumerate().map(|(i, text)| format!("id{i}\t{text}\n"));
    folder.write("in.tsv", format!("sku\ttitle\n{}", rows.collect::<String>()));
    embed(folder.path("in.tsv"), folder.path("ref.npy"), &HEADER);
    texts
}

#[test]
fn columns_written_and_read_again_give_the_same_vectors() {
    let folder = Folder::new("columnar");
    let texts = table(&folder, 200);
    for (columns, again) in [("a.parquet", "b.arrows"), ("c.arrows", "d.parquet")] {
        let window = ["--window", "33"];
        embed(folder.path("in.tsv"), folder.path(columns), &[&HEADER[..], &window].concat());
        let picks = ["--column", "title", "--id", "sku"];
        embed(folder.path(columns), folder.path("out.npy"), &[&picks[..], &window, &["--force"]].concat());
        assert_eq!(folder.read("out.npy"), folder.read("ref.npy"), "{columns}");
        assert_eq!(folder.read("out.ids.jsonl"), folder.read("ref.ids.jsonl"), "{columns}");

        let keep = [&picks[..], &["--keep", "title"]].concat();
        embed(folder.path(columns), folder.path(again), &keep);
        embed(folder.path(again), folder.path("out.jsonl"), &[&keep[..], &["--force"]].concat());
        let records = records(&folder.read("out.jsonl"));
        assert_eq!(records.len(), texts.len());
        let dimension = embedding(&records[0]).len();
        let vectors = expected(&texts);
        for (i, record) in records.iter().enumerate() {
            assert_eq!(record.as_object().unwrap().len(), 3, "sku, title, embedding");
            assert_eq!(
                (&record["sku"], &record["title"]),
                (&format!("id{i}").into(), &texts[i].as_str().into())
            );
            assert_eq!(embedding(record), vectors[i * dimension..][..dimension]);
        }
    }
}

#[test]
fn a_pipe_takes_and_gives_an_arrow_stream() {
    let folder = Folder::new("pipe");
    table(&folder, 100);
    embed(folder.path("in.tsv"), folder.path("in.arrows"), &HEADER);
    let options =
        ["--format", "arrow", "--column", "title", "--keep", "sku", "--keep", "title", "--window", "7"];
    let mut pipe = command("-", "-", &options);
    let input = fs::File::open(folder.path("in.arrows")).unwrap();
    let output = pipe.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Batches have 7 rows here, and one has them all there.
    folder.write("out.arrows", output.stdout);
    embed(folder.path("out.arrows"), folder.path("out.jsonl"), &["--column", "title", "--keep", "title"]);
    embed(folder.path("in.arrows"), folder.path("in.jsonl"), &["--column", "title", "--keep", "title"]);
    assert_eq!(folder.read("out.jsonl"), folder.read("in.jsonl"));

    let output = command("-", "-", &[&HEADER[..], &["--input", "tsv", "--output", "parquet"]].concat())
        .stdin(fs::File::open(folder.path("in.tsv")).unwrap())
        .stderr(Stdio::null())
        .output()
        .unwrap();
    embed(folder.path("in.tsv"), folder.path("out.parquet"), &HEADER);
    assert!(output.stdout == folder.read("out.parquet"), "a pipe gives the bytes of a file");
}

#[test]
fn a_bad_row_of_columns_is_reported_by_its_number() {
    let folder = Folder::new("columnar-bad");
    // The text format's bad rows become nulls.
    folder.write("in.tsv", "sku\ttitle\na\t耳机\nb\nc\t充电宝\n");
    let keep = ["--on-bad-row", "keep", "--window", "2"];
    for name in ["in.parquet", "in.arrows"] {
        embed(folder.path("in.tsv"), folder.path(name), &[&HEADER[..], &keep].concat());
        let picks = ["--column", "title", "--id", "sku", "--keep", "title"];
        let errors = fails(folder.path(name), folder.path("x.npy"), &picks[..4], "INVALID_ARGUMENT");
        assert!(errors.contains("row 1 has no text in the column `title`"), "{errors}");
        for (choice, count) in [("skip", 2), ("keep", 3)] {
            let options = [&picks[..], &["--on-bad-row", choice, "--force"]].concat();
            let errors = embed(folder.path(name), folder.path("out.jsonl"), &options);
            assert!(errors.contains("row 1 has no text"), "{errors}");
            let records = records(&folder.read("out.jsonl"));
            assert_eq!(records.len(), count, "{name}");
            assert_eq!(records[count - 1]["sku"], "c");
            assert_eq!(embedding(&records[count - 1]), expected(&["充电宝".to_owned()]));
            assert!(choice == "skip" || records[1]["embedding"].is_null() && records[1]["title"].is_null());
        }
    }
}

#[test]
fn wrong_columns_and_formats_are_named() {
    let folder = Folder::new("columnar-names");
    table(&folder, 3);
    embed(folder.path("in.tsv"), folder.path("in.parquet"), &HEADER);
    folder.write("text.parquet", "耳机\n充电宝\n");
    folder.write("text.arrows", "耳机\n充电宝\n");
    let bytes = folder.read("in.parquet");
    folder.write("cut.parquet", &bytes[..bytes.len() / 2]);
    let out = folder.path("out.parquet");
    for (name, options, message) in [
        ("in.parquet", &[][..], "it has the columns sku, title, embedding; choose the one with the texts"),
        ("in.parquet", &["--column", "2"], "has no column `2`; its columns are sku, title, embedding"),
        ("in.parquet", &["--column", "embedding"], "`embedding` has the type"),
        ("in.parquet", &["--column", "title", "--id", "embedding"], "expected whole numbers or texts"),
        ("in.parquet", &["--column", "title"], "has a column `embedding` already"),
        ("in.parquet", &["--column", "title", "--header"], "--header is for TSV and CSV"),
        ("in.tsv", &["--column", "2", "--keep", "1"], "--keep is for Parquet and Arrow"),
        ("text.parquet", &["--column", "title"], "expected a valid Parquet file"),
        ("cut.parquet", &["--column", "title"], "expected a valid Parquet file"),
        ("text.arrows", &["--column", "title"], "expected a valid Arrow stream"),
    ] {
        let errors = fails(folder.path(name), &out, options, "INVALID_ARGUMENT");
        assert!(errors.contains(message), "{name}: {errors}");
    }
    let picks = ["--column", "title", "--keep", "title"];
    let errors = fails(folder.path("in.parquet"), folder.path("x.npy"), &picks, "INVALID_ARGUMENT");
    assert!(errors.contains("an array of NumPy repeats no columns"), "{errors}");
    let errors = fails(folder.path("in.parquet"), folder.path("x.arrow"), &picks, "INVALID_ARGUMENT");
    assert!(errors.contains("name it .arrows"), "{errors}");
    let errors = fails("-", &out, &["--input", "parquet", "--column", "title"], "INVALID_ARGUMENT");
    assert!(errors.contains("Parquet needs a file"), "{errors}");
    folder.write("ids.jsonl", "{\"id\":1,\"text\":\"a\"}\n{\"id\":\"1\",\"text\":\"b\"}\n");
    let errors = fails(folder.path("ids.jsonl"), &out, &["--id", "id"], "INVALID_ARGUMENT");
    assert!(
        errors.contains("line 2 has the id \"1\", but the first ids are signed whole numbers"),
        "{errors}"
    );
    assert!(!folder.names().iter().any(|name| name.contains("out") || name.contains("x.")));

    embed(folder.path("in.tsv"), folder.path("in.arrows"), &[&HEADER[..], &["--window", "1"]].concat());
    let whole = folder.read("in.arrows");
    folder.write("cut.arrows", &whole[..whole.len() - 8]);
    folder.write("two.arrows", [&whole[..], &whole].concat());
    for (name, message) in [("cut.arrows", "it is cut"), ("two.arrows", "bytes follow the end of the stream")]
    {
        let errors = fails(folder.path(name), &out, &picks, "INVALID_ARGUMENT");
        assert!(errors.contains(message), "{name}: {errors}");
        fs::remove_file(folder.path(".out.parquet.corom-journal")).unwrap_or_default();
    }
}

/// The vector of a row that is kept is all zeros, and so is the end mark of old streams.
#[test]
fn a_stream_cut_after_a_batch_that_ends_in_zeros_is_rejected() {
    let folder = Folder::new("columnar-zeros");
    folder.write("in.tsv", format!("sku\ttitle\n{}", "a\t耳机\nb\n".repeat(3)));
    let keep = [&HEADER[..], &["--window", "2", "--on-bad-row", "keep"]].concat();
    embed(folder.path("in.tsv"), folder.path("in.arrows"), &keep);
    let whole = folder.read("in.arrows");
    let picks = ["--column", "title", "--id", "sku", "--on-bad-row", "skip", "--force"];
    embed(folder.path("in.arrows"), folder.path("out.npy"), &picks);
    // Messages begin with this mark. The first is the schema, the last the end mark.
    let marks = (8..whole.len()).step_by(8).filter(|&at| whole[at..].starts_with(&[0xff; 4]));
    let cuts: Vec<usize> = marks.collect();
    assert!(cuts.iter().any(|&at| whole[..at].ends_with(&[0; 8])), "no batch ends in zeros");
    for at in cuts {
        let cut = folder.write("cut.arrows", &whole[..at]);
        let errors = fails(&cut, folder.path("out.npy"), &picks, "INVALID_ARGUMENT");
        assert!(errors.contains("it is cut"), "{at} of {} bytes: {errors}", whole.len());
    }
}

#[test]
fn rows_after_many_bad_rows_of_columns_are_read() {
    let folder = Folder::new("columnar-many-bad");
    let wide = "x".repeat(1 << 20);
    // Rows without an id keep their text: more than the bytes of two windows.
    let bad = format!("\t{wide}\n").repeat(70);
    folder.write("in.tsv", format!("sku\ttitle\na\t耳机\n{bad}c\t充电宝\n"));
    let keep = [&HEADER[..], &["--on-bad-row", "keep", "--window", "8"]].concat();
    embed(folder.path("in.tsv"), folder.path("in.parquet"), &keep);
    let skip = ["--column", "title", "--id", "sku", "--on-bad-row", "skip"];
    embed(folder.path("in.parquet"), folder.path("out.npy"), &skip);
    assert_eq!(folder.read("out.ids.jsonl"), "\"a\"\n\"c\"\n".as_bytes());
}

#[test]
fn a_file_without_rows_has_its_columns() {
    let folder = Folder::new("columnar-empty");
    folder.write("in.tsv", "sku\ttitle\n");
    for (first, second) in [("a.parquet", "b.arrows"), ("a.arrows", "b.parquet")] {
        embed(folder.path("in.tsv"), folder.path(first), &HEADER);
        let picks = ["--column", "title", "--keep", "title"];
        embed(folder.path(first), folder.path(second), &picks);
        embed(folder.path(second), folder.path("out.npy"), &["--column", "title", "--force"]);
        let bytes = folder.read("out.npy");
        assert!(npy(&bytes).0.contains("'shape': (0, ") && floats(npy(&bytes).1).is_empty());
    }
}

/// Damaged files end with an error, never with a panic or a signal.
#[test]
fn damaged_columns_are_rejected() {
    let folder = Folder::new("columnar-damaged");
    table(&folder, 40);
    let mut seed = 5u64;
    for name in ["in.parquet", "in.arrows"] {
        embed(folder.path("in.tsv"), folder.path(name), &[&HEADER[..], &["--vectors", "int8"]].concat());
        let whole = folder.read(name);
        for round in 0..24 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut bytes = whole.clone();
            let at = (seed >> 33) as usize % bytes.len();
            if round % 3 == 0 {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << (seed >> 61);
            }
            let damaged = folder.write(&format!("damaged-{name}"), bytes);
            let options =
                ["--column", "title", "--id", "sku", "--keep", "title", "--force", "--on-bad-row", "skip"];
            let output = command(&damaged, folder.path("out.jsonl"), &options).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0) => {}
                Some(1) => assert!(errors.contains("error[INVALID_ARGUMENT]"), "{at}: {errors}"),
                other => panic!("{name}: byte {at}: {other:?}: {errors}"),
            }
            assert!(!errors.contains("panicked"), "{at}: {errors}");
        }
    }
}
