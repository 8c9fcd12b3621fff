//! Parquet files and Arrow streams of pyarrow, and pyarrow's reading of ours: `tests/python/check_columnar.py`.

use std::env;
use std::process::Command;

use crate::{Folder, MODEL, titles};

/// Runs a check of the script. Without pyarrow nothing is checked, except in CI, where that is a failure.
fn check(name: &str) {
    let Some(python) = env::var_os("COROM_PYTHON") else {
        assert!(env::var_os("CI").is_none(), "COROM_PYTHON is not set; `./build.sh test hosts` sets it");
        eprintln!("not run: COROM_PYTHON is not set; `./build.sh test hosts` sets it");
        return;
    };
    let folder = Folder::new(&format!("pyarrow-{name}"));
    folder.write("titles.txt", titles(120).join("\n"));
    let output = Command::new(python)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tests/python/check_columnar.py", name, env!("CARGO_BIN_EXE_corom"), MODEL])
        .arg(folder.path(""))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.ends_with("checked\n"), "{text}");
}

#[test]
fn pyarrow_reads_the_vectors_of_the_text_formats() {
    check("vectors");
}

#[test]
fn every_type_of_text_and_id_is_read() {
    check("types");
}

#[test]
fn every_compression_is_read() {
    check("compressions");
}

#[test]
fn other_columns_are_kept_as_they_are() {
    check("others");
}

#[test]
fn bad_values_are_bad_rows() {
    check("bad");
}

#[test]
fn memory_does_not_depend_on_the_rows() {
    check("memory");
}
