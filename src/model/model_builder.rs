//! Builds a model from its files: first everything but the weights beside the ONNX file, then the weights as
//! they arrive.

use std::collections::BTreeMap;

use crate::config::{BertConfig, PoolingChoice};
use crate::embedder::Embedder;
use crate::encoder::onnx::{ONNX_FILE_ITSELF, OnnxFile};
use crate::encoder::{EncoderLoader, EncoderOptions, OutputPreference};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::head::{Head, HeadLayer};
use crate::lineage::{Lineage, VectorSettings};
use crate::recipe::{VectorRecipe, pooled_width};
use crate::self_test::SelfTest;
use crate::tokenizer::{
    DecidingFile, SENTENCE_TRANSFORMERS_FILES, Tokenizer, TokenizerFiles, TokenizerOptions,
};

use super::backend_choice::{allowed_kernel, backend};
use super::dtype::Dtype;
use super::manifest::{FILE_NAME, Manifest};
use super::options::LoadOptions;
use super::settings::{
    CallerSettings, ClassifierSettings, Decided, HeadModule, ModelDecisions, OutputChoice, SettingSource,
    Settings, check_inside, encoder_folder, file_in, read_head,
};
use super::task::Task;
use super::tokenizer_settings::TokenizerSettings;
use super::unverified_model::UnverifiedModel;

/// A model whose weight files are still arriving.
pub(super) struct ModelBuilder {
    task: Task,
    tokenizer: Tokenizer,
    config: BertConfig,
    /// The maximum length that the caller wants.
    max_length: Option<usize>,
    /// The caller's tokenizer options.
    tokenizer_options: TokenizerOptions,
    decisions: ModelDecisions,
    /// The modules after the pooling, with their weights.
    head: Vec<HeadLayer>,
    /// The lineage of the manifest.
    lineage: Option<Lineage>,
    /// The lineage of the teacher, of the manifest.
    distilled_from: Option<Lineage>,
    classifier: ClassifierSettings,
    /// See [`OutputChoice::assumed_inside`].
    assumed_inside: Vec<HeadModule>,
    /// The layers whose output the encoder returns.
    layers: Vec<usize>,
    self_test: Option<OwnRecipe>,
    encoder: EncoderLoader,
    /// The folder of the ONNX file: empty, or with a trailing slash.
    folder: String,
    onnx_path: String,
}

/// The self-test of a manifest, with the settings that its vectors were made with.
struct OwnRecipe {
    test: SelfTest,
    pooling: PoolingChoice,
    head: Vec<HeadLayer>,
    normalize: bool,
}

