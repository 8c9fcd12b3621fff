//! The encoder of an ONNX export, with its tensors by Hugging Face's names.

use std::io::ErrorKind;

use super::bert::{HiddenAct, TOKEN_TYPE_EMBEDDINGS, WORD_EMBEDDINGS};
use super::family::Family;
use super::files::FileSource;
use super::folder_files::file_size;
use super::ranking::{CLASSIFIER, POOLER};
use crate::config::BertConfig;
use crate::encoder::OutputPreference;
use crate::encoder::export::{BertExport, BertLinear, BertNorm, BertTensor, ClassifierLinear, ReadRange};
use crate::encoder::onnx::{ONNX_FILE_ITSELF, OnnxFile, OnnxReader};
use crate::encoder::reserve::try_filled;
use crate::encoder::spec::Activation;
use crate::error::{Error, ErrorCode, Result, fail};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Opens an export. `path` is the path of the ONNX file in the folder.
///
/// # Errors
/// The errors of [`BertExport::open`], `MISSING_FILE` if a file with weights is missing, `FETCH_FAILED` if a file cannot
/// be read.
pub(crate) fn open<'a>(
    source: &'a dyn FileSource,
    path: &str,
    config: &BertConfig,
    outputs: OutputPreference,
) -> Result<BertExport<'a>> {
    let in_file = |e: Error| Error::with_source(e.code(), format!("{path}: {}", e.message()), e);
    let onnx = read_onnx(source, path).map_err(in_file)?;
    BertExport::open(onnx, config, outputs, external_reader(source, path)).map_err(in_file)
}

/// Opens an export. A graph with parts that corom's own reader does not know is read by tract-onnx.
///
/// # Errors
/// The errors of [`open`]. If tract-onnx cannot read the graph either, the message has both reasons.
#[cfg(feature = "cli")]
pub(crate) fn open_or_import<'a>(
    source: &'a dyn FileSource,
    path: &str,
    config: &BertConfig,
    outputs: OutputPreference,
) -> Result<BertExport<'a>> {
    let own = match open(source, path, config, outputs) {
        Err(e) if matches!(e.code(), ErrorCode::UnsupportedOperator | ErrorCode::UnsupportedModel) => e,
        result => return result,
    };
    let onnx = read_onnx(source, path)?;
    let read = external_reader(source, path);
    BertExport::open_with_tract_onnx(onnx, config, outputs, read).map_err(|other| {
        let message = format!("{}. tract-onnx was tried, too: {}", own.message(), other.message());
        Error::with_source(own.code(), message, own)
    })
}

/// Reads an ONNX file without its large weights.
fn read_onnx(source: &dyn FileSource, path: &str) -> Result<OnnxFile> {
    let Some(length) = file_size(source, path)? else { fail!(MissingFile, "the folder has no {path}") };
    let mut reader = OnnxReader::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < length {
        let part = &mut chunk[..CHUNK_BYTES.min(usize::try_from(length - offset).unwrap_or(CHUNK_BYTES))];
        source.read_at(path, offset, part).map_err(|e| cannot_read(path, e))?;
        reader.write(part)?;
        offset += part.len() as u64;
    }
    reader.finish()
}

/// Returns a reader of the files beside the ONNX file at `onnx`, and of that file.
fn external_reader<'a>(source: &'a dyn FileSource, onnx: &str) -> Box<ReadRange<'a>> {
    let folder = onnx.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let onnx = onnx.to_owned();
    Box::new(move |name, range| {
        let path = if name == ONNX_FILE_ITSELF { onnx.clone() } else { format!("{folder}{name}") };
        let Some(length) = file_size(source, &path)? else {
            fail!(MissingFile, "{path} is missing: the model keeps weights in it");
        };
        if range.end > length {
            fail!(
                InvalidModel,
                "{path} is truncated: it has {length} bytes, but a weight is at bytes {} to {}",
                range.start,
                range.end
            );
        }
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut bytes = try_filled(length, 0, format_args!("a weight of {path}"))?;
        source.read_at(&path, range.start, &mut bytes).map_err(|e| cannot_read(&path, e))?;
        Ok(bytes)
    })
}

fn cannot_read(path: &str, error: std::io::Error) -> Error {
    let code = match error.kind() {
        ErrorKind::UnexpectedEof => ErrorCode::InvalidModel,
        _ => ErrorCode::FetchFailed,
    };
    Error::with_source(code, format!("{path} cannot be read: {error}"), error)
}

/// The configuration of the written folder.
pub(crate) struct ExportConfig {
    pub(crate) config: BertConfig,
    /// The numbering of positions.
    pub(crate) family: Family,
    pub(crate) activation: HiddenAct,
}

