//! A bad row is reported with its line: it ends the run, or is skipped or kept.

use crate::{Folder, command, embed, embedding, expected, fails, floats, npy, records};

/// A format: its file, options, and per bad row the place and the reason.
type Case = (&'static str, &'static [u8], &'static [&'static str], &'static [&'static str]);

/// Each has the valid texts 耳机 and 充电宝, the first row and the last.
const CASES: &[Case] = &[
    ("in.txt", "耳机\n\u{1}".as_bytes(), &[], &[]),
    (
        "a.txt",
        b"\xe8\x80\xb3\xe6\x9c\xba\n\xff\xfe\n\xe5\x85\x85\xe7\x94\xb5\xe5\xae\x9d\n",
        &[],
        &["line 2 is not UTF-8"],
    ),
    (
        "a.tsv",
        "1\t耳机\n2\n3\t4\t5\n6\t充电宝\n".as_bytes(),
        &["--column", "2"],
        &[
            "line 2 has 1 column, but the first row has 2",
            "line 3 has 3 columns, but the first row has 2; --columns splits each line at its first tabs only",
        ],
    ),
    (
        "b.tsv",
        "id\ttext\na\t耳机\n\tx\nb\t充电宝\n".as_bytes(),
        &["--header", "--column", "text", "--id", "id"],
        &["line 3 has an empty id"],
    ),
    (
        "a.csv",
        "id,text\n1,耳机\n2,\"a\"b\"\n3,\"x\n\ny\",z\n4,a\rb\n5,充电宝".as_bytes(),
        &["--header", "--column", "text"],
        &[
            "line 3 has a quote inside a quoted cell that is not written twice",
            "lines 4 to 6 has 3 columns, but the header has 2",
            "line 7 has a carriage return outside of quotes",
        ],
    ),
    (
        "a.jsonl",
        "\"耳机\"\n\n{\"text\":1}\n{\"name\":\"x\"}\n[]\n{\"text\":\n{\"text\":\"充电宝\"}".as_bytes(),
        &[],
        &[
            "line 3 has no text in the field `text`; its fields are text: choose one with --field",
            "line 4 has no field `text`; its fields are name: choose one with --field",
            "line 5 is neither an object nor a string",
            "line 6 is not JSON: ",
        ],
    ),
];

