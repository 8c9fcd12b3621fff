//! Compares corom's vectors with those that tract computes from the ONNX file as tract-onnx reads it.
//!
//! corom's own reading and matching of the graph are not involved in the second computation. The tokenizer and
//! the pooling are the same.

use std::collections::BTreeMap;
use std::path::Path;

use corom::VectorRecipe;
use corom::config::{BertConfig, Pooling, PoolingChoice};
use corom::embedder::Embedder;
use corom::encoder::onnx::OnnxFile;
use corom::encoder::unfused::UnfusedEncoder;
use corom::encoder::{OutputPreference, Precision, guarded};
use corom::error::{Error, ErrorCode, Result};
use corom::model::{LoadOptions, Manifest, folder};
use corom::prompts::Prompts;
use corom::tokenizer::Tokenizer;

use crate::fail;

/// The texts of the self-test, and one that is longer.
const TEXTS: [&str; 4] = [
    "阔腿裤女冬牛仔",
    "iPhone 15 Pro 256GB",
    "",
    "2024新款高腰显瘦阔腿裤女冬季加绒加厚直筒牛仔长裤 wide-leg jeans, size 26-32, free shipping",
];

/// The lowest cosine similarity between two computations in f32.
const MIN_COSINE: f64 = 0.999_99;
/// The limit for a graph in f16, which tract computes in f16.
const MIN_COSINE_F16: f64 = 0.999;
/// The largest relative difference of two norms.
const MAX_NORM_ERROR: f64 = 1e-2;

/// The opinion of tract-onnx on a folder.
#[derive(Debug)]
pub(crate) enum Opinion {
    /// It computes the same vectors. The number is the lowest cosine similarity.
    Agrees(f64),
    /// It cannot compute them, for this reason.
    Missing(String),
}

impl Opinion {
    /// Returns the line that the command prints.
    pub(crate) fn line(&self) -> String {
        match self {
            Self::Agrees(cosine) => format!("second opinion: tract-onnx agrees, cosine {cosine:.7}"),
            Self::Missing(reason) => format!("no second opinion: {reason}"),
        }
    }
}

/// Compares the vectors of a folder.
///
/// # Errors
/// `SELF_TEST_FAILED` if tract-onnx computes other vectors; the errors of loading the folder.
pub(crate) fn of_folder(path: &Path, options: &LoadOptions) -> Result<Opinion> {
    let exact = LoadOptions { precision: Precision::F32, skip_self_test: true, ..options.clone() };
    let theirs = guarded(|| {
        let mut embedder = folder::load(path, LoadOptions { second_opinion: true, ..exact.clone() })?;
        Ok((vectors(&mut embedder)?, embedder.encoder().info().static_sequence))
    });
    let (theirs, static_sequence) = match theirs {
        Ok(theirs) => theirs,
        Err(e) => return Ok(Opinion::Missing(e.message().to_owned())),
    };
    // A graph with a fixed length cuts texts there. corom's plan may have no such limit.
    let fixed =
        |options: LoadOptions| LoadOptions { max_length: options.max_length.or(static_sequence), ..options };
    let mut embedder = folder::load(path, fixed(exact))?;
    let min_cosine = if embedder.encoder().info().dtype == "f16" { MIN_COSINE_F16 } else { MIN_COSINE };
    compare(&vectors(&mut embedder)?, &theirs, min_cosine).map(Opinion::Agrees)
}

