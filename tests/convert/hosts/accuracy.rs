//! Compares real models in int8 and int4 with f32: vectors of product titles and of odd texts, by kernel. Prints
//! the accuracy table of `docs/background/performance.md`.
//!
//! `COROM_M3E_CHECKPOINT` and `COROM_MINILM_CHECKPOINT` are the folders of the checkpoints. `COROM_MINILM_EXPORTS`
//! is the folder that `tests/python/export_minilm.py` writes. Every third text is measured; with `COROM_ALL_TEXTS`,
//! which `./build.sh release` sets, every text.

use std::path::{Path, PathBuf};
use std::time::Instant;

use corom::config::{Pooling, PoolingChoice};
use corom::encoder::cpu::kernels::linear::Kernel;
use corom::encoder::{KernelChoice, Precision};
use corom::model::{LoadOptions, folder};
use serde_json::Value;

use super::from_environment;
use super::onnxruntime::{check, write_golden};
use crate::command::{Scratch, convert};
use crate::support::{cosine, fixtures, golden};

/// The lowest mean and the lowest single cosine to f32 that a table row may have.
type Bars = (f64, f64);

struct Row {
    name: &'static str,
    folder: PathBuf,
    kernel: Kernel,
    precision: &'static str,
    bars: Bars,
    /// The number of texts, from the first one on.
    texts: usize,
}

