//! The export of a folder that is loaded: the option `dtype`, with and without a listing, and beside `model`
//! and `corom.json`.

use corom::encoder::Precision;
use corom::error::{ErrorCode, Result};
use corom::model::{Dtype, LoadOptions, ModelLoader, folder};

use super::{Files, converted, edit_manifest, load};
use crate::support::{export, files};

fn options(dtype: &str) -> LoadOptions {
    LoadOptions { dtype: Dtype::parse(dtype).unwrap(), ..LoadOptions::default() }
}

/// Returns the layout of onnx-community: an f32 file, and an int8 file of the same size of model.
fn two_exports() -> Files {
    let mut all = files(&export("legacy-op17"));
    all.retain(|path, _| path.ends_with(".json"));
    all.insert("onnx/model.onnx".into(), files(&export("legacy-op17"))["model.onnx"].clone());
    all.insert(
        "onnx/model_quantized.onnx".into(),
        files(&export("int8-qint8-channel"))["onnx/model_quantized.onnx"].clone(),
    );
    all
}

/// Loads as a server without a listing is loaded. Returns the paths that were requested and the ONNX file.
fn by_requests(files: &Files, options: LoadOptions) -> Result<(Vec<String>, String)> {
    let mut loader = ModelLoader::new(options)?;
    let mut asked = Vec::new();
    while let Some(file) = loader.pending_requests().first().cloned() {
        if file.path.ends_with(".onnx") {
            asked.push(file.path.clone());
        }
        match files.get(&file.path) {
            Some(bytes) => loader.supply(&file.path, bytes)?,
            None => loader.missing(&file.path)?,
        }
    }
    let path = loader.onnx_file().unwrap().to_owned();
    loader.build()?;
    Ok((asked, path))
}

#[test]
fn auto_takes_the_export_that_fits_precision() {
    let files = two_exports();
    let (asked, path) = by_requests(&files, LoadOptions::default()).unwrap();
    assert_eq!(path, "onnx/model_quantized.onnx");
    assert_eq!(asked, ["model_quantized.onnx", "onnx/model_quantized.onnx"]);
    let f32 = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let (asked, path) = by_requests(&files, f32).unwrap();
    assert_eq!((path.as_str(), asked.len()), ("onnx/model.onnx", 2));
}

#[test]
fn dtype_takes_its_file_or_says_what_was_tried() {
    let files = two_exports();
    for (dtype, expected) in [("fp32", "onnx/model.onnx"), ("q8", "onnx/model_quantized.onnx")] {
        assert_eq!(by_requests(&files, options(dtype)).unwrap().1, expected);
    }
    let error = by_requests(&files, options("fp16")).expect_err("loading succeeded");
    assert_eq!(error.code(), ErrorCode::MissingFile);
    assert!(error.message().contains("fp16") && error.message().contains("onnx/model_fp16.onnx"), "{error}");
    let mut loader = ModelLoader::new(options("fp16")).unwrap();
    let error = loader.set_listing(files.keys().cloned()).expect_err("loading succeeded");
    assert_eq!(error.code(), ErrorCode::MissingFile);
    assert!(error.message().contains("onnx/model_quantized.onnx (q8)"), "{error}");
}

#[test]
fn external_data_follows_the_chosen_file() {
    let shards = files(&export("external-shards"));
    let mut all = shards.clone();
    all.retain(|path, _| path.ends_with(".json"));
    for (path, bytes) in shards.iter().filter(|(path, _)| path.starts_with("model.onnx")) {
        let path = if path == "model.onnx" { "model_fp16.onnx" } else { path };
        all.insert(format!("onnx/{path}"), bytes.clone());
    }
    all.insert("onnx/model_bnb4.onnx".into(), vec![0; 9]);
    assert_eq!(by_requests(&all, options("fp16")).unwrap().1, "onnx/model_fp16.onnx");
}

#[test]
fn model_wins_and_a_dtype_against_its_name_is_an_error() {
    let files = two_exports();
    let named =
        |dtype: &str| LoadOptions { model: Some("onnx/model_quantized.onnx".into()), ..options(dtype) };
    for dtype in ["auto", "q8", "int8"] {
        assert_eq!(by_requests(&files, named(dtype)).unwrap().1, "onnx/model_quantized.onnx");
    }
    for dtype in ["fp32", "q4", "uint8"] {
        let error = ModelLoader::new(named(dtype)).expect_err("loading succeeded");
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{dtype}");
        assert!(error.message().contains(dtype) && error.message().contains("model_quantized"), "{error}");
    }
}

#[test]
fn dtype_against_the_manifest_is_an_error() {
    let files = converted(); // f32
    for dtype in ["auto", "fp32", "f32"] {
        assert!(load(&files, options(dtype)).is_ok(), "{dtype}");
    }
    for dtype in ["q8", "int8", "fp16", "int4"] {
        let error = load(&files, options(dtype)).err().expect("loading succeeded");
        assert_eq!(error.code(), ErrorCode::InvalidArgument, "{dtype}");
        assert!(error.message().contains("corom.json") && error.message().contains("f32"), "{error}");
    }
    for (written, accepted, rejected) in
        [("int8", ["int8", "q8"], ["uint8", "int4"]), ("int4", ["int4", "q4"], ["q4f16", "f32"])]
    {
        let mut files = converted();
        edit_manifest(&mut files, |m| m["dtype"] = written.into());
        for dtype in accepted {
            assert!(load(&files, options(dtype)).is_ok(), "{dtype} of {written}");
        }
        for dtype in rejected {
            assert!(load(&files, options(dtype)).is_err(), "{dtype} of {written}");
        }
    }
}

#[test]
fn folder_on_disk_is_listed() {
    let root = std::env::temp_dir().join(format!("corom-dtype-{}", std::process::id()));
    let model = root.join("out/model");
    for (path, bytes) in two_exports() {
        let path = model.join(path.replace("onnx/model", "some name"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let error = folder::load(&model, LoadOptions::default()).err().expect("loading succeeded");
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("some name.onnx, some name_quantized.onnx"), "{error}");
    assert!(folder::load(&model, options("q8")).is_ok());
    // The user gave a folder above the model's.
    let error = folder::load(&root, LoadOptions::default()).err().expect("loading succeeded");
    assert_eq!(error.code(), ErrorCode::MissingFile);
    assert!(error.message().contains("out/model/ has one"), "{error}");
    std::fs::remove_dir_all(root).unwrap();
}
