//! Tests `corom::convert` as a library, with folders in memory.

use std::collections::BTreeMap;
use std::io;

use corom::config::Pooling;
use corom::convert::{
    ConvertOptions, Dtype, FileSink, FileSource, convert, measure_self_test, self_test, self_test_options,
};
use corom::error::ErrorCode;
use corom::model::{LoadOptions, Manifest, folder};

use crate::command::{self, Scratch, checkpoint};
use crate::support::files;

type Folder = BTreeMap<String, Vec<u8>>;

/// A folder whose file `broken` cannot be read or written.
struct BrokenFolder<'a> {
    files: Folder,
    broken: &'a str,
}

impl BrokenFolder<'_> {
    fn check(&self, path: &str) -> io::Result<()> {
        if path == self.broken { Err(io::Error::other("the disk is on fire")) } else { Ok(()) }
    }
}

impl FileSource for BrokenFolder<'_> {
    fn list(&self) -> io::Result<Vec<String>> {
        self.files.list()
    }

    fn size(&self, path: &str) -> io::Result<Option<u64>> {
        self.files.size(path)
    }

    fn read_at(&self, path: &str, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.check(path)?;
        self.files.read_at(path, offset, buffer)
    }
}

impl FileSink for BrokenFolder<'_> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.check(path)?;
        self.files.write(path, bytes)
    }
}

#[test]
fn convert_in_memory_writes_the_same_files_as_the_command() {
    let scratch = Scratch::new("library");
    for (name, dtype) in [("prefix-model", Dtype::F32), ("safetensors", Dtype::Int8), ("wide", Dtype::Int4)] {
        let out = scratch.join(name);
        command::convert(&checkpoint(name), &out, &["--dtype", dtype.as_str()]).expect_ok();
        let mut by_command = files(&out);
        let mut in_memory = Folder::new();
        let options = ConvertOptions { dtype, ..ConvertOptions::default() };
        let mut conversion = convert(&files(&checkpoint(name)), &options, &mut in_memory).unwrap();

        let parse = |bytes: Option<Vec<u8>>| Manifest::from_json(&bytes.unwrap()).unwrap();
        assert_eq!(parse(in_memory.remove("corom.json")), conversion.manifest);
        let mut embedder = folder::load(&out, self_test_options()).unwrap();
        let mut test = self_test(&mut embedder).unwrap();
        measure_self_test(&mut test, |options| {
            folder::load(&out, LoadOptions { skip_self_test: true, ..options })
        })
        .unwrap();
        assert_eq!(test.measured.keys().collect::<Vec<_>>(), ["exact", "relaxed"]);
        conversion.manifest.self_test = Some(test);
        assert_eq!(parse(by_command.remove("corom.json")), conversion.manifest);
        assert!(by_command == in_memory, "{name}");
    }
}

#[test]
fn convert_ignores_a_head_on_request_and_names_its_tensors() {
    let source = files(&checkpoint("cross-encoder"));
    let mut sink = Folder::new();
    let pooling = Some(Pooling::Cls.into());
    let options = ConvertOptions { ignore_head: true, pooling, ..ConvertOptions::default() };
    let conversion = convert(&source, &options, &mut sink).unwrap();
    assert_eq!(conversion.ignored_tensors, ["classifier.weight"]);
}

#[test]
fn convert_names_the_file_that_cannot_be_read_or_written() {
    let options = ConvertOptions::default();
    for broken in ["config.json", "tokenizer.json", "model.safetensors", "tokenizer_config.json"] {
        let mut files = files(&checkpoint("safetensors"));
        files.entry(broken.to_owned()).or_default();
        let error = convert(&BrokenFolder { files, broken }, &options, &mut Folder::new()).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FetchFailed, "{error}");
        assert!(error.message().contains(broken) && error.message().contains("on fire"), "{error}");
    }
    let source = files(&checkpoint("safetensors"));
    for broken in ["config.json", "tokenizer.json", "model.onnx", "model.onnx_data_000", "corom.json"] {
        let mut sink = BrokenFolder { files: Folder::new(), broken };
        let error = convert(&source, &options, &mut sink).unwrap_err();
        assert_eq!(error.code(), ErrorCode::FetchFailed, "{error}");
        assert!(error.message().contains(broken) && error.message().contains("on fire"), "{error}");
        assert!(!sink.files.contains_key("corom.json"), "{broken}: the folder looks complete");
    }
}

#[test]
fn convert_lists_the_files_of_a_folder_without_weights() {
    let mut source = files(&checkpoint("safetensors"));
    source.remove("model.safetensors");
    let error = convert(&source, &ConvertOptions::default(), &mut Folder::new()).unwrap_err();
    assert_eq!(error.code(), ErrorCode::MissingFile);
    assert!(error.message().contains("it has config.json"), "{error}");
}

#[test]
fn self_test_rejects_an_embedder_that_is_not_in_f32() {
    let scratch = Scratch::new("library-self-test");
    let out = scratch.join("model");
    command::convert(&checkpoint("wide"), &out, &["--dtype", "int8"]).expect_ok();
    let mut quantized = folder::load(&out, LoadOptions::default()).unwrap();
    let error = self_test(&mut quantized).unwrap_err();
    assert_eq!(error.code(), ErrorCode::InvalidArgument);
    assert!(error.message().contains("int8"), "{error}");
}
