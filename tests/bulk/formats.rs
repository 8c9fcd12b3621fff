//! Every input and output gives the library's vectors, in the order of the input.

use std::io::Write;
use std::process::Stdio;

use crate::{Folder, MODEL, command, embed, embedding, expected, fails, floats, npy, records, titles};

#[test]
fn embed_gives_the_vectors_of_the_library_for_every_text_format() {
    let folder = Folder::new("inputs");
    let texts = titles(300);
    let vectors = expected(&texts);
    let dimension = vectors.len() / texts.len();
    let join = |row: &dyn Fn(usize, &str) -> String| -> String {
        texts.iter().enumerate().map(|(i, text)| row(i, text)).collect()
    };
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let inputs = [
        ("a.txt", join(&|_, text| format!("{text}\n")), vec![]),
        ("a.tsv", join(&|i, text| format!("id{i}\t{text}\r\n")), vec!["--column", "2", "--id", "1"]),
        (
            "b.tsv",
            format!("\u{feff}sku\ttitle\n{}", join(&|i, text| format!("id{i}\t{text}\n"))),
            vec!["--header", "--column", "title", "--id", "sku"],
        ),
        (
            "a.csv",
            format!("sku,title\n{}", join(&|i, text| format!("id{i},{}\n", quoted(text)))),
            vec!["--header", "--column", "title", "--id", "sku"],
        ),
        (
            "a.jsonl",
            join(&|i, text| format!("{}\n\n", serde_json::json!({ "sku": format!("id{i}"), "title": text }))),
            vec!["--field", "title", "--id", "sku"],
        ),
    ];
    for (name, content, options) in inputs {
        let input = folder.write(name, content.trim_end_matches('\n'));
        let output = folder.path(&format!("{name}.npy"));
        embed(&input, &output, &[&options[..], &["--window", "64"]].concat());
        let bytes = folder.read(&format!("{name}.npy"));
        let (header, data) = npy(&bytes);
        assert!(header.contains("'descr': '<f4'"), "{header}");
        assert!(header.contains(&format!("'shape': (300, {dimension})")), "{header}");
        assert_eq!(floats(data), vectors, "{name}");
        let ids = String::from_utf8(folder.read(&format!("{name}.ids.jsonl"))).unwrap();
        let id = |i: usize| if options.contains(&"--id") { format!("\"id{i}\"") } else { i.to_string() };
        assert_eq!(ids, (0..300).map(|i| id(i) + "\n").collect::<String>(), "{name}");

        let output = folder.path(&format!("{name}.jsonl"));
        if name != "a.jsonl" {
            embed(&input, &output, &options);
            let records = records(&folder.read(&format!("{name}.jsonl")));
            assert_eq!(records.len(), 300);
            for (i, record) in records.iter().enumerate() {
                assert_eq!(embedding(record), vectors[i * dimension..][..dimension], "{name} {i}");
                let text = if options.contains(&"--header") { "title" } else { "text" };
                assert_eq!(record[text], texts[i].as_str());
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_threads_or_window() {
    let folder = Folder::new("threads");
    let input = folder.write("in.txt", titles(200).join("\n"));
    let mut outputs = Vec::new();
    for (threads, window) in [("1", "200"), ("2", "33"), ("3", "1")] {
        let name = format!("{threads}.npy");
        let options = ["--window", window, "--threads", threads];
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_corom"));
        command.arg("embed").arg(&input).arg(folder.path(&name)).args(["-m", MODEL]).args(options);
        assert!(command.output().unwrap().status.success());
        outputs.push(folder.read(&name));
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn csv_cells_may_have_commas_quotes_and_line_ends() {
    let folder = Folder::new("csv");
    let text = "阔腿裤, \"大码\"\r\n高腰";
    let input = folder.write("in.csv", "id,title\n1,\"阔腿裤, \"\"大码\"\"\r\n高腰\"\n2,5\" 屏\n");
    embed(&input, folder.path("out.jsonl"), &["--header", "--column", "title"]);
    let records = records(&folder.read("out.jsonl"));
    assert_eq!(records[0]["title"], text);
    assert_eq!(records[1]["title"], "5\" 屏");
    assert_eq!(embedding(&records[0]), expected(&[text.to_owned()]));
}

#[test]
fn a_json_record_keeps_its_fields_as_they_are() {
    let folder = Folder::new("json");
    let input = folder.write("in.jsonl", r#" {"z":1.10,"text":"耳机","big":123456789012345678901} "#);
    embed(&input, folder.path("out.jsonl"), &[]);
    let line = String::from_utf8(folder.read("out.jsonl")).unwrap();
    assert!(
        line.starts_with(r#"{"z":1.10,"text":"耳机","big":123456789012345678901,"embedding":["#),
        "{line}"
    );
    let again = fails(folder.path("out.jsonl"), folder.path("again.jsonl"), &[], "INVALID_ARGUMENT");
    assert!(again.contains("line 1 has a field `embedding` already"), "{again}");
}

#[test]
fn the_last_column_may_have_tabs() {
    let folder = Folder::new("tabs");
    let input = folder.write("in.tsv", "1\t西装\t外套\n2\t充电宝\n");
    embed(&input, folder.path("out.jsonl"), &["--columns", "2", "--column", "2", "--id", "1"]);
    let records = records(&folder.read("out.jsonl"));
    assert_eq!((&records[0]["text"], &records[0]["id"]), (&"西装\t外套".into(), &"1".into()));
    let errors = fails(folder.path("in.tsv"), folder.path("x.npy"), &["--column", "2"], "INVALID_ARGUMENT");
    assert!(errors.contains("line 2 has 2 columns, but the first row has 3"), "{errors}");
}

#[test]
fn f16_and_int8_vectors_are_those_of_f32_rounded() {
    let folder = Folder::new("types");
    let texts = titles(40);
    let vectors = expected(&texts);
    let dimension = vectors.len() / texts.len();
    let input = folder.write("in.txt", texts.join("\n"));
    for vector_type in ["f16", "int8"] {
        embed(&input, folder.path(&format!("{vector_type}.npy")), &["--vectors", vector_type]);
        embed(&input, folder.path(&format!("{vector_type}.jsonl")), &["--vectors", vector_type]);
    }
    let bytes = folder.read("f16.npy");
    let (header, data) = npy(&bytes);
    assert!(header.contains("'<f2'"), "{header}");
    let halves: Vec<f32> =
        data.chunks_exact(2).map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32()).collect();
    assert_eq!(halves, vectors.iter().map(|x| half::f16::from_f32(*x).to_f32()).collect::<Vec<_>>());
    let from_json: Vec<f32> = records(&folder.read("f16.jsonl")).iter().flat_map(embedding).collect();
    assert_eq!(from_json, halves);

    let bytes = folder.read("int8.npy");
    let (header, data) = npy(&bytes);
    assert!(header.contains("'|i1'"), "{header}");
    let scales = folder.read("int8.scales.npy");
    let (header, scales) = npy(&scales);
    assert!(header.contains("'shape': (40,)"), "{header}");
    let scales = floats(scales);
    for (i, x) in vectors.iter().enumerate() {
        let scale = scales[i / dimension];
        assert!((f32::from(data[i] as i8) * scale - x).abs() <= scale * 0.5001, "{i}");
    }
    for (i, record) in records(&folder.read("int8.jsonl")).iter().enumerate() {
        assert_eq!(record["scale"].as_f64().unwrap() as f32, scales[i]);
        let row = data[i * dimension..][..dimension].iter().map(|x| f32::from(*x as i8));
        assert_eq!(embedding(record), row.collect::<Vec<_>>());
    }
}

#[test]
fn standard_input_and_output_are_dashes() {
    let mut child = command("-", "-", &["--input", "txt", "--output", "jsonl", "--window", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all("耳机\n\n充电宝\n".as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let records = records(&output.stdout);
    let texts = ["耳机", "", "充电宝"].map(str::to_owned);
    assert_eq!(records.iter().flat_map(embedding).collect::<Vec<_>>(), expected(&texts));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1 texts are empty"));
    let errors = fails("-", "-", &[], "INVALID_ARGUMENT");
    assert!(errors.contains("the format of standard input is not known"), "{errors}");
    fails("-", "-", &["--input", "txt", "--output", "npy"], "INVALID_ARGUMENT");
    fails("-", "x.npy", &["--input", "txt", "--resume"], "INVALID_ARGUMENT");
}

/// 800 MB of cells pass through a process that may have 640 MiB of address space; its threads alone reserve 250.
#[test]
fn memory_does_not_depend_on_the_input() {
    const CELL_BYTES: usize = 100_000;
    let folder = Folder::new("memory");
    let plain = command("-", folder.path("out.npy"), &["--input", "tsv", "--column", "1"]);
    let mut child = std::process::Command::new("sh");
    child.args(["-c", "ulimit -v 655360; exec \"$@\"", "sh"]).arg(plain.get_program()).args(plain.get_args());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let row = format!("耳机\t{}\n", "x".repeat(CELL_BYTES));
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..8000 {
        stdin.write_all(row.as_bytes()).unwrap();
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(npy(&folder.read("out.npy")).0.contains("'shape': (8000, "));
}

#[test]
fn an_empty_file_has_no_rows() {
    let folder = Folder::new("empty");
    for name in ["in.txt", "in.tsv", "in.csv", "in.jsonl"] {
        let input = folder.write(name, "");
        embed(&input, folder.path("out.npy"), &["--force"]);
        let bytes = folder.read("out.npy");
        assert!(npy(&bytes).0.contains("'shape': (0, "), "{name}");
        assert!(npy(&bytes).1.is_empty());
    }
}

#[test]
fn wrong_columns_are_named() {
    let folder = Folder::new("columns");
    let input = folder.write("in.tsv", "sku\ttitle\ttitle\n1\ta\tb\n");
    let out = folder.path("out.npy");
    for (options, message) in [
        (&[][..], "it has 3 columns; choose the one with the texts: --column 1 to 3"),
        (&["--column", "4"], "got 4, but the first row"),
        (&["--column", "sku"], "with --header, a column can be chosen by its name"),
        (&["--header", "--column", "name"], "the header has sku, title, title"),
        (&["--header", "--column", "title"], "`title` twice"),
        (&["--column", "2", "--field", "x"], "--field is for JSONL"),
    ] {
        let errors = fails(&input, &out, options, "INVALID_ARGUMENT");
        assert!(errors.contains(message), "{errors}");
    }
    fails(folder.path("missing.tsv"), &out, &[], "MISSING_FILE");
    assert_eq!(folder.names(), ["in.tsv"]);
}

#[test]
fn an_output_does_not_replace_the_input() {
    let folder = Folder::new("same");
    let ids = folder.write("a.ids.jsonl", "\"耳机\"\n");
    let dotted = folder.path(".").join("a.ids.jsonl");
    for (from, to, message) in [
        (&ids, &dotted, "IN and OUT are the same file"),
        (&ids, &folder.path("a.npy"), "a.ids.jsonl would replace IN"),
    ] {
        let errors = fails(from, to, &["--force"], "INVALID_ARGUMENT");
        assert!(errors.contains(message), "{errors}");
    }
    assert_eq!(folder.read("a.ids.jsonl"), "\"耳机\"\n".as_bytes());
    let scales = folder.write("b.scales.npy", "\"耳机\"\n");
    let options = ["--force", "--input", "jsonl", "--vectors", "int8"];
    let errors = fails(&scales, folder.path("b.npy"), &options, "INVALID_ARGUMENT");
    assert!(errors.contains("b.scales.npy would replace IN"), "{errors}");
}
