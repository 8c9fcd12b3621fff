//! Tensors larger than a weight file may be.

use std::fmt::Write as _;

use corom::model::Manifest;
use corom::model::manifest::MAX_SHARD_BYTES;
use serde_json::{Map, Value, json};

use crate::command::{Scratch, convert};
use crate::support::cosine;

const WORDS: usize = 26_000;
const HIDDEN: usize = 256;

/// A one-layer BERT whose word embedding takes 26 MB, as safetensors. The self-test's
/// characters are the last words, in the part of the table that another file holds.
fn write_checkpoint(folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    let config = json!({"model_type": "bert", "vocab_size": WORDS, "hidden_size": HIDDEN, "num_hidden_layers": 1,
        "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 64, "type_vocab_size": 2});
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let known: Vec<char> =
        "阔腿裤女冬牛仔秋款潮流百搭宽松大码胖高腰显瘦夏季薄垂感泫雅拖地子。".chars().collect();
    let mut vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n".to_owned();
    for i in 5..WORDS - known.len() {
        writeln!(vocabulary, "word{i}").unwrap();
    }
    for word in known {
        writeln!(vocabulary, "{word}").unwrap();
    }
    std::fs::write(folder.join("vocab.txt"), vocabulary).unwrap();

    let mut tensors = vec![
        ("embeddings.word_embeddings.weight".to_owned(), vec![WORDS, HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), vec![64, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, HIDDEN]),
    ];
    let mut module = |name: &str, shape: &[usize]| {
        tensors.push((format!("{name}.weight"), shape.to_vec()));
        tensors.push((format!("{name}.bias"), vec![shape[0]]));
    };
    module("embeddings.LayerNorm", &[HIDDEN]);
    for name in
        ["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"]
    {
        module(&format!("encoder.layer.0.{name}"), &[HIDDEN, HIDDEN]);
    }
    module("encoder.layer.0.attention.output.LayerNorm", &[HIDDEN]);
    module("encoder.layer.0.intermediate.dense", &[64, HIDDEN]);
    module("encoder.layer.0.output.dense", &[HIDDEN, 64]);
    module("encoder.layer.0.output.LayerNorm", &[HIDDEN]);

    let mut header = Map::new();
    let mut data: Vec<u8> = Vec::new();
    let mut random = 1u32;
    for (name, shape) in tensors {
        let start = data.len();
        for _ in 0..shape.iter().product() {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let x = (random >> 8) as f32 / (1 << 24) as f32 - 0.5;
            let x = if name.ends_with("LayerNorm.weight") { 1.0 } else { x / 4.0 };
            data.extend(x.to_le_bytes());
        }
        header.insert(name, json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}));
    }
    let header = Value::from(header).to_string();
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
    std::fs::write(folder.join("model.safetensors"), file).unwrap();
}

#[test]
fn a_table_larger_than_a_file_is_split_and_joined() {
    let scratch = Scratch::new("large");
    write_checkpoint(&scratch.join("checkpoint"));
    let convert = |dtype: &str| {
        let out = scratch.join(dtype);
        convert(&scratch.join("checkpoint"), &out, &["--dtype", dtype]).expect_ok();
        Manifest::from_json(&std::fs::read(out.join("corom.json")).unwrap()).unwrap()
    };
    let (f32, int8) = (convert("f32"), convert("int8"));
    let shards = |m: &Manifest| m.files.iter().filter(|f| f.path.starts_with("model.onnx_data_")).count();
    // int8 is not split: that both say the same shows that the f32 table was joined in its order.
    assert_eq!((shards(&f32), shards(&int8)), (2, 1));
    assert!(f32.files.iter().all(|f| f.size <= MAX_SHARD_BYTES as u64));
    let (a, b) = (f32.self_test.unwrap(), int8.self_test.unwrap());
    for (a, b) in a.vectors.iter().zip(&b.vectors) {
        assert!(cosine(a, b) > 0.9995, "{}", cosine(a, b));
    }
    assert!(cosine(&a.vectors[0], &a.vectors[1]) < 0.999, "the texts are not told apart");
}
