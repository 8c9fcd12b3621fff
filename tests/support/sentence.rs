//! The cases of `tests/fixtures/sentence`: what sentence-transformers adds to an encoder's folder, and the
//! vectors that it computes with that folder.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{files, fixtures};

/// The contents of `cases.json`.
#[derive(Deserialize)]
pub struct Cases {
    pub texts: Vec<String>,
    pub cases: BTreeMap<String, Case>,
}

/// A folder of sentence-transformers without the encoder's files.
#[derive(Deserialize)]
pub struct Case {
    pub dimension: usize,
    #[serde(rename = "maxLength")]
    pub max_length: usize,
    files: BTreeMap<String, Contents>,
    pub vectors: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Contents {
    Text(String),
    Hex(String),
}

/// The contents of `prompts.json`.
#[derive(Deserialize)]
pub struct PromptCases {
    pub query: String,
    pub documents: Vec<String>,
    pub text: String,
    pub cases: BTreeMap<String, PromptCase>,
}

/// A folder with prompts, and the vectors by prompt.
#[derive(Deserialize)]
pub struct PromptCase {
    files: BTreeMap<String, Contents>,
    pub default: Vec<Vec<f32>>,
    pub without: Vec<Vec<f32>>,
    pub text: Vec<Vec<f32>>,
    pub named: BTreeMap<String, Vec<Vec<f32>>>,
    pub query: Vec<Vec<f32>>,
    pub document: Vec<Vec<f32>>,
    pub similarity: Vec<f32>,
}

impl PromptCase {
    /// Returns the files by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        bytes_of(&self.files)
    }
}

pub fn prompt_cases() -> PromptCases {
    serde_json::from_slice(&std::fs::read(fixtures().join("sentence/prompts.json")).unwrap()).unwrap()
}

impl Case {
    /// Returns the files by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        bytes_of(&self.files)
    }
}

fn bytes_of(files: &BTreeMap<String, Contents>) -> BTreeMap<String, Vec<u8>> {
    let bytes = |contents: &Contents| match contents {
        Contents::Text(text) => text.clone().into_bytes(),
        Contents::Hex(hex) => {
            (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
        }
    };
    files.iter().map(|(path, contents)| (path.clone(), bytes(contents))).collect()
}

pub fn cases() -> Cases {
    serde_json::from_slice(&std::fs::read(fixtures().join("sentence/cases.json")).unwrap()).unwrap()
}

/// Returns the checkpoint of the encoder, without ModelScope's file.
pub fn checkpoint() -> BTreeMap<String, Vec<u8>> {
    let mut files = files(&fixtures().join("checkpoints/safetensors"));
    files.retain(|path, _| path != "golden.json" && path != "configuration.json");
    files
}

/// Returns the encoder as an ONNX export: `token_embeddings` and `sentence_embedding`, the vector of the case
/// `dense-tanh`.
pub fn encoder() -> BTreeMap<String, Vec<u8>> {
    let mut files = checkpoint();
    files.remove("model.safetensors");
    let onnx = std::fs::read(fixtures().join("sentence/dense-tanh.onnx")).unwrap();
    files.insert("model.onnx".into(), onnx);
    files
}
