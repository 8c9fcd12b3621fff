//! An ONNX file with large weights is requested twice: for its graph and for its weights.

use corom::encoder::onnx::MAX_KEPT_WEIGHT_BYTES;
use corom::encoder::onnx::pb::ModelProto;
use corom::error::ErrorCode;
use corom::model::{LoadOptions, ModelLoader};
use prost::Message;

use super::generated::external_data;
use super::support::fixtures;
use super::{Files, load, paths, with_manifest};

const ONNX: &str = "model.onnx";

/// Returns a folder without a manifest whose ONNX file contains all weights.
fn single_file() -> Files {
    let folder = fixtures().join("generated/hidden384-legacy-op17");
    let mut files = super::files(&folder);
    files.retain(|path, _| ["config.json", "tokenizer.json", ONNX].contains(&path.as_str()));
    let (_, data) = external_data(&folder).unwrap();
    let mut model = ModelProto::decode(&files[ONNX][..]).unwrap();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let number = |key: &str| {
            let entry = tensor.external_data.iter().find(|entry| entry.key == key);
            entry.map(|entry| entry.value.parse::<usize>().unwrap())
        };
        if let (Some(offset), Some(length)) = (number("offset"), number("length")) {
            tensor.raw_data = data[offset..][..length].to_vec().into();
            tensor.external_data.clear();
            tensor.data_location = None;
        }
    }
    files.insert(ONNX.into(), model.encode_to_vec());
    assert!(files[ONNX].len() as u64 > 2 * MAX_KEPT_WEIGHT_BYTES);
    files.insert(
        "configuration.json".into(),
        br#"{"task": "sentence-embedding", "model": {"emb_pooler_type": "cls"}}"#.to_vec(),
    );
    files
}

/// Returns a loader that has read the ONNX file once.
fn after_first_reading(files: &Files) -> ModelLoader {
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    loader.set_listing(files.keys().cloned()).unwrap();
    while let Some(file) = loader.pending_requests().iter().find(|request| !request.again).cloned() {
        assert_eq!(file.keep, file.path == ONNX);
        loader.supply(&file.path, &files[&file.path]).unwrap();
    }
    loader
}

fn vector(loader: ModelLoader) -> Vec<f32> {
    loader.build().unwrap().embed(&["阔腿裤女冬牛仔"]).unwrap()
}

#[test]
fn large_onnx_file_is_requested_again_when_everything_else_has_arrived() {
    let files = single_file();
    let loader = after_first_reading(&files);
    assert_eq!(paths(&loader), [ONNX]);
    let request = &loader.pending_requests()[0];
    assert!(request.again && request.required);
    assert_eq!(request.size, Some(files[ONNX].len() as u64));
    let error = loader.build().err().unwrap();
    assert_eq!(error.code(), ErrorCode::InvalidArgument, "{error}");

    let mut loader = after_first_reading(&files);
    loader.supply(ONNX, &files[ONNX]).unwrap();
    assert!(loader.pending_requests().is_empty());
    vector(loader);
}

#[test]
fn second_reading_gives_the_vectors_of_an_external_file() {
    let folder = fixtures().join("generated/hidden384-legacy-op17");
    let mut files = single_file();
    let from_one_file = load(&files, LoadOptions::default()).unwrap().embed(&["牛仔裤"]).unwrap();
    let (name, data) = external_data(&folder).unwrap();
    files.insert(name, data);
    files.insert(ONNX.into(), std::fs::read(folder.join(ONNX)).unwrap());
    let from_two = load(&files, LoadOptions::default()).unwrap().embed(&["牛仔裤"]).unwrap();
    assert!(from_one_file.iter().map(|x| x.to_bits()).eq(from_two.iter().map(|x| x.to_bits())));
}

#[test]
fn second_reading_is_verified_and_may_be_begun_again() {
    let files = single_file();
    let good = &files[ONNX];
    let expected = vector({
        let mut loader = after_first_reading(&files);
        loader.supply(ONNX, good).unwrap();
        loader
    });
    let mut loader = after_first_reading(&files);
    // Broken off after most weights, which were another version's.
    let wrong: Vec<u8> = good.iter().map(|byte| byte ^ 0x11).collect();
    loader.begin(ONNX, None).unwrap();
    let _ = wrong.chunks(1 << 16).take(40).try_for_each(|chunk| loader.feed(ONNX, chunk));
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    let cases = [
        ("truncated", &good[..good.len() - 1]),
        ("changed", &changed[..]),
        ("page", &b"<!doctype html><p>Sign in"[..]),
    ];
    for (what, bytes) in cases {
        let code = loader.supply(ONNX, bytes).unwrap_err().code();
        let expected = if what == "page" { ErrorCode::NotAModel } else { ErrorCode::IntegrityMismatch };
        assert_eq!(code, expected, "{what}");
        assert_eq!(paths(&loader), [ONNX], "{what}");
    }
    loader.supply(ONNX, good).unwrap();
    assert!(vector(loader).iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn manifest_verifies_both_readings_and_counts_the_file_once() {
    let files = with_manifest(single_file());
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    let total: u64 =
        ["config.json", "tokenizer.json", ONNX].map(|path| files[path].len() as u64).iter().sum();
    loader.supply("corom.json", &files["corom.json"]).unwrap();
    for path in ["config.json", "tokenizer.json"] {
        loader.supply(path, &files[path]).unwrap();
    }
    let mut changed = files[ONNX].clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for again in [false, true] {
        assert_eq!((paths(&loader), loader.total()), (vec![ONNX], Some(total)));
        let request = &loader.pending_requests()[0];
        assert_eq!((request.again, request.sha256.is_some()), (again, true));
        // A changed weight: only the hash of the manifest tells.
        assert_eq!(loader.supply(ONNX, &changed).unwrap_err().code(), ErrorCode::IntegrityMismatch);
        loader.supply(ONNX, &files[ONNX]).unwrap();
    }
    loader.build().unwrap();
}

#[test]
fn damage_in_a_listed_onnx_file_is_told_by_its_hash() {
    let files = with_manifest(single_file());
    let mut loader = ModelLoader::new(LoadOptions::default()).unwrap();
    loader.supply("corom.json", &files["corom.json"]).unwrap();
    // Not even a protobuf message: without a manifest, this is INVALID_MODEL.
    let bytes = vec![0xff; files[ONNX].len()];
    assert_eq!(loader.supply(ONNX, &bytes).unwrap_err().code(), ErrorCode::IntegrityMismatch);
    assert_eq!(loader.supply(ONNX, &bytes[1..]).unwrap_err().code(), ErrorCode::IntegrityMismatch);
    loader.supply(ONNX, &files[ONNX]).unwrap();
}