/// Compares a folder with the export that tract-onnx read it from: hidden states by their mean, or the vectors of
/// a graph that pools by itself. `written` has f32 weights.
///
/// # Errors
/// `SELF_TEST_FAILED` if the vectors differ, and the errors of reading both.
pub(crate) fn of_export(export: &Path, onnx: &str, written: &Path) -> Result<f64> {
    let config = BertConfig::from_json(&read(&export.join("config.json"))?)?;
    let manifest = Manifest::from_json(&read(&written.join("corom.json"))?)?;
    let tokenizer = read(&written.join("tokenizer.json"))?;
    let (theirs, pooled) = guarded(|| {
        let onnx_path = export.join(onnx);
        let bytes = read(&onnx_path)?;
        let mut external = BTreeMap::new();
        let file = OnnxFile::parse(&bytes)?;
        drop(bytes);
        for file in file.external_files()? {
            external.insert(file.path.clone(), read(&onnx_path.with_file_name(&file.path))?);
        }
        let layers = Pooling::Mean.layers(config.num_hidden_layers);
        let preference = OutputPreference::HiddenFirst;
        let encoder = UnfusedEncoder::from_tract_onnx(file, external, &config, &layers, preference)?;
        let tokenizer = Tokenizer::from_json(&tokenizer, manifest.max_length, config.vocab_size)?;
        let encoder: Box<dyn corom::encoder::Encoder> = Box::new(encoder);
        let pooled = encoder.info().pooled;
        let normalize = pooled && manifest.normalize;
        let pooling = if pooled { PoolingChoice::Graph } else { Pooling::Mean.into() };
        let recipe = VectorRecipe::without_head(pooling, encoder.info().hidden_size, normalize);
        let mut embedder = Embedder::new(tokenizer, encoder, config.clone(), layers, recipe)?;
        Ok((vectors(&mut embedder)?, pooled))
    })?;
    let mut options =
        LoadOptions { precision: Precision::F32, skip_self_test: true, ..LoadOptions::default() };
    if !pooled {
        (options.pooling, options.normalize) = (Some(Pooling::Mean.into()), Some(false));
        options.ignore_head = true;
    }
    let mut embedder = folder::load(written, options)?;
    embedder.set_prompts(Prompts::default());
    let own = vectors(&mut embedder)?;
    compare(&own, &theirs, MIN_COSINE)
}

/// Returns the vector of each text, embedded alone.
fn vectors(embedder: &mut Embedder) -> Result<Vec<Vec<f32>>> {
    TEXTS.iter().map(|text| embedder.embed(&[text])).collect()
}

/// Returns the lowest cosine similarity of two vectors of the same text.
///
/// # Errors
/// `SELF_TEST_FAILED` if it is lower than `min_cosine`, or two norms differ.
fn compare(own: &[Vec<f32>], theirs: &[Vec<f32>], min_cosine: f64) -> Result<f64> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let mut worst = 1.0f64;
    for (text, (a, b)) in TEXTS.iter().zip(own.iter().zip(theirs)) {
        let (a_norm, b_norm) = (dot(a, a).sqrt(), dot(b, b).sqrt());
        let cosine = dot(a, b) / (a_norm * b_norm);
        let same_norm = (a_norm - b_norm).abs() <= MAX_NORM_ERROR * b_norm;
        // A NaN is not near anything.
        let near = a.len() == b.len() && cosine >= min_cosine && same_norm;
        if !near {
            fail!(
                SelfTestFailed,
                "tract-onnx computes other vectors from this graph than corom: for the text \"{text}\" the cosine \
                 similarity is {cosine:.6}, expected at least {min_cosine}, and the norms are {a_norm:.4} and {b_norm:.4}. \
                 Please report the model"
            );
        }
        worst = worst.min(cosine);
    }
    Ok(worst)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let message = format!("{} cannot be read: {e}", path.display());
        Error::with_source(ErrorCode::FetchFailed, message, e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compare_accepts_rounding_and_rejects_other_vectors() {
        let own: Vec<Vec<f32>> = (0..4u8).map(|i| vec![1.0, f32::from(i), -2.0]).collect();
        assert!(compare(&own, &own, MIN_COSINE).unwrap() > 0.999_999);
        let with = |at: usize, x: f32| {
            let mut theirs = own.clone();
            theirs[3][at] = x;
            compare(&own, &theirs, MIN_COSINE)
        };
        assert!(with(0, 1.000_01).is_ok());
        for (at, x) in [(0, 1.1), (2, 2.0), (1, f32::NAN)] {
            assert_eq!(with(at, x).unwrap_err().code(), ErrorCode::SelfTestFailed, "{x}");
        }
        let longer: Vec<Vec<f32>> = own.iter().map(|v| v.iter().map(|x| x * 1.02).collect()).collect();
        assert_eq!(compare(&own, &longer, MIN_COSINE).unwrap_err().code(), ErrorCode::SelfTestFailed);
    }
}