#[test]
fn a_bad_row_stops_the_run_is_skipped_or_is_kept() {
    let folder = Folder::new("bad");
    let good = expected(&["耳机".to_owned(), "充电宝".to_owned()]);
    for (name, content, options, reasons) in CASES.iter().filter(|case| !case.3.is_empty()) {
        let input = folder.write(name, content);
        let options = |more: &[&'static str]| [options, more].concat();
        let errors = fails(&input, folder.path("stop.npy"), &options(&["--force"]), "INVALID_ARGUMENT");
        assert!(errors.contains(reasons[0]), "{name}: {errors}");
        assert!(errors.contains("--on-bad-row skip"), "{errors}");
        assert!(!folder.path("stop.npy").exists());

        let errors = embed(&input, folder.path("skip.npy"), &options(&["--force", "--on-bad-row", "skip"]));
        for reason in *reasons {
            let line = errors
                .lines()
                .find(|line| line.contains(reason))
                .unwrap_or_else(|| panic!("{reason}: {errors}"));
            assert!(line.starts_with("warning: ") && line.ends_with("; skipped"), "{line}");
        }
        let bytes = folder.read("skip.npy");
        assert_eq!(floats(npy(&bytes).1), good, "{name}");
        let ids = String::from_utf8(folder.read("skip.ids.jsonl")).unwrap();
        let last =
            if options(&[]).contains(&"--id") { "\"b\"".to_owned() } else { (reasons.len() + 1).to_string() };
        assert_eq!(ids.lines().last(), Some(last.as_str()), "{name}");

        embed(&input, folder.path("keep.npy"), &options(&["--force", "--on-bad-row", "keep"]));
        let bytes = folder.read("keep.npy");
        let kept = floats(npy(&bytes).1);
        let dimension = good.len() / 2;
        assert_eq!(kept.len(), (reasons.len() + 2) * dimension, "{name}");
        assert!(kept[dimension..kept.len() - dimension].iter().all(|x| *x == 0.0), "{name}");
        embed(&input, folder.path("keep.jsonl"), &options(&["--force", "--on-bad-row", "keep"]));
        let records = records(&folder.read("keep.jsonl"));
        assert_eq!(embedding(records.last().unwrap()), good[dimension..]);
        for (record, reason) in records[1..].iter().zip(*reasons) {
            assert!(record["embedding"].is_null());
            if record.get("place").is_none() {
                assert!(record.as_object().unwrap().len() > 1, "{name}: the row's own fields: {record}");
                continue;
            }
            let line = format!("{} {}", record["place"].as_str().unwrap(), record["error"].as_str().unwrap());
            assert!(line.contains(reason), "{line}");
        }
    }
}

#[test]
fn rows_after_many_bad_rows_are_read() {
    let folder = Folder::new("many-bad");
    let good = expected(&["耳机".to_owned(), "充电宝".to_owned()]);
    // More than the bytes of two windows, so that one has no other rows.
    let text = format!(
        "{{\"text\":\"耳机\"}}\n{}{{\"text\":\"充电宝\"}}\n",
        format!("{}\n", "[]".repeat(1 << 19)).repeat(70)
    );
    let input = folder.write("in.jsonl", text);
    let errors = embed(&input, folder.path("out.npy"), &["--on-bad-row", "skip"]);
    assert_eq!(errors.matches("; skipped").count(), 70);
    let bytes = folder.read("out.npy");
    assert_eq!(floats(npy(&bytes).1), good);
    assert_eq!(folder.read("out.ids.jsonl"), b"0\n71\n");
}

#[test]
fn a_row_that_is_kept_keeps_what_can_be_read() {
    let folder = Folder::new("kept");
    let keep = ["--on-bad-row", "keep", "--id", "sku", "--force"];
    let rows = "{\"sku\":\"a\",\"text\":null}\n{\"sku\":[],\"text\":\"耳机\"}\n{}\n{\"sku\":\"d\",\"text\":\"耳机\"}\n";
    let input = folder.write("in.jsonl", rows);
    embed(&input, folder.path("out.jsonl"), &keep);
    let out = records(&folder.read("out.jsonl"));
    assert_eq!((&out[0]["sku"], &out[0]["embedding"]), (&"a".into(), &serde_json::Value::Null));
    assert_eq!((&out[1]["text"], &out[1]["embedding"]), (&"耳机".into(), &serde_json::Value::Null));
    assert_eq!(out[2]["place"], "line 3");
    assert_eq!(embedding(&out[3]), expected(&["耳机".to_owned()]));
    let output = command(&input, folder.path("out.npy"), &keep).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("  1 vectors of") && report.contains("  3 bad rows are kept"), "{report}");
    assert_eq!(folder.read("out.ids.jsonl"), b"\"a\"\nnull\nnull\n\"d\"\n");

    let input = folder.write("in.tsv", "sku\ttitle\na\t耳机\n\t充电宝\nc\n");
    let table = ["--header", "--column", "title"];
    embed(&input, folder.path("out.jsonl"), &[&keep[..], &table].concat());
    let out = records(&folder.read("out.jsonl"));
    assert_eq!((&out[1]["title"], &out[1]["embedding"]), (&"充电宝".into(), &serde_json::Value::Null));
    assert_eq!(out[2]["place"], "line 4");
}

#[test]
fn a_first_row_that_cannot_be_read_is_named() {
    let folder = Folder::new("first");
    let input = folder.write("in.tsv", b"\xff\ta\n1\tb\n");
    let options = ["--column", "2", "--on-bad-row", "skip"];
    let errors = fails(&input, folder.path("out.npy"), &options, "INVALID_ARGUMENT");
    assert!(errors.contains("the first row, on line 1, is not UTF-8"), "{errors}");
    let input = folder.write("blank.csv", "\n\n");
    embed(&input, folder.path("blank.npy"), &["--column", "1"]);
    assert!(floats(npy(&folder.read("blank.npy")).1).is_empty());
}

#[test]
fn a_quote_that_is_not_closed_is_reported() {
    let folder = Folder::new("quote");
    let input = folder.write("in.csv", "a\n耳机\n\"充电宝\nx\ny\n");
    let errors = fails(&input, folder.path("out.npy"), &["--header"], "INVALID_ARGUMENT");
    assert!(errors.contains("lines 3 to 5 has a quoted cell that is not closed"), "{errors}");
}

#[test]
fn a_file_that_is_no_text_is_rejected() {
    let folder = Folder::new("binary");
    let input = folder.write("utf16.txt", b"\xff\xfe\x33\x80\x3a\x67\n\x00");
    let errors = fails(&input, folder.path("out.npy"), &["--on-bad-row", "stop"], "INVALID_ARGUMENT");
    assert!(errors.contains("is not UTF-8"), "{errors}");
    let input = folder.write("nul.txt", b"a\0b\n");
    let errors = fails(&input, folder.path("out.npy"), &["--on-bad-row", "skip"], "INVALID_ARGUMENT");
    assert!(errors.contains("NUL bytes"), "{errors}");
    let input = folder.write("long.txt", vec![b'x'; (16 << 20) + 1]);
    let errors = fails(&input, folder.path("out.npy"), &["--on-bad-row", "skip"], "INVALID_ARGUMENT");
    assert!(errors.contains("line 1 has more than 16777216 bytes"), "{errors}");
    assert_eq!(folder.names().iter().filter(|name| name.contains("out")).count(), 0);
}