fn lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(fixtures().join(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Returns the odd texts and the titles of `english.json`.
fn english() -> Vec<String> {
    let json = std::fs::read(fixtures().join("english.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    let list = |name: &str| {
        json[name]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (odd, titles) = (list("odd"), list("titles"));
    assert!(odd.len() >= 20 && odd.contains(&String::new()) && titles.len() >= 100);
    [odd, titles].concat()
}

fn embed(model: &Path, options: LoadOptions, texts: &[String]) -> (Vec<Vec<f32>>, &'static str) {
    let mut embedder = folder::load(model, options).unwrap();
    let precision = embedder.encoder().info().precision;
    let vectors = embedder.embed(texts).unwrap();
    (vectors.chunks_exact(embedder.dimension()).map(<[f32]>::to_vec).collect(), precision)
}

fn measures_all() -> bool {
    std::env::var_os("COROM_ALL_TEXTS").is_some()
}

/// Returns the texts that are measured: the suite takes minutes in the dev profile with all of them.
fn sample(texts: &[String]) -> Vec<String> {
    texts.iter().step_by(if measures_all() { 1 } else { 3 }).cloned().collect()
}

/// Returns the lowest mean of the texts that are measured. The mean error of a sample may be a fifth more than that of
/// all texts.
fn lowest_mean(of_all: f64) -> f64 {
    if measures_all() { of_all } else { 1.0 - 1.2 * (1.0 - of_all) }
}

/// Prints the cosines of each row to the vectors of the folder `f32`, and checks the bars.
fn measure(model: &str, f32: &Path, texts: &[String], pooling: Option<PoolingChoice>, rows: Vec<Row>) {
    let texts = &sample(texts)[..];
    let normalize = Some(false);
    let options = LoadOptions {
        precision: Precision::F32,
        pooling: pooling.clone(),
        normalize,
        ..LoadOptions::default()
    };
    let (exact, precision) = embed(f32, options, texts);
    assert_eq!(precision, "f32");
    let mut failed = Vec::new();
    for Row { name, folder, kernel, precision: expected, bars: (min_mean, min_worst), texts: count } in rows {
        let texts = &texts[..count.min(texts.len())];
        let start = Instant::now();
        let kernel = KernelChoice::Fixed(kernel);
        let options = LoadOptions { kernel, pooling: pooling.clone(), normalize, ..LoadOptions::default() };
        let (vectors, precision) = embed(&folder, options, texts);
        assert_eq!(precision, expected, "{name}");
        let cosines: Vec<f64> = vectors.iter().zip(&exact).map(|(a, b)| cosine(a, b)).collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let mut sorted: Vec<(f64, &str)> =
            cosines.into_iter().zip(texts.iter().map(String::as_str)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (worst, text) = sorted[0];
        println!(
            "| {model} | {name} | {mean:.5} | {:.5} | {worst:.5} ({:.12}) | {:.1} s",
            sorted[sorted.len() / 2].0,
            format!("{text:?}"),
            start.elapsed().as_secs_f64()
        );
        // NaN must fail, so the comparison is negated.
        if !(mean >= lowest_mean(min_mean) && worst >= min_worst) {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{model}: too far from f32: {failed:?}");
}

fn converted(scratch: &Scratch, from: &Path, dtypes: &[&str], more: &[&str]) -> Vec<PathBuf> {
    let one = |dtype: &&str| {
        let out = scratch.join(dtype);
        println!("{}", convert(from, &out, &[&["--dtype", dtype], more].concat()).expect_ok().stdout);
        out
    };
    dtypes.iter().map(one).collect()
}

/// The texts with which an f32 folder is measured that is quantized during loading: its weights are almost those
/// of the int8 folder.
const FEW: usize = 60;

/// Rows for an int8 folder and for an f32 folder that is quantized during loading, with both groups of kernels.
fn int8_rows(f32: &Path, int8: &Path, exact: Bars, relaxed: Bars) -> Vec<Row> {
    let row = |name, folder: &Path, kernel, bars, texts| Row {
        name,
        folder: folder.to_owned(),
        kernel,
        precision: "int8",
        bars,
        texts,
    };
    vec![
        row("int8 folder, exact", int8, Kernel::Exact, exact, usize::MAX),
        row("int8 folder, relaxed", int8, Kernel::RelaxedI16, relaxed, usize::MAX),
        row("f32 folder in int8, exact", f32, Kernel::Exact, (0.999, exact.1), FEW),
        row("f32 folder in int8, relaxed", f32, Kernel::RelaxedI16, (0.998, relaxed.1), FEW),
    ]
}

#[test]
fn minilm_in_int8_stays_close_to_f32_on_titles_and_odd_texts() {
    let Some(from) = from_environment("COROM_MINILM_CHECKPOINT") else { return };
    let scratch = Scratch::new("accuracy-minilm");
    let folders = converted(&scratch, Path::new(&from), &["f32", "int8"], &[]);
    let [f32, int8] = &folders[..] else { panic!() };
    let rows = int8_rows(f32, int8, (0.9995, 0.9985), (0.9988, 0.996));
    measure("all-MiniLM-L6-v2", f32, &english(), None, rows);

    if let Some(python) = from_environment("COROM_PYTHON") {
        let file = scratch.join("int8.json");
        write_golden(int8, &english()[..24], &file);
        check(&python, &[(int8.clone(), file)], &["--same", "--min-cosine", "0.9999"]);
    }
}

/// 8-bit exports of onnxruntime's quantizer have the error of its weights, which corom cannot undo.
#[test]
fn minilm_as_an_8_bit_export_is_as_close_to_f32_as_its_weights() {
    let Some(from) = from_environment("COROM_MINILM_EXPORTS") else { return };
    let from = Path::new(&from);
    let row = |name, bars| Row {
        name,
        folder: from.join(name),
        kernel: Kernel::Exact,
        precision: "int8",
        bars,
        texts: usize::MAX,
    };
    let rows = vec![
        row("float", (0.9995, 0.9985)),
        row("int8-channel", (0.997, 0.955)),
        row("uint8", (0.985, 0.92)),
        row("int8", (0.96, 0.84)),
    ];
    measure("all-MiniLM-L6-v2", &from.join("float"), &english(), None, rows);
}

#[test]
fn m3e_small_in_int8_stays_close_to_f32_on_titles_and_odd_texts() {
    let Some(from) = from_environment("COROM_M3E_CHECKPOINT") else { return };
    let scratch = Scratch::new("accuracy-m3e");
    let folders = converted(&scratch, Path::new(&from), &["f32", "int8"], &["--pooling", "mean"]);
    let [f32, int8] = &folders[..] else { panic!() };
    let mut texts = golden(&fixtures().join("m3e-small")).texts;
    texts.extend(lines("m3e-small/catalog.txt").into_iter().take(70));
    let rows = int8_rows(f32, int8, (0.9999, 0.9996), (0.9997, 0.9985));
    measure("m3e-small", f32, &texts, None, rows);
}

#[test]
fn int8_and_int4_stay_close_to_f32_in_the_cls_row_of_product_titles() {
    let Some(from) = from_environment("COROM_M3E_CHECKPOINT") else { return };
    let scratch = Scratch::new("accuracy");
    let titles = lines("titles.txt");
    assert_eq!(titles.len(), 240);
    let folders = converted(&scratch, Path::new(&from), &["f32", "int8", "int4"], &["--pooling", "cls"]);
    let [f32, int8, int4] = &folders[..] else { panic!() };
    let mut rows = int8_rows(f32, int8, (0.9998, 0.9994), (0.0, 0.0));
    rows.retain(|row| row.kernel == Kernel::Exact);
    let (folder, kernel, texts) = (int4.clone(), Kernel::Exact, usize::MAX);
    rows.push(Row {
        name: "int4 folder, exact",
        folder,
        kernel,
        precision: "int4",
        bars: (0.980, 0.97),
        texts,
    });
    measure("m3e-small, CLS row", f32, &titles, Some(Pooling::Cls.into()), rows);

    if let Some(python) = from_environment("COROM_PYTHON") {
        let file = scratch.join("int4.json");
        write_golden(int4, &titles[..24], &file);
        check(&python, &[(int4.clone(), file)], &["--same", "--min-cosine", "0.9999"]);
    }
}
