//! Other people's folders: `config.json`, `tokenizer.json` and an ONNX file
//! somewhere, as transformers.js, optimum or sentence-transformers lay them out.

use serde_json::Value;

use crate::config::{Pooling, PoolingConfig, parse_object};
use crate::error::{Result, fail};

/// Side files that may say how vectors are made, and are read when they are there.
pub const SIDE_FILES: &[&str] =
    &["configuration.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"];

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

/// Chooses the ONNX file from the paths of a folder.
///
/// # Errors
/// `MISSING_FILE` when there is none, `INVALID_ARGUMENT` when there are several
/// and none has a usual name.
pub fn choose_onnx<'a>(paths: impl Iterator<Item = &'a str>) -> Result<String> {
    let onnx: Vec<&str> = paths.filter(|p| p.ends_with(".onnx")).collect();
    if let Some(usual) = ONNX_CANDIDATES.iter().find(|c| onnx.contains(c)) {
        return Ok((*usual).to_owned());
    }
    match onnx[..] {
        [] => fail!(MissingFile, "there is no .onnx file in the model's folder"),
        [one] => Ok(one.to_owned()),
        _ => fail!(
            InvalidArgument,
            "the folder has several .onnx files; say which one with `model`: {}",
            onnx.join(", ")
        ),
    }
}

/// Puts together what the side files say. `file` gives a side file's contents;
/// a pooling that the caller `chose` goes before what they say.
///
/// # Errors
/// `INVALID_CONFIG` when one cannot be read, `UNSUPPORTED_POOLING` when
/// sentence-transformers' pooling is another than `cls` or `mean`.
pub fn pooling_config<'a>(
    file: impl Fn(&str) -> Option<&'a [u8]>,
    chosen: Option<Pooling>,
) -> Result<PoolingConfig> {
    let mut config = match file("configuration.json") {
        Some(bytes) => PoolingConfig::from_modelscope(bytes)?,
        None => PoolingConfig::default(),
    };
    if let Some(bytes) = file("1_Pooling/config.json").filter(|_| chosen.is_none()) {
        let value = parse_object(bytes, "1_Pooling/config.json")?;
        let on: Vec<&str> = (value.as_object().into_iter().flatten())
            .filter(|(key, value)| key.starts_with("pooling_mode_") && **value == Value::Bool(true))
            .map(|(key, _)| key.as_str())
            .collect();
        config.pooling = match on[..] {
            [] => config.pooling,
            ["pooling_mode_cls_token"] => Some(Pooling::Cls),
            ["pooling_mode_mean_tokens"] => Some(Pooling::Mean),
            _ => fail!(
                UnsupportedPooling,
                "1_Pooling/config.json asks for {}; corom has cls and mean: pass `pooling` to choose one",
                on.join(" + ")
            ),
        };
    }
    if let Some(bytes) = file("modules.json") {
        let modules: Vec<Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let normalizes = |module: &Value| {
            module.get("type").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("Normalize"))
        };
        if modules.iter().any(normalizes) {
            config.normalize = Some(true);
        }
    }
    if let Some(bytes) = file("sentence_bert_config.json") {
        let length =
            parse_object(bytes, "sentence_bert_config.json")?.get("max_seq_length").and_then(Value::as_u64);
        config.max_length =
            config.max_length.or(length.filter(|n| (2..1 << 24).contains(n)).map(|n| n as usize));
    }
    Ok(config)
}
