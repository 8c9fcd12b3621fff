//! The files that an ONNX file keeps its weights in.

use std::collections::BTreeSet;

use crate::encoder::onnx::external_files;
use crate::error::{Result, fail};

use super::manifest::Manifest;

/// Their paths in the model's folder.
///
/// # Errors
/// `MISSING_FILE` for one that the manifest does not list, `INVALID_MODEL` for one that cannot be,
/// and what is wrong with the ONNX file.
pub(super) fn weight_files(
    onnx_path: &str,
    onnx: &[u8],
    manifest: Option<&Manifest>,
    missing: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let folder = onnx_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut paths = BTreeSet::new();
    for file in external_files(onnx)? {
        let path = format!("{folder}{}", file.path);
        if manifest.is_some_and(|m| m.file(&path).is_none()) {
            fail!(MissingFile, "{onnx_path} keeps weights in {path}, which corom.json does not list");
        }
        if path == onnx_path || missing.contains(&path) {
            fail!(InvalidModel, "{onnx_path} says that its weights are in {path}, which they cannot be");
        }
        paths.insert(path);
    }
    Ok(paths)
}
