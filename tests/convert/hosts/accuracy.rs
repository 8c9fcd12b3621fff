//! Compares m3e-small in int8 and int4 with f32: the CLS vectors of 240 product titles.
//! `COROM_M3E_CHECKPOINT` is the folder of its checkpoint.

use std::path::Path;
use std::time::Instant;

use corom::config::Pooling;
use corom::encoder::Precision;
use corom::model::{LoadOptions, folder};

use super::from_environment;
use super::onnxruntime::{check, write_golden};
use crate::command::{Scratch, convert};
use crate::support::{cosine, fixtures};

fn titles() -> Vec<String> {
    let text = std::fs::read_to_string(fixtures().join("titles.txt")).unwrap();
    let titles: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(titles.len(), 240);
    titles
}

/// Returns the CLS vectors of a folder and the precision that it computes in.
fn rows(model: &Path, precision: Precision, titles: &[String]) -> (Vec<Vec<f32>>, &'static str) {
    let options = LoadOptions {
        pooling: Some(Pooling::Cls.into()),
        normalize: Some(false),
        precision,
        ..LoadOptions::default()
    };
    let mut embedder = folder::load(model, options).unwrap();
    let info = embedder.encoder().info();
    let (computed, kernel) = (info.precision, info.kernel);
    assert_eq!((info.fused, kernel), (true, "exact"));
    let all = embedder.embed(titles).unwrap();
    (all.chunks_exact(embedder.dimension()).map(<[f32]>::to_vec).collect(), computed)
}

#[test]
fn int8_and_int4_stay_close_to_f32_on_product_titles() {
    let Some(from) = from_environment("COROM_M3E_CHECKPOINT") else { return };
    let scratch = Scratch::new("accuracy");
    let titles = titles();
    let [f32, int8, int4] = ["f32", "int8", "int4"].map(|dtype| {
        let out = scratch.join(dtype);
        convert(Path::new(&from), &out, &["--dtype", dtype, "--pooling", "cls"]).expect_ok();
        out
    });
    let (exact, computed) = rows(&f32, Precision::F32, &titles);
    assert_eq!(computed, "f32");

    // The name, the folder, its precision, the minimum mean cosine and the minimum worst cosine.
    let cases = [
        ("int8 folder", &int8, "int8", 0.9997, 0.9993),
        ("f32 folder, quantized during loading", &f32, "int8", 0.9997, 0.9993),
        ("int4 folder", &int4, "int4", 0.980, 0.97),
    ];
    let mut failed = Vec::new();
    for (name, model, expected, min_mean, min_worst) in cases {
        let start = Instant::now();
        let (vectors, computed) = rows(model, Precision::Auto, &titles);
        assert_eq!(computed, expected, "{name}");
        let cosines: Vec<f64> = vectors.iter().zip(&exact).map(|(a, b)| cosine(a, b)).collect();
        let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let worst = cosines.iter().copied().fold(1.0, f64::min);
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{name}: CLS row of {} titles, cosine to f32: mean {mean:.6}, worst {worst:.6} ({seconds:.1} s)",
            titles.len()
        );
        // NaN must fail, so the comparison is negated.
        if !(mean >= min_mean && worst >= min_worst) {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "too far from f32: {failed:?}");

    if let Some(python) = from_environment("COROM_PYTHON") {
        let file = scratch.join("int4.json");
        write_golden(&int4, &titles[..24], &file);
        check(&python, &[(int4, file)], &["--same", "--min-cosine", "0.9999"]);
    }
}
