//! Tests the size of weight files that a caller chooses.

use std::collections::BTreeMap;

use corom::convert::{ConvertOptions, Dtype, convert, load_folder};
use corom::error::ErrorCode;
use corom::model::LoadOptions;

use crate::command::checkpoint;
use crate::support::files;

#[test]
fn small_weight_files_hold_the_same_model() {
    let source = files(&checkpoint("wide"));
    for dtype in [Dtype::F32, Dtype::Int8] {
        let converted = |max_shard_size| {
            let mut folder = BTreeMap::new();
            let options = ConvertOptions { dtype, max_shard_size, ..ConvertOptions::default() };
            let conversion = convert(&source, &options, &mut folder).unwrap();
            (folder, conversion.manifest.lineage)
        };
        let ((whole, lineage), (parts, same)) = (converted(None), converted(Some(1 << 16)));
        assert_eq!(lineage, same);
        let shards = |folder: &BTreeMap<String, Vec<u8>>| {
            folder
                .iter()
                .filter(|(name, _)| name.contains("_data_"))
                .map(|(_, bytes)| bytes.len())
                .collect::<Vec<_>>()
        };
        assert!(shards(&parts).len() > shards(&whole).len(), "{:?}", shards(&parts));
        assert!(shards(&parts).iter().all(|&size| size <= 1 << 16), "{:?}", shards(&parts));
        let vectors = |folder| {
            let options = LoadOptions { skip_self_test: true, ..LoadOptions::default() };
            load_folder(folder, options).unwrap().embed(&["阔腿裤女", "a b"]).unwrap()
        };
        assert_eq!(vectors(&whole), vectors(&parts), "{dtype:?}");
    }
}

#[test]
fn sizes_out_of_range_are_errors() {
    let source = files(&checkpoint("wide"));
    for size in [0, 65_535, (24 << 20) + 1, usize::MAX] {
        let options = ConvertOptions { max_shard_size: Some(size), ..ConvertOptions::default() };
        let error = convert(&source, &options, &mut BTreeMap::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");
        assert!(error.message().contains("maxShardSize"), "{error}");
    }
}
