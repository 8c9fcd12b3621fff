//! The exports under `tests/fixtures` with their golden vectors, and encoders loaded from them.

#![allow(dead_code, reason = "each test binary uses its own part")]

mod generated;
pub mod mutate;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use corom::batch::Batch;
use corom::config::{BertConfig, Pooling};
use corom::encoder::onnx::external_files;
use corom::encoder::unfused::UnfusedEncoder;
use corom::encoder::{Encoder, EncoderOutput};
use corom::encoder::{EncoderLoader, EncoderOptions};
use corom::error::Result;
use serde_json::Value;

/// Returns the folder of all fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns every export, those without weights in the repository included.
pub fn exports() -> Vec<Fixture> {
    folders("exports").into_iter().chain(folders("generated")).collect()
}

/// Returns the folders of `tests/fixtures/<kind>`, sorted by name.
pub fn folders(kind: &str) -> Vec<Fixture> {
    let root = fixtures().join(kind);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display()));
    let mut folders: Vec<Fixture> = entries
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .map(|path| Fixture { name: path.file_name().unwrap().to_string_lossy().into_owned(), path })
        .collect();
    folders.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!folders.is_empty(), "no fixtures in {}", root.display());
    folders
}

/// A model folder.
pub struct Fixture {
    pub name: String,
    pub path: PathBuf,
}

impl Fixture {
    pub fn export(name: &str) -> Self {
        Self { name: name.to_owned(), path: fixtures().join("exports").join(name) }
    }

    pub fn json(&self, file: &str) -> Value {
        let bytes =
            std::fs::read(self.path.join(file)).unwrap_or_else(|e| panic!("{}/{file}: {e}", self.name));
        serde_json::from_slice(&bytes).unwrap()
    }

    pub fn config(&self) -> Result<BertConfig> {
        BertConfig::from_json(&std::fs::read(self.path.join("config.json")).unwrap())
    }

    /// Returns the path of the ONNX file: `model.onnx` or `onnx/model….onnx`.
    pub fn onnx(&self) -> PathBuf {
        for folder in [self.path.clone(), self.path.join("onnx")] {
            let Ok(entries) = std::fs::read_dir(folder) else { continue };
            let mut files = entries.map(|e| e.unwrap().path());
            if let Some(file) = files.find(|p| p.extension().is_some_and(|e| e == "onnx")) {
                return file;
            }
        }
        panic!("{} has no ONNX file", self.name)
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.onnx()).unwrap()
    }

    /// Returns the files of external data, by path. Files that do not exist are left out.
    pub fn external(&self) -> Result<BTreeMap<String, Vec<u8>>> {
        let onnx = self.onnx();
        let mut files: BTreeMap<_, _> = generated::external_data(&self.path).into_iter().collect();
        for file in external_files(&std::fs::read(&onnx).unwrap())? {
            if let Ok(bytes) = std::fs::read(onnx.with_file_name(&file.path)) {
                files.insert(file.path, bytes);
            }
        }
        Ok(files)
    }

    /// Loads the graph as it is, run by tract.
    pub fn load(&self, pooling: Pooling) -> Result<UnfusedEncoder> {
        let config = self.config()?;
        let layers = pooling.layers(config.num_hidden_layers);
        UnfusedEncoder::load(&self.bytes(), self.external()?, &config, &layers)
    }

    /// Loads the encoder as the package does. The files of external data arrive in chunks.
    pub fn load_fused(&self, pooling: Pooling, options: EncoderOptions) -> Result<Box<dyn Encoder>> {
        let config = self.config()?;
        let layers = pooling.layers(config.num_hidden_layers);
        let mut loader = EncoderLoader::new(&self.bytes(), &config, EncoderOptions { layers, ..options })?;
        for (path, bytes) in self.external()? {
            loader.begin(&path);
            let mut offset = 0;
            for chunk in bytes.chunks(1000) {
                loader.write(&path, offset, chunk)?;
                offset += chunk.len() as u64;
            }
            loader.end(&path)?;
        }
        loader.finish()
    }
}

