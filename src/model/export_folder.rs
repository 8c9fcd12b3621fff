//! Folders of other tools: `config.json`, `tokenizer.json` and an ONNX file, as transformers.js,
//! optimum and sentence-transformers lay them out.

use crate::error::{Result, fail};

/// The usual paths of the ONNX file, in the order of preference.
pub(super) const ONNX_CANDIDATES: &[&str] = &[
    "model.onnx",
    "onnx/model.onnx",
    "onnx/model_quantized.onnx",
    "onnx/model_int8.onnx",
    "onnx/model_uint8.onnx",
    "onnx/model_fp16.onnx",
    "onnx/model_q4.onnx",
    "model_quantized.onnx",
    "model_optimized.onnx",
];

/// The most paths that an error message lists.
const MAX_LISTED_PATHS: usize = 8;

/// Returns true if a path is that of an ONNX file.
pub(super) fn is_onnx(path: &str) -> bool {
    path.len() > 5 && path.as_bytes()[path.len() - 5..].eq_ignore_ascii_case(b".onnx")
}

/// Chooses the ONNX file among the paths of a folder: the first of [`ONNX_CANDIDATES`], or the only
/// one that there is.
///
/// # Errors
/// `MISSING_FILE` if there is none, `INVALID_ARGUMENT` if there are several at unusual paths.
pub(super) fn choose_onnx<'a>(paths: impl Iterator<Item = &'a str>) -> Result<String> {
    let onnx: Vec<&str> = paths.filter(|p| is_onnx(p)).collect();
    if let Some(usual) = ONNX_CANDIDATES.iter().find(|c| onnx.contains(c)) {
        return Ok((*usual).to_owned());
    }
    match onnx[..] {
        [] => fail!(MissingFile, "the model folder has no .onnx file"),
        [one] => Ok(one.to_owned()),
        _ => {
            let more = if onnx.len() > MAX_LISTED_PATHS { ", …" } else { "" };
            let paths = onnx[..onnx.len().min(MAX_LISTED_PATHS)].join(", ");
            fail!(
                InvalidArgument,
                "the model folder has several .onnx files; choose one with `model`: {paths}{more}"
            )
        }
    }
}
