//! Other people's folders: `config.json`, `tokenizer.json` and an ONNX file
//! somewhere, as transformers.js, optimum or sentence-transformers lay them out.

use crate::error::{Result, fail};

/// Where the ONNX file is looked for, in this order.
pub const ONNX_CANDIDATES: &[&str] = &[
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

/// Whether a path is that of an ONNX file.
pub(super) fn is_onnx(path: &str) -> bool {
    path.len() > 5 && path.as_bytes()[path.len() - 5..].eq_ignore_ascii_case(b".onnx")
}

/// Chooses the ONNX file from the paths of a folder.
///
/// # Errors
/// `MISSING_FILE` when there is none, `INVALID_ARGUMENT` when there are several
/// and none has a usual name.
pub fn choose_onnx<'a>(paths: impl Iterator<Item = &'a str>) -> Result<String> {
    let onnx: Vec<&str> = paths.filter(|p| is_onnx(p)).collect();
    if let Some(usual) = ONNX_CANDIDATES.iter().find(|c| onnx.contains(c)) {
        return Ok((*usual).to_owned());
    }
    match onnx[..] {
        [] => fail!(MissingFile, "there is no .onnx file in the model's folder"),
        [one] => Ok(one.to_owned()),
        _ => {
            const SHOWN: usize = 8;
            let more = if onnx.len() > SHOWN { ", …" } else { "" };
            let names = onnx[..onnx.len().min(SHOWN)].join(", ");
            fail!(
                InvalidArgument,
                "the folder has several .onnx files; say which one with `model`: {names}{more}"
            )
        }
    }
}
