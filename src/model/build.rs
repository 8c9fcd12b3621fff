//! From a model's files to an [`Embedder`] that is yet to be tested.

use std::collections::BTreeMap;

use crate::config::{BertConfig, DEFAULT_MAX_LENGTH, Pooling, PoolingConfig};
use crate::embedder::Embedder;
use crate::encoder::Encoder;
use crate::encoder::onnx::external_files;
use crate::encoder::plain::PlainEncoder;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::tokenizer::Tokenizer;

use super::loader::{ModelLoader, join};
use super::packed::Packed;
use super::side_files::{Decided, settings};

pub(super) fn build(loader: ModelLoader) -> Result<Packed> {
    let ModelLoader { options, manifest, mut files, onnx: onnx_path, .. } = loader;
    let lacking = |path: &str| Error::new(ErrorCode::MissingFile, format!("{path} was not supplied"));

    let said = match &manifest {
        Some(m) => PoolingConfig {
            pooling: Some(m.pooling),
            normalize: Some(m.normalize),
            max_length: Some(m.max_length),
        },
        None => settings(
            &|path| Ok(files.get(path).cloned()),
            Decided { pooling: options.pooling, encoder_alone: options.pooling.is_some() },
        )?,
    };
    let config = BertConfig::from_json(files.get("config.json").ok_or_else(|| lacking("config.json"))?)?;
    if let Some(m) = &manifest
        && m.hidden_size != config.hidden_size
    {
        fail!(
            InvalidConfig,
            "corom.json says hidden_size {} and config.json {}",
            m.hidden_size,
            config.hidden_size
        );
    }
    let default_pooling = said.pooling.unwrap_or(Pooling::Cls);
    let pooling = options.pooling.unwrap_or(default_pooling);
    let self_test = manifest.and_then(|m| m.self_test).filter(|_| !options.skip_self_test);
    let mut layers = pooling.layers(config.num_hidden_layers);
    if self_test.is_some() {
        layers.extend(default_pooling.layers(config.num_hidden_layers));
    }
    layers.sort_unstable();
    layers.dedup();

    let onnx_path = onnx_path.ok_or_else(|| lacking("the ONNX file"))?;
    let onnx = files.remove(&onnx_path).ok_or_else(|| lacking(&onnx_path))?;
    let folder = onnx_path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut external = BTreeMap::new();
    for file in external_files(&onnx)? {
        let path = join(folder, &file.path);
        let bytes = files.remove(&path).ok_or_else(|| lacking(&path))?;
        external.insert(file.path, bytes);
    }
    let tokenizer_json = files.remove("tokenizer.json").ok_or_else(|| lacking("tokenizer.json"))?;
    drop(files);

    // The tokenizer first: it is quick, and a wrong one is not worth a long wait.
    let default_length = said.max_length.unwrap_or(DEFAULT_MAX_LENGTH);
    let mut tokenizer = Tokenizer::from_json(
        &tokenizer_json,
        default_length.min(config.max_position_embeddings),
        config.vocab_size,
    )?;
    drop(tokenizer_json);

    let encoder = PlainEncoder::load(onnx, external, &config, &layers)?;
    let info = encoder.info();
    if info.pooled && options.pooling.is_some() {
        fail!(
            UnsupportedPooling,
            "this graph pools by itself (its output is one row a text): leave `pooling` out"
        );
    }
    let longest = config.max_position_embeddings.min(info.static_sequence.unwrap_or(usize::MAX));
    let max_length = match options.max_length {
        Some(n) if n > longest => {
            fail!(InvalidArgument, "maxLength {n} is more than the {longest} tokens that this model can take")
        }
        Some(n) => n,
        None => default_length.min(longest),
    };
    tokenizer.set_max_length(default_length.min(longest))?;
    let normalize = options.normalize.or(said.normalize).unwrap_or(false);

    let embedder = Embedder::new(tokenizer, Box::new(encoder), config, layers, pooling, normalize)?;
    // Under the manifest's settings, whatever the caller chose: they made its vectors.
    let self_test = self_test.map(|test| (test, default_pooling, said.normalize.unwrap_or(false)));
    Ok(Packed { embedder, self_test, max_length })
}
