//! Builds a model from its files: first everything but the weights beside the ONNX file, then the weights as
//! they arrive.

use std::collections::BTreeMap;

use crate::config::{BertConfig, DEFAULT_MAX_LENGTH, Pooling, PoolingConfig};
use crate::embedder::Embedder;
use crate::encoder::{BackendChoice, EncoderLoader, EncoderOptions};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::self_test::SelfTest;
use crate::tokenizer::Tokenizer;

use super::manifest::Manifest;
use super::options::LoadOptions;
use super::side_files::{Overrides, read_side_files};
use super::unverified_model::UnverifiedModel;

/// A model whose weight files are still arriving.
pub(super) struct ModelBuilder {
    tokenizer: Tokenizer,
    config: BertConfig,
    options: LoadOptions,
    /// The settings in the model's own files.
    model_settings: PoolingConfig,
    pooling: Pooling,
    /// The layers whose output the encoder returns.
    layers: Vec<usize>,
    self_test: Option<SelfTest>,
    encoder: EncoderLoader,
    /// The folder of the ONNX file: empty, or with a trailing slash.
    folder: String,
}

impl ModelBuilder {
    /// Reads the configuration, the tokenizer and the graph from `files`.
    ///
    /// # Errors
    /// `MISSING_FILE` if one of them is not in `files`, and any error of the configuration, the tokenizer or
    /// the graph.
    pub(super) fn new(
        mut files: BTreeMap<String, Vec<u8>>,
        manifest: Option<&Manifest>,
        onnx: Option<&str>,
        options: &LoadOptions,
    ) -> Result<Self> {
        let missing =
            |path: &str| Error::new(ErrorCode::MissingFile, format!("{path} was not passed to the loader"));
        let model_settings = match manifest {
            Some(m) => PoolingConfig {
                pooling: Some(m.pooling),
                normalize: Some(m.normalize),
                max_length: Some(m.max_length),
            },
            None => read_side_files(
                &|path| Ok(files.get(path).cloned()),
                Overrides { pooling: options.pooling, ignore_head: options.pooling.is_some() },
            )?,
        };
        let config = BertConfig::from_json(files.get("config.json").ok_or_else(|| missing("config.json"))?)?;
        if let Some(m) = manifest
            && m.hidden_size != config.hidden_size
        {
            fail!(
                InvalidConfig,
                "hidden_size is {} in corom.json and {} in config.json: the two files belong to different models",
                m.hidden_size,
                config.hidden_size
            );
        }
        let default_pooling = model_settings.pooling.unwrap_or(Pooling::Cls);
        let pooling = options.pooling.unwrap_or(default_pooling);
        let self_test = manifest.and_then(|m| m.self_test.clone()).filter(|_| !options.skip_self_test);
        let mut layers = pooling.layers(config.num_hidden_layers);
        if self_test.is_some() {
            layers.extend(default_pooling.layers(config.num_hidden_layers));
        }
        layers.sort_unstable();
        layers.dedup();
        let only_cls = pooling == Pooling::Cls && (self_test.is_none() || default_pooling == Pooling::Cls);

        let tokenizer_json = files.remove("tokenizer.json").ok_or_else(|| missing("tokenizer.json"))?;
        // The tokenizer before the graph: it is read quickly, so a wrong one is reported early.
        let default_length = model_settings.max_length.unwrap_or(DEFAULT_MAX_LENGTH);
        let tokenizer = Tokenizer::from_json(
            &tokenizer_json,
            default_length.min(config.max_position_embeddings),
            config.vocab_size,
        )?;
        drop(tokenizer_json);

        let onnx_path = onnx.ok_or_else(|| missing("the ONNX file"))?;
        let onnx = files.remove(onnx_path).ok_or_else(|| missing(onnx_path))?;
        let folder = onnx_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let encoder = EncoderOptions {
            layers: layers.clone(),
            first_rows: only_cls,
            precision: options.precision,
            kernel: options.kernel,
            backend: if options.unfused { BackendChoice::Unfused } else { BackendChoice::Auto },
        };
        let encoder = EncoderLoader::new(onnx, &config, encoder)?;
        let options = options.clone();
        Ok(Self { tokenizer, config, options, model_settings, pooling, layers, self_test, encoder, folder })
    }

    /// Returns the path of a weight file relative to the ONNX file.
    fn relative<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    /// See [`EncoderLoader::begin`].
    pub(super) fn begin(&mut self, path: &str) {
        self.encoder.begin(self.relative(path));
    }

    /// See [`EncoderLoader::write`].
    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.encoder.write(self.relative(path), offset, bytes)
    }

    /// See [`EncoderLoader::end`].
    pub(super) fn end(&mut self, path: &str) -> Result<()> {
        self.encoder.end(self.relative(path))
    }

    /// Returns the model. All weights have arrived.
    ///
    /// # Errors
    /// `UNSUPPORTED_POOLING` if a pooling was chosen and the graph pools by itself, `INVALID_ARGUMENT` if
    /// `max_length` is too long, and the errors of [`EncoderLoader::finish`].
    pub(super) fn finish(self) -> Result<UnverifiedModel> {
        let Self {
            mut tokenizer, config, options, model_settings, pooling, layers, self_test, encoder, ..
        } = self;
        let encoder = encoder.finish()?;
        let info = encoder.info();
        if info.pooled && options.pooling.is_some() {
            fail!(
                UnsupportedPooling,
                "pooling: this graph pools by itself (its output is one row per text); omit the option"
            );
        }
        let longest = config.max_position_embeddings.min(info.static_sequence.unwrap_or(usize::MAX));
        let default_length = model_settings.max_length.unwrap_or(DEFAULT_MAX_LENGTH).min(longest);
        let max_length = match options.max_length {
            Some(n) if n > longest => {
                fail!(
                    InvalidArgument,
                    "maxLength: {n} is too long; this model supports at most {longest} tokens"
                )
            }
            Some(n) => n,
            None => default_length,
        };
        tokenizer.set_max_length(default_length)?;
        let normalize = options.normalize.or(model_settings.normalize).unwrap_or(false);
        let embedder = Embedder::new(tokenizer, encoder, config, layers, pooling, normalize)?;
        // The self-test uses the manifest's settings, because its vectors were made with them.
        let default_pooling = model_settings.pooling.unwrap_or(Pooling::Cls);
        let self_test =
            self_test.map(|test| (test, default_pooling, model_settings.normalize.unwrap_or(false)));
        UnverifiedModel::new(embedder, self_test, max_length)
    }
}

impl std::fmt::Debug for ModelBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelBuilder")
            .field("pooling", &self.pooling)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
