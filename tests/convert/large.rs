//! Converts a tensor that is larger than a weight file may be.

use corom::model::Manifest;
use corom::model::manifest::MAX_SHARD_BYTES;

use crate::command::{Scratch, convert};
use crate::random::{Bert, words};
use crate::support::cosine;

#[test]
fn convert_splits_a_table_larger_than_a_weight_file() {
    let scratch = Scratch::new("large");
    // 26 MB of word embeddings. The rows of the self-test's characters are in the second part.
    let words = words(26_000);
    let bert = Bert { words: &words, hidden: 256, heads: 4, intermediate: 64, layers: 1, size: 0.125 };
    bert.write(&scratch.join("checkpoint"));
    let convert = |dtype: &str| {
        let out = scratch.join(dtype);
        convert(&scratch.join("checkpoint"), &out, &["--dtype", dtype]).expect_ok();
        Manifest::from_json(&std::fs::read(out.join("corom.json")).unwrap()).unwrap()
    };
    let (f32, int8) = (convert("f32"), convert("int8"));
    let shards = |m: &Manifest| m.files.iter().filter(|f| f.path.starts_with("model.onnx_data_")).count();
    // The int8 table is not split. Equal vectors show that the parts of the f32 table are joined in order.
    assert_eq!((shards(&f32), shards(&int8)), (2, 1));
    assert!(f32.files.iter().all(|f| f.size <= MAX_SHARD_BYTES as u64));
    let (a, b) = (f32.self_test.unwrap(), int8.self_test.unwrap());
    for (a, b) in a.vectors.iter().zip(&b.vectors) {
        assert!(cosine(a, b) > 0.9995, "{}", cosine(a, b));
    }
    assert!(cosine(&a.vectors[0], &a.vectors[1]) < 0.999, "the texts have equal vectors");
}