impl ModelBuilder {
    /// Reads the configuration, the settings, the tokenizer and the graph from `files`.
    ///
    /// # Errors
    /// `MISSING_FILE` if one of them is not in `files`, `POOLING_UNKNOWN` if nothing says how to pool, and any
    /// error of the configuration, the tokenizer or the graph.
    pub(super) fn new(
        mut files: BTreeMap<String, Vec<u8>>,
        manifest: Option<&Manifest>,
        onnx: (String, OnnxFile),
        options: &LoadOptions,
    ) -> Result<Self> {
        let missing =
            |path: &str| Error::new(ErrorCode::MissingFile, format!("{path} was not passed to the loader"));
        let encoder_files = encoder_folder(&files)?;
        let config_path = file_in(&encoder_files, "config.json");
        let config = BertConfig::from_json(files.get(&config_path).ok_or_else(|| missing(&config_path))?)?;
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
        let caller = CallerSettings {
            pooling: options.pooling.clone(),
            normalize: options.normalize,
            // Checked at the end: the longest text depends on the graph.
            max_length: None,
            ignore_head: options.ignore_head,
        };
        let mut settings = Settings::decide(&files, manifest, &caller, &config)?;
        let classifier = std::mem::take(&mut settings.classifier);
        let own = manifest.filter(|m| m.self_test.is_some() && !options.skip_self_test);
        let is_ranking = options.task == Task::Rerank;
        let preference = if is_ranking { OutputPreference::Scores } else { settings.output_preference() };

        let mut layers = vec![config.num_hidden_layers];
        let mut first_rows = true;
        // A reranker reads the logits, whatever pooling a file states.
        let hidden_pooling = settings.hidden_pooling().filter(|_| !is_ranking);
        let own_pooling = own.map(|manifest| &manifest.pooling);
        for pooling in hidden_pooling.into_iter().chain(own_pooling) {
            layers.extend(pooling.layers(config.num_hidden_layers));
            // Without the prompt's tokens, `cls` is another row than the first.
            first_rows &= pooling.is_cls() && settings.prompts.value.include_prompt;
        }
        layers.sort_unstable();
        layers.dedup();

        // The tokenizer before the graph: it is read quickly, so a wrong one is reported early.
        // A converted folder's tokenizer.json has everything already.
        let tokenizer_files = match manifest {
            Some(_) => {
                TokenizerFiles { tokenizer: files.remove("tokenizer.json"), ..TokenizerFiles::default() }
            }
            None => TokenizerFiles::read(|name| {
                let path = file_in(&encoder_files, name);
                Ok(if name == "tokenizer.json" { files.remove(&path) } else { files.get(&path).cloned() })
            })?,
        };
        let tokenizer =
            Tokenizer::from_files(&tokenizer_files, settings.max_length.value, config.vocab_size)?;
        let tokenizer_options = TokenizerOptions {
            lowercase: options.lowercase,
            split_special_tokens: options.split_special_tokens,
        };
        let TokenizerSettings { lowercase, split_special_tokens } =
            TokenizerSettings::of(&tokenizer, tokenizer_files.deciding_files()?, tokenizer_options, |file| {
                let names: &[&str] = match file {
                    DecidingFile::Tokenizer => return Some(file_in(&encoder_files, "tokenizer.json")),
                    DecidingFile::Config => &["tokenizer_config.json"],
                    DecidingFile::SentenceBert => &SENTENCE_TRANSFORMERS_FILES,
                    DecidingFile::None => &[],
                };
                let mut paths = names.iter().map(|name| file_in(&encoder_files, name));
                paths.find(|path| files.contains_key(path))
            });
        drop(tokenizer_files);

        let (onnx_path, onnx) = onnx;
        let folder = onnx_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let encoder = EncoderOptions {
            layers: layers.clone(),
            first_rows,
            outputs: preference,
            precision: options.precision,
            kernel: allowed_kernel(options, manifest.and_then(|m| m.self_test.as_ref())),
            backend: backend(options),
            #[cfg(feature = "gpu")]
            gpu: options.gpu.clone(),
        };
        let encoder = EncoderLoader::from_file(onnx, &config, encoder)?;
        let outputs = encoder.outputs();
        let Settings { normalize, max_length, metric, prompts, .. } = &settings;
        let (mut normalize, max_length) = (normalize.clone(), max_length.clone());
        normalize.value &= !is_ranking;
        let (metric, prompts) = (metric.clone(), prompts.clone());
        let OutputChoice { pooling, head, assumed_inside } =
            match settings.with_graph(&onnx_path, outputs.pooled.then_some(outputs.width)) {
                _ if is_ranking => Settings::for_ranking(&onnx_path),
                Ok(choice) => choice,
                Err(error) => return Err(graph_error(encoder).unwrap_or(error)),
            };
        let layers_of_head = read_head(&files, &head.value)?;
        if !outputs.pooled {
            // Checked before the weights arrive.
            Head::new(pooled_width(&pooling.value, config.hidden_size), layers_of_head.clone())?;
        }
        if let Some(m) = manifest.filter(|m| m.pooling != PoolingChoice::Graph) {
            check_dimension(m)?;
        }
        let self_test = match own {
            // The vectors of a self-test need the manifest's output, which the caller may have replaced.
            Some(m) if (m.pooling == PoolingChoice::Graph) == outputs.pooled => match &m.self_test {
                Some(test) => Some(OwnRecipe {
                    test: test.clone(),
                    pooling: m.pooling.clone(),
                    head: read_head(&files, &m.head)?,
                    normalize: m.normalize,
                }),
                None => None,
            },
            _ => None,
        };
        let model = Decided::new(onnx_path.clone(), model_source(options, manifest.is_some()));
        Ok(Self {
            task: options.task,
            tokenizer,
            config,
            max_length: options.max_length,
            tokenizer_options,
            decisions: ModelDecisions {
                pooling,
                head,
                normalize,
                max_length,
                metric,
                prompts,
                lowercase,
                split_special_tokens,
                model,
            },
            head: layers_of_head,
            lineage: manifest.and_then(|manifest| manifest.lineage.clone()),
            distilled_from: manifest.and_then(|manifest| manifest.distilled_from.clone()),
            classifier,
            assumed_inside,
            layers,
            self_test,
            encoder,
            folder,
            onnx_path,
        })
    }

