//! Items from tables.

#[cfg(feature = "columnar")]
use std::{fs, process::Command};

use serde_json::json;

#[cfg(feature = "columnar")]
use super::MODEL;
use super::{Folder, ITEMS, SCHEMA, fails, succeeds};

#[test]
fn a_table_gives_the_catalog_of_its_records() {
    let folder = Folder::new("tables");
    let (schema, jsonl) = (folder.write("schema.json", SCHEMA), folder.write("items.jsonl", ITEMS));
    let tsv = "id\ttitle\tbrand\tprice\tshop\tstock\ttags\turl\r\n\
        a\t阔腿裤女冬牛仔\tNike\t99.5\t东店\ttrue\t新款|冬\t/a\r\nb\t經典款長褲\t\t150\t西店\tfalse\t\t\r\n\
        3\t美孚机油 5W-40\tMobil\t300\t\t\t\t\r\n";
    let csv = "\u{feff}id,title,brand,price,shop,stock,tags,url\n\
        a,\"阔腿裤女冬牛仔\",Nike,99.5,东店,true,新款|冬,/a\nb,經典款長褲,,150,西店,false,,\n\
        3,美孚机油 5W-40,Mobil,300,,,,\n";
    let (tsv, csv) = (folder.write("items.tsv", tsv), folder.write("items.csv", csv));
    let export = |items: &str, name: &str| {
        let catalog = folder.path(name);
        succeeds(&["build", items, &catalog, "--schema", &schema]);
        succeeds(&["export", &catalog])
    };
    let expected = export(&jsonl, "of-jsonl");
    // A table stores an empty cell as an empty text.
    let plain = |text: String| text.replace(",\"url\":\"\"", "");
    assert_eq!(plain(export(&tsv, "of-tsv")), expected);
    assert_eq!(plain(export(&csv, "of-csv")), expected);
}

#[test]
fn a_cell_of_another_kind_is_an_error_with_its_line() {
    let folder = Folder::new("cells");
    let schema = folder.write("schema.json", SCHEMA);
    let build = |table: &str, parts: &[&str]| {
        let table = folder.write("items.tsv", table);
        fails(&["build", &table, &folder.path("catalog"), "--schema", &schema], "INVALID_ARGUMENT", parts);
    };
    build("id\tprice\na\t1\nb\tcheap", &["line 3", "price", "\"cheap\"", "expected a number"]);
    build("id\tprice\na\tNaN", &["line 2", "price", "expected a number"]);
    build("id\tstock\na\tyes", &["line 2", "stock", "\"yes\"", "true or false"]);
    build("id\ttitle\ttitle\na\tx\ty", &["\"title\" twice"]);
    build("id\ttitle\na", &["line 2", "1 column"]);
    let unknown = folder.write("items.xlsx", "");
    fails(
        &["build", &unknown, &folder.path("c"), "--schema", &schema],
        "INVALID_ARGUMENT",
        &[".jsonl", ".tsv"],
    );
    for (schema, parts) in [
        (json!({ "fields": [] }), &["0 fields"][..]),
        (json!({ "fields": [{ "name": "id", "weight": 1 }] }), &["\"id\"", "reserved"]),
        (json!({ "fields": [{ "name": "t", "weight": -1 }] }), &["weight -1"]),
        (json!({ "fields": [{ "name": "t", "weight": 1 }], "feilds": 1 }), &["feilds"]),
    ] {
        let schema = folder.write("bad.json", &schema.to_string());
        let items = folder.write("items.jsonl", "{\"id\":\"a\"}");
        fails(&["build", &items, &folder.path("d"), "--schema", &schema], "INVALID_ARGUMENT", parts);
    }
}

#[cfg(feature = "columnar")]
#[test]
fn columns_are_read_with_their_vectors() {
    let folder = Folder::new("columns");
    let items = folder
        .write("items.jsonl", "{\"id\":\"a\",\"title\":\"阔腿裤\"}\n{\"id\":\"b\",\"title\":\"丝绸围巾\"}\n");
    let schema = json!({
        "fields": [{ "name": "title", "weight": 1 }],
        "vectors": { "dimension": 64, "metric": "cosine", "text": { "field": "title", "prompt": "" } }
    });
    let schema = folder.write("schema.json", &schema.to_string());
    let built = |source: &str, name: &str| {
        let catalog = folder.path(name);
        succeeds(&["build", source, &catalog, "--schema", &schema]);
        fs::read(
            fs::read_dir(catalog)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| path.extension().is_some_and(|end| end == "catalog"))
                .unwrap(),
        )
        .unwrap()
    };
    let embed = |source: &str, out: &str, options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
        let output = command.args(["embed", source, out, "-m", MODEL]).args(options).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let records = folder.path("embedded.jsonl");
    embed(&items, &records, &["--field", "title"]);
    let expected = built(&records, "records");
    let table = folder.write("items.tsv", "id\ttitle\na\t阔腿裤\nb\t丝绸围巾\n");
    for (name, out) in [("embedded.parquet", "parquet"), ("embedded.arrows", "arrow")] {
        let columns = folder.path(name);
        embed(&table, &columns, &["--header", "--column", "title", "--id", "id"]);
        assert!(built(&columns, out) == expected, "{name}");
        fails(
            &[
                "build",
                &columns,
                &folder.path("x"),
                "--schema",
                &folder.write("plain.json", r#"{"fields":[{"name":"title","weight":1}]}"#),
            ],
            "INVALID_ARGUMENT",
            &[name, "row 0", "embedding"],
        );
    }
}
