//! Tests the size of weight files that a caller chooses.

use std::collections::BTreeMap;

use corom::convert::{ConvertOptions, Dtype, convert, load_folder};
use corom::encoder::Precision;
use corom::error::ErrorCode;
use corom::model::LoadOptions;

use crate::command::Scratch;
use crate::random::{Bert, words};
use crate::support::files;

type Folder = BTreeMap<String, Vec<u8>>;

/// Returns a checkpoint whose largest weight is that of the feed-forward layer: 64 × 256 numbers.
fn source(test: &str) -> (Scratch, Folder) {
    let scratch = Scratch::new(test);
    let words = words(100);
    let bert = Bert { words: &words, hidden: 64, heads: 2, intermediate: 256, layers: 3, size: 0.125 };
    bert.write(&scratch.join("checkpoint"));
    let folder = files(&scratch.join("checkpoint"));
    (scratch, folder)
}

#[test]
fn small_weight_files_hold_the_same_model_which_stays_fused() {
    let (_scratch, source) = source("shard-size");
    for dtype in [Dtype::F32, Dtype::Int8, Dtype::Int4] {
        let converted = |max_shard_size| {
            let mut folder = Folder::new();
            let options = ConvertOptions { dtype, max_shard_size, ..ConvertOptions::default() };
            let conversion = convert(&source, &options, &mut folder).unwrap();
            (folder, conversion.manifest.lineage)
        };
        let ((whole, lineage), (parts, same)) = (converted(None), converted(Some(1 << 16)));
        assert_eq!(lineage, same);
        let shards = |folder: &Folder| {
            let sizes =
                folder.iter().filter(|(name, _)| name.contains("_data_")).map(|(_, bytes)| bytes.len());
            sizes.collect::<Vec<_>>()
        };
        assert!(shards(&parts).len() > shards(&whole).len(), "{dtype:?} {:?}", shards(&parts));
        assert!(shards(&parts).iter().all(|&size| size <= 1 << 16), "{dtype:?} {:?}", shards(&parts));
        let vectors = |folder| {
            let options = LoadOptions { skip_self_test: true, ..LoadOptions::default() };
            let mut embedder = load_folder(folder, options).unwrap();
            assert!(embedder.encoder().info().fused, "{dtype:?}");
            embedder.embed(&["阔腿裤女", "a b"]).unwrap()
        };
        assert_eq!(vectors(&whole), vectors(&parts), "{dtype:?}");
    }
}

#[test]
fn sizes_out_of_range_are_errors_before_anything_is_written() {
    let (_scratch, source) = source("shard-range");
    for size in [0, 65_535, (24 << 20) + 1, usize::MAX] {
        let options = ConvertOptions { max_shard_size: Some(size), ..ConvertOptions::default() };
        let mut folder = Folder::new();
        let error = convert(&source, &options, &mut folder).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        assert!(error.message().contains("maxShardSize") && folder.is_empty(), "{error}");
    }
}

/// The word embeddings of 2,000 words have 2 to 8 files, and the feed-forward weights have 2 in f32 and in int8.
#[test]
fn a_weight_in_several_files_is_the_same_weight() {
    let scratch = Scratch::new("shard-parts");
    let words = words(2_000);
    let bert = Bert { words: &words, hidden: 64, heads: 2, intermediate: 1_100, layers: 1, size: 0.125 };
    bert.write(&scratch.join("checkpoint"));
    let source = files(&scratch.join("checkpoint"));
    for dtype in [Dtype::F32, Dtype::Int8, Dtype::Int4] {
        let converted = |max_shard_size| {
            let mut folder = Folder::new();
            let options = ConvertOptions { dtype, max_shard_size, ..ConvertOptions::default() };
            convert(&source, &options, &mut folder).unwrap();
            folder
        };
        let (whole, parts) = (converted(None), converted(Some(1 << 16)));
        assert!(parts["model.onnx"].windows(6).any(|bytes| bytes == b"Concat"), "{dtype:?}");
        let loaded = |folder, precision| {
            let options = LoadOptions { skip_self_test: true, precision, ..LoadOptions::default() };
            let embedder = load_folder(folder, options).unwrap();
            assert!(embedder.encoder().info().fused, "{dtype:?}");
            embedder
        };
        for precision in [Precision::F32, Precision::Auto] {
            let (mut one, mut many) = (loaded(&whole, precision), loaded(&parts, precision));
            let texts = ["阔腿裤女", "a b", words[1_999].as_str(), words[700].as_str()];
            assert_eq!(one.embed(&texts).unwrap(), many.embed(&texts).unwrap(), "{dtype:?} {precision:?}");
            let (one, many) = (one.encoder().info(), many.encoder().info());
            assert_eq!(format!("{one:?}"), format!("{many:?}"));
        }
    }
}

#[test]
fn a_4_bit_weight_that_does_not_fit_is_an_error() {
    let scratch = Scratch::new("shard-weight");
    let words = words(100);
    let bert = Bert { words: &words, hidden: 64, heads: 2, intermediate: 2_200, layers: 1, size: 0.125 };
    bert.write(&scratch.join("checkpoint"));
    let options =
        ConvertOptions { dtype: Dtype::Int4, max_shard_size: Some(1 << 16), ..ConvertOptions::default() };
    let error = convert(&files(&scratch.join("checkpoint")), &options, &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
    assert!(error.message().contains("intermediate") && error.message().contains("4-bit"), "{error}");
}
