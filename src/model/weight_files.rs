//! Finds the files that hold the weights of an ONNX file: files beside it, and the ONNX file itself if its reader
//! left out weights.

use std::collections::BTreeSet;

use crate::encoder::onnx::OnnxFile;
use crate::error::{Result, fail};

use super::manifest::Manifest;

/// Returns the paths of the weight files, relative to the model folder.
///
/// # Errors
/// `MISSING_FILE` for a file that the manifest does not list, `INVALID_MODEL` for a file that is known
/// to be missing and for the ONNX file itself, and the errors of [`OnnxFile::external_files`].
pub(super) fn weight_files(
    onnx_path: &str,
    onnx: &OnnxFile,
    manifest: Option<&Manifest>,
    missing: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let folder = onnx_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut paths = BTreeSet::new();
    for file in onnx.external_files()? {
        let path = format!("{folder}{}", file.path);
        if manifest.is_some_and(|m| m.file(&path).is_none()) {
            fail!(MissingFile, "{onnx_path} keeps weights in {path}, which corom.json does not list");
        }
        if path == onnx_path {
            fail!(InvalidModel, "{onnx_path} refers to itself as the file with its weights");
        }
        if missing.contains(&path) {
            fail!(InvalidModel, "{onnx_path} keeps weights in {path}, which is missing");
        }
        paths.insert(path);
    }
    if !onnx.is_whole() {
        paths.insert(onnx_path.to_owned());
    }
    Ok(paths)
}