/// Token ids and token types of one text.
#[derive(Debug, Clone)]
pub struct Text {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
}

/// The contents of `golden.json`: texts as token ids, and their vectors by pooling.
pub struct Golden {
    pub texts: Vec<Text>,
    pub vectors: BTreeMap<String, Vec<Vec<f32>>>,
    pub tolerance: f32,
}

impl Golden {
    pub fn of(fixture: &Fixture) -> Self {
        let json = fixture.json("golden.json");
        let integers = |v: &Value| -> Vec<u32> {
            v.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u32).collect()
        };
        let texts = json["input_ids"].as_array().unwrap().iter().map(|ids| {
            let ids = integers(ids);
            Text { types: vec![0; ids.len()], ids }
        });
        let floats =
            |v: &Value| v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect::<Vec<_>>();
        let rows = |v: &Value| v.as_array().unwrap().iter().map(floats).collect::<Vec<_>>();
        let vectors = json["vectors"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), rows(v)));
        Self {
            texts: texts.collect(),
            vectors: vectors.collect(),
            tolerance: json["tolerance"].as_f64().unwrap() as f32,
        }
    }
}

/// Embeds texts in one batch. With `padding`, the batch has one more text, which is that many tokens longer than the
/// longest one, so an encoder that pads must mask at least that many tokens of every other text.
pub fn embed(
    encoder: &mut dyn Encoder,
    texts: &[Text],
    pooling: Pooling,
    padding: usize,
) -> Result<Vec<Vec<f32>>> {
    let longest = texts.iter().map(|t| t.ids.len()).max().unwrap_or(0);
    let extra = Text { ids: vec![1; longest + padding], types: vec![0; longest + padding] };
    let all = texts.iter().chain((padding > 0).then_some(&extra));
    let batch = Batch::new(all.map(|t| (&t.ids[..], &t.types[..])));
    let hidden = encoder.info().hidden_size;
    let mut rows: Vec<Vec<f32>> = match encoder.forward(&batch)? {
        EncoderOutput::Pooled(rows) | EncoderOutput::Scores(rows) => {
            rows.chunks(hidden).map(<[f32]>::to_vec).collect()
        }
        EncoderOutput::Hidden(layers) => {
            (0..batch.texts()).map(|text| pool(&layers, batch.range(text), hidden, pooling)).collect()
        }
    };
    rows.truncate(texts.len());
    Ok(rows)
}

fn pool(layers: &[Vec<f32>], tokens: Range<usize>, hidden: usize, pooling: Pooling) -> Vec<f32> {
    let tokens = if pooling == Pooling::Cls { tokens.start..tokens.start + 1 } else { tokens };
    let mut sums = vec![0f64; hidden];
    for layer in layers {
        for token in tokens.clone() {
            for (sum, x) in sums.iter_mut().zip(&layer[token * hidden..(token + 1) * hidden]) {
                *sum += f64::from(*x);
            }
        }
    }
    sums.into_iter().map(|s| (s / (tokens.len() * layers.len()) as f64) as f32).collect()
}

/// Returns the minimum and the mean cosine similarity between the vectors of two lists.
pub fn cosines(a: &[Vec<f32>], b: &[Vec<f32>]) -> (f64, f64) {
    assert_eq!(a.len(), b.len());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    let all: Vec<f64> = a.iter().zip(b).map(|(a, b)| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()).collect();
    (all.iter().copied().fold(f64::INFINITY, f64::min), all.iter().sum::<f64>() / all.len() as f64)
}

/// Returns the largest difference between two lists of vectors: infinity if one of the values is NaN.
pub fn difference(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    assert_eq!(a.len(), b.len());
    let mut largest = 0f32;
    for (x, y) in a.iter().flatten().zip(b.iter().flatten()) {
        let d = (x - y).abs();
        largest = if d.is_nan() { f32::INFINITY } else { largest.max(d) };
    }
    largest
}