    /// Returns the path of a weight file relative to the ONNX file.
    fn relative<'a>(&self, path: &'a str) -> &'a str {
        if path == self.onnx_path {
            return ONNX_FILE_ITSELF;
        }
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    /// Begins a weight file. `is_verified` says whether a hash is known. The weights of the ONNX file itself are
    /// packed as they arrive in any case, because the file was verified when it was read first.
    pub(super) fn begin(&mut self, path: &str, is_verified: bool) {
        match self.relative(path) {
            relative if is_verified && relative != ONNX_FILE_ITSELF => self.encoder.begin(relative),
            relative => self.encoder.begin_unverified(relative),
        }
    }

    /// See [`EncoderLoader::write`].
    pub(super) fn write(&mut self, path: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        self.encoder.write(self.relative(path), offset, bytes)
    }

    /// See [`EncoderLoader::end`].
    pub(super) fn end(&mut self, path: &str) -> Result<()> {
        self.encoder.end(self.relative(path))
    }

    /// See [`EncoderLoader::is_complete`].
    pub(super) fn is_complete(&self, path: &str) -> bool {
        self.encoder.is_complete(self.relative(path))
    }

    /// Returns the model. All weights have arrived.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if `max_length` is too long, `UNSUPPORTED_MODEL` if the logits of a reranker are no scores,
    /// `INVALID_CONFIG` if the modules after the pooling do not
    /// fit the graph's sentence vector, and the errors of [`EncoderLoader::finish`].
    pub(super) fn finish(self) -> Result<UnverifiedModel> {
        let Self {
            mut tokenizer,
            config,
            head,
            lineage: own_lineage,
            distilled_from,
            classifier,
            assumed_inside,
            layers,
            self_test,
            encoder,
            mut decisions,
            task,
            ..
        } = self;
        let encoder = encoder.finish()?;
        let info = encoder.info();
        check_inside(&assumed_inside, info.hidden_size)?;
        if task == Task::Rerank {
            classifier.check_labels(info.hidden_size)?;
        }
        let longest = info.max_tokens;
        if decisions.max_length.value > longest {
            decisions.max_length = Decided::by_file(longest, &self.onnx_path);
        }
        let own_length = decisions.max_length.value;
        decisions.max_length = match self.max_length {
            Some(n) if n > longest => {
                fail!(
                    InvalidArgument,
                    "maxLength: {n} is too long; this model supports at most {longest} tokens"
                )
            }
            Some(n) => Decided::new(n, SettingSource::Options),
            None => decisions.max_length,
        };
        tokenizer.set_max_length(own_length)?;
        let recipe = |pooling: &PoolingChoice, head, normalize| -> Result<VectorRecipe> {
            let head = Head::new(pooled_width(pooling, info.hidden_size), head)?;
            Ok(VectorRecipe { pooling: pooling.clone(), head, normalize })
        };
        let own = match self_test {
            Some(OwnRecipe { test, pooling, head, normalize }) => {
                Some((test, recipe(&pooling, head, normalize)?))
            }
            None => None,
        };
        let recipe = recipe(&decisions.pooling.value, head, decisions.normalize.value)?;
        // The caller's options may have changed the vectors.
        let lineage = own_lineage.as_ref().map(|lineage| {
            lineage.with_settings(VectorSettings {
                pooling: &recipe.pooling,
                head: &recipe.head,
                normalize: recipe.normalize,
                lowercase: decisions.lowercase.value,
                split_special_tokens: decisions.split_special_tokens.value,
            })
        });
        let mut embedder = Embedder::new(tokenizer, encoder, config, layers, recipe)?;
        embedder.set_distilled_from(distilled_from.filter(|_| lineage == own_lineage));
        embedder.set_lineage(lineage);
        embedder.set_metric(decisions.metric.value);
        embedder.set_prompts(decisions.prompts.value.clone());
        // The self-test uses the manifest's settings, because its vectors were made with them.
        UnverifiedModel::new(
            (embedder, task),
            own,
            decisions.max_length.value,
            self.tokenizer_options,
            match task {
                Task::Embed => decisions.list(),
                Task::Rerank => decisions.list_of_reranker(),
            },
        )
    }
}

/// Returns the error of a graph that is not recognized. It says more than an error of the settings: the graph
/// may be no BERT at all.
fn graph_error(encoder: EncoderLoader) -> Option<Error> {
    if encoder.is_planned() {
        return None;
    }
    // A weight file that has not arrived yet says nothing.
    encoder.finish().err().filter(|error| error.code() != ErrorCode::MissingFile)
}

/// Returns what decided which ONNX file is loaded: the caller, the manifest, or corom's order of names.
fn model_source(options: &LoadOptions, has_manifest: bool) -> SettingSource {
    if has_manifest {
        SettingSource::File(FILE_NAME.to_owned())
    } else if options.model.is_some() || options.dtype != Dtype::Auto {
        SettingSource::Options
    } else {
        SettingSource::Default
    }
}

/// Checks that the number of elements that a manifest states is that of its pooling and modules.
fn check_dimension(manifest: &Manifest) -> Result<()> {
    let pooled = pooled_width(&manifest.pooling, manifest.hidden_size);
    let last = manifest.head.iter().rev().find_map(HeadModule::sizes);
    let dimension = last.map_or(pooled, |(_, outputs)| outputs);
    if dimension != manifest.dimension() {
        fail!(
            InvalidConfig,
            "corom.json: dimension is {}, but its pooling and head give {dimension}",
            manifest.dimension()
        );
    }
    Ok(())
}

impl std::fmt::Debug for ModelBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelBuilder")
            .field("pooling", &self.decisions.pooling)
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}
