//! A run that is killed at any moment continues with `--resume`, and writes the same bytes.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Folder, command, embed, fails, titles};

const KILLS: usize = 50;
/// Kills of runs with columns.
#[cfg(feature = "columnar")]
const COLUMN_KILLS: usize = 24;
/// The files of an output that are compared.
type Files = Vec<(String, Vec<u8>)>;

fn files(folder: &Folder, stem: &str) -> Files {
    let begin = format!("{stem}.");
    let names = folder.names().into_iter().filter(|name| name.starts_with(&begin));
    names.map(|name| (name[stem.len()..].to_owned(), folder.read(&name))).collect()
}

/// Runs to the end, with a kill after a random part of `whole`, again and again. Returns the number of kills.
fn run_with_kills(
    folder: &Folder,
    input: &str,
    output: &str,
    options: &[&str],
    whole: Duration,
    seed: &mut u64,
) -> usize {
    for kills in 0.. {
        let mut child = command(folder.path(input), folder.path(output), &[options, &["--resume"]].concat())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        sleep(whole.mul_f64((*seed >> 33) as f64 / (1u64 << 31) as f64));
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "{status}");
            return kills;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The kill came after the last rename.
        if folder.path(output).exists() && !folder.path(&format!(".{output}.corom-journal")).exists() {
            return kills + 1;
        }
    }
    unreachable!()
}

/// An input, an output, and options.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Runs each case with kills, until there were `least`. The outputs have the bytes of a run without kills.
fn check_kills(folder: &Folder, cases: &[Case], least: usize) {
    let mut seed = 7;
    let mut kills = 0;
    for round in 0.. {
        let (input, extension, options) = cases[round % cases.len()];
        // Short texts take a fifth of the time.
        let options = &[options, &["--max-length", "8"]].concat()[..];
        let whole_path = folder.path(&format!("whole.{extension}"));
        let started = Instant::now();
        embed(folder.path(input), &whole_path, &[options, &["--force"]].concat());
        let whole = started.elapsed();
        let expected = files(folder, "whole");
        let output = format!("killed.{extension}");
        kills += run_with_kills(folder, input, &output, options, whole, &mut seed);
        assert!(
            expected == files(folder, "killed"),
            "{input} to {extension}: other bytes after {kills} kills"
        );
        for name in folder.names().iter().filter(|name| !name.starts_with("in.")) {
            assert!(!name.starts_with('.'), "{name} is left");
            fs::remove_file(folder.path(name)).unwrap();
        }
        if kills >= least && round + 1 >= cases.len() {
            return;
        }
    }
}

/// Writes a table of 600 titles, one of them with a bad row.
fn write_table(folder: &Folder) {
    let rows: String = titles(600).iter().enumerate().map(|(i, title)| format!("{i}\t{title}\n")).collect();
    folder.write("in.tsv", format!("sku\ttitle\n{}", rows.replace("77\t", "77")));
}

#[test]
fn a_run_that_is_killed_at_random_moments_writes_the_same_bytes() {
    let folder = Folder::new("kills");
    write_table(&folder);
    let table = &["--header", "--column", "title", "--id", "sku", "--window", "30", "--on-bad-row", "skip"];
    let int8 = &[
        "--header",
        "--column",
        "title",
        "--id",
        "sku",
        "--window",
        "30",
        "--on-bad-row",
        "skip",
        "--vectors",
        "int8",
    ];
    check_kills(&folder, &[("in.tsv", "npy", int8), ("in.tsv", "jsonl", table)], KILLS);
}

