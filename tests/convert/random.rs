//! Writes checkpoints of any size with random weights, as safetensors.

use std::path::Path;

use serde_json::{Map, Value, json};

/// The sizes of a BERT and of its weights.
#[derive(Clone, Copy)]
pub struct Bert<'a> {
    pub words: &'a [String],
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub layers: usize,
    /// The largest magnitude of a Linear's weights.
    pub size: f32,
}

impl Bert<'_> {
    /// Writes config.json, vocab.txt and model.safetensors into a new folder.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let config = json!({"model_type": "bert", "vocab_size": self.words.len(), "hidden_size": self.hidden,
            "num_hidden_layers": self.layers, "num_attention_heads": self.heads, "intermediate_size": self.intermediate,
            "max_position_embeddings": 64, "type_vocab_size": 2});
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        std::fs::write(folder.join("configuration.json"), r#"{"task": "sentence-embedding"}"#).unwrap();
        std::fs::write(folder.join("vocab.txt"), self.words.join("\n") + "\n").unwrap();

        let mut header = Map::new();
        let mut data: Vec<u8> = Vec::new();
        let mut random = 1u32;
        for (name, shape) in self.tensors() {
            let start = data.len();
            let size = match name.rsplit('.').nth(1) {
                Some("LayerNorm" | "word_embeddings" | "position_embeddings" | "token_type_embeddings") => {
                    0.125
                }
                _ => self.size,
            };
            for _ in 0..shape.iter().product() {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let x = ((random >> 8) as f32 / (1 << 24) as f32 - 0.5) * 2.0 * size;
                let x = if name.ends_with("LayerNorm.weight") { 1.0 } else { x };
                data.extend(x.to_le_bytes());
            }
            header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
        }
        let header = Value::from(header).to_string();
        let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
        std::fs::write(folder.join("model.safetensors"), file).unwrap();
    }

    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, intermediate) = (self.hidden, self.intermediate);
        let mut tensors = vec![
            ("embeddings.word_embeddings.weight".to_owned(), vec![self.words.len(), hidden]),
            ("embeddings.position_embeddings.weight".into(), vec![64, hidden]),
            ("embeddings.token_type_embeddings.weight".into(), vec![2, hidden]),
        ];
        let mut module = |name: &str, shape: &[usize]| {
            tensors.push((format!("{name}.weight"), shape.to_vec()));
            tensors.push((format!("{name}.bias"), vec![shape[0]]));
        };
        module("embeddings.LayerNorm", &[hidden]);
        for layer in 0..self.layers {
            let mut module =
                |name: &str, shape: &[usize]| module(&format!("encoder.layer.{layer}.{name}"), shape);
            for name in ["attention.self.query", "attention.self.key", "attention.self.value"] {
                module(name, &[hidden, hidden]);
            }
            module("attention.output.dense", &[hidden, hidden]);
            module("attention.output.LayerNorm", &[hidden]);
            module("intermediate.dense", &[intermediate, hidden]);
            module("output.dense", &[hidden, intermediate]);
            module("output.LayerNorm", &[hidden]);
        }
        tensors
    }
}

/// Returns a vocabulary: BERT's special tokens, words that are in no text, and last the characters of the
/// self-test's texts.
pub fn words(count: usize) -> Vec<String> {
    let known: Vec<char> =
        "阔腿裤女冬牛仔秋款潮流百搭宽松大码胖高腰显瘦夏季薄垂感泫雅拖地子。".chars().collect();
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let others = (5..count - known.len()).map(|i| format!("word{i}"));
    special.into_iter().chain(others).chain(known.iter().map(char::to_string)).collect()
}