/// Returns what the graph shows, and `config` for the rest.
///
/// # Errors
/// `INVALID_CONFIG` if `config.json` has another number of layers than the graph, `UNSUPPORTED_MODEL` for positions
/// that are counted in another way than BERT's and RoBERTa's.
pub(crate) fn config_of(export: &BertExport, config: &BertConfig) -> Result<ExportConfig> {
    let sizes = export.sizes();
    if sizes.layers != config.num_hidden_layers {
        fail!(
            InvalidConfig,
            "num_hidden_layers is {} in config.json, but the graph has {} layers: the two files belong to different \
             models",
            config.num_hidden_layers,
            sizes.layers
        );
    }
    let stated = HiddenAct::parse(&config.hidden_act);
    let (activation, name) = match sizes.activation {
        Activation::Gelu => (HiddenAct::Gelu, "gelu"),
        Activation::GeluTanh => (HiddenAct::GeluTanh, "gelu_new"),
        _ => (HiddenAct::Relu, "relu"),
    };
    let kind = config.model_type.as_deref().unwrap_or("bert");
    let (family, kind, pad_token_id) = match sizes.position_rule.skipped_id {
        None => (Family::Bert, if kind == "ernie" { kind } else { "bert" }, config.pad_token_id),
        Some(pad) if sizes.position_rule.first == pad as usize + 1 => {
            let is_relative = ["roberta", "xlm-roberta", "camembert"].contains(&kind);
            (Family::Roberta, if is_relative { kind } else { "roberta" }, i64::from(pad))
        }
        Some(pad) => fail!(
            UnsupportedModel,
            "the graph counts positions from {} and skips the token {pad}; a converted folder counts from 0, or from \
             the row after the skipped token's id",
            sizes.position_rule.first
        ),
    };
    let config = BertConfig {
        vocab_size: sizes.vocabulary,
        hidden_size: sizes.hidden,
        num_attention_heads: sizes.heads,
        intermediate_size: sizes.intermediate,
        // Two names of one function: the file's own name stays.
        hidden_act: if stated.is_ok_and(|stated| stated == activation) {
            config.hidden_act.clone()
        } else {
            name.into()
        },
        // A static export may have fewer positions than the model that it was made from.
        max_position_embeddings: sizes.positions.unwrap_or(config.max_position_embeddings),
        type_vocab_size: sizes.token_types.unwrap_or(config.type_vocab_size),
        layer_norm_eps: if config.layer_norm_eps as f32 == sizes.eps {
            config.layer_norm_eps
        } else {
            f64::from(sizes.eps)
        },
        pad_token_id,
        model_type: config.model_type.is_some().then(|| kind.to_owned()),
        ..config.clone()
    };
    Ok(ExportConfig { config, family, activation })
}

/// Reads a tensor of an export by Hugging Face's name, row-major.
///
/// # Errors
/// The errors of [`BertExport::read`]; `INTERNAL` for a name that is not a tensor of the encoder.
pub(crate) fn read(export: &BertExport, config: &BertConfig, name: &str) -> Result<Vec<f32>> {
    let Some(tensor) = tensor_of(name) else { fail!(Internal, "`{name}` is not a tensor of the encoder") };
    let rows = match tensor {
        BertTensor::Positions => config.max_position_embeddings,
        _ => config.type_vocab_size,
    };
    export
        .read(tensor, rows)
        .map_err(|e| Error::with_source(e.code(), format!("`{name}`: {}", e.message()), e))
}

fn tensor_of(name: &str) -> Option<BertTensor> {
    match name {
        WORD_EMBEDDINGS => return Some(BertTensor::Words),
        "embeddings.position_embeddings.weight" => return Some(BertTensor::Positions),
        TOKEN_TYPE_EMBEDDINGS => return Some(BertTensor::TokenTypes),
        _ => {}
    }
    let (module, part) = name.rsplit_once('.')?;
    let is_weight = part == "weight";
    let norm = |norm| Some(if is_weight { BertTensor::Gamma(norm) } else { BertTensor::Beta(norm) });
    let after =
        |of| Some(if is_weight { BertTensor::ClassifierWeight(of) } else { BertTensor::ClassifierBias(of) });
    match module {
        POOLER => return after(ClassifierLinear::Pooler),
        CLASSIFIER => return after(ClassifierLinear::Classifier),
        _ => {}
    }
    if module == "embeddings.LayerNorm" {
        return norm(BertNorm::Embeddings);
    }
    let (layer, module) = module.strip_prefix("encoder.layer.")?.split_once('.')?;
    let layer = layer.parse().ok()?;
    let linear = match module {
        "attention.self.query" => BertLinear::Query,
        "attention.self.key" => BertLinear::Key,
        "attention.self.value" => BertLinear::Value,
        "attention.output.dense" => BertLinear::AttentionOutput,
        "intermediate.dense" => BertLinear::Intermediate,
        "output.dense" => BertLinear::Output,
        "attention.output.LayerNorm" => return norm(BertNorm::Attention(layer)),
        "output.LayerNorm" => return norm(BertNorm::Output(layer)),
        _ => return None,
    };
    Some(if is_weight { BertTensor::Weight(layer, linear) } else { BertTensor::Bias(layer, linear) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::bert::encoder_tensors;

    #[test]
    fn every_tensor_of_the_encoder_has_a_place_of_its_own_in_an_export() {
        let config = BertConfig::from_json(
            br#"{"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                 "intermediate_size": 16}"#,
        )
        .unwrap();
        let mut places = Vec::new();
        for tensor in encoder_tensors(&config, None) {
            let place = tensor_of(&tensor.name).unwrap_or_else(|| panic!("{}", tensor.name));
            assert!(!places.contains(&place), "{} is {place:?} again", tensor.name);
            places.push(place);
        }
        assert_eq!(places.len(), 5 + 2 * 16);
        assert_eq!(
            tensor_of("pooler.dense.weight"),
            Some(BertTensor::ClassifierWeight(ClassifierLinear::Pooler))
        );
        assert_eq!(tensor_of("cls.weight"), None);
    }
}