#[cfg(feature = "columnar")]
#[test]
fn a_run_with_columns_that_is_killed_writes_the_same_bytes() {
    let folder = Folder::new("columnar-kills");
    write_table(&folder);
    let table = ["--header", "--column", "title", "--id", "sku", "--on-bad-row", "keep", "--window", "100"];
    for name in ["in.parquet", "in.arrows"] {
        embed(folder.path("in.tsv"), folder.path(name), &table);
    }
    let columns =
        &["--column", "title", "--id", "sku", "--keep", "title", "--window", "30", "--on-bad-row", "skip"];
    let cases =
        [("in.parquet", "arrows"), ("in.arrows", "parquet"), ("in.parquet", "parquet"), ("in.arrows", "npy")];
    // An array of NumPy repeats no columns.
    let bare = &["--column", "title", "--id", "sku", "--window", "30", "--on-bad-row", "skip"];
    let cases = cases.map(|(from, to)| (from, to, if to == "npy" { &bare[..] } else { &columns[..] }));
    check_kills(&folder, &cases, COLUMN_KILLS);
}

/// Kills a run once its journal exists.
fn interrupted(folder: &Folder, options: &[&str]) {
    let out = folder.path("out.npy");
    let mut child = command(folder.path("in.txt"), &out, options).spawn().unwrap();
    let journal = folder.path(".out.npy.corom-journal");
    while !journal.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was killed");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn resume_needs_the_same_input_and_options() {
    let folder = Folder::new("resume");
    folder.write("in.txt", titles(4000).join("\n"));
    let (input, out) = (folder.path("in.txt"), folder.path("out.npy"));
    interrupted(&folder, &["--window", "20"]);
    assert!(!out.exists());
    let errors = fails(&input, &out, &["--window", "20"], "INVALID_ARGUMENT");
    assert!(errors.contains("--resume continues it, --force starts again"), "{errors}");
    let errors =
        fails(&input, &out, &["--resume", "--window", "20", "--max-length", "9"], "INVALID_ARGUMENT");
    assert!(errors.contains("begun with another --max-length: null then, 9 now"), "{errors}");
    let errors = fails(&input, &out, &["--resume", "--quality", "balanced"], "INVALID_ARGUMENT");
    assert!(errors.contains("balanced and a GPU choose their kernels by the machine"), "{errors}");
    fs::write(&input, titles(3999).join("\n")).unwrap();
    let errors = fails(&input, &out, &["--resume", "--window", "20"], "INVALID_ARGUMENT");
    assert!(errors.contains("begun with another size of IN"), "{errors}");
    embed(&input, &out, &["--force", "--window", "20"]);
    assert_eq!(folder.names(), ["in.txt", "out.ids.jsonl", "out.npy"]);
    let errors = fails(&input, &out, &["--resume", "--window", "20"], "INVALID_ARGUMENT");
    assert!(errors.contains("exists already"), "{errors}");
}

#[test]
fn a_run_that_stopped_at_a_bad_row_continues_with_another_choice() {
    let folder = Folder::new("continue");
    let mut lines = titles(100).into_iter().map(String::into_bytes).collect::<Vec<_>>();
    lines[90] = b"\xff".to_vec();
    let input = folder.write("in.txt", lines.join(&b'\n'));
    let errors = fails(&input, folder.path("out.npy"), &["--window", "20"], "INVALID_ARGUMENT");
    assert!(errors.contains("line 91 is not UTF-8") && errors.contains("--resume continues"), "{errors}");
    embed(&input, folder.path("out.npy"), &["--window", "20", "--resume", "--on-bad-row", "skip"]);
    embed(&input, folder.path("whole.npy"), &["--window", "20", "--on-bad-row", "skip"]);
    assert_eq!(folder.read("out.npy"), folder.read("whole.npy"));
    assert_eq!(folder.read("out.ids.jsonl"), folder.read("whole.ids.jsonl"));
}

#[test]
fn one_run_at_a_time_writes_a_file() {
    let folder = Folder::new("lock");
    folder.write("in.txt", titles(4000).join("\n"));
    let out = folder.path("out.npy");
    let mut first = command(folder.path("in.txt"), &out, &["--window", "20"]).spawn().unwrap();
    while !folder.path(".out.npy.corom-journal").exists() {
        assert!(first.try_wait().unwrap().is_none());
        sleep(Duration::from_millis(1));
    }
    let errors = fails(folder.path("in.txt"), &out, &["--window", "20", "--force"], "INVALID_ARGUMENT");
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(errors.contains("is being written by another run"), "{errors}");
}
