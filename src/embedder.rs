//! Text → vectors: joins tokenizer, encoder and pooling.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use crate::batch::Batch;
use crate::config::{BertConfig, PoolingChoice};
use crate::decision::Decision;
pub use crate::embed_job::EmbedJob;
use crate::encoder::Encoder;
use crate::encoder::reserve::try_with_capacity;
use crate::error::{Error, Result, fail};
use crate::lineage::Lineage;
use crate::prompts::{PromptChoice, Prompts};
use crate::recipe::{HiddenShape, VectorRecipe};
use crate::similarity::Metric;
use crate::tokenizer::{Encoding, Tokenizer, Tokens};

mod self_test;
#[cfg(not(target_arch = "wasm32"))]
mod threads;

/// The most texts that one step tokenizes.
const MAX_STEP_TEXTS: usize = 256;
/// The bytes of text after which a step stops tokenizing.
const MAX_STEP_BYTES: usize = 64 << 10;

/// A tokenizer, an encoder, and the steps from its output to vectors.
///
/// ```no_run
/// use std::path::Path;
///
/// let mut embedder = corom::model::folder::load(Path::new("models/corom"), Default::default())?;
/// let vectors = embedder.embed(&["阔腿裤女冬牛仔", "阔腿牛仔裤女秋冬款"])?;
/// assert_eq!(vectors.len(), 2 * embedder.dimension());
/// # Ok::<(), corom::error::Error>(())
/// ```
pub struct Embedder {
    tokenizer: Arc<Tokenizer>,
    encoder: Box<dyn Encoder>,
    config: BertConfig,
    /// The layers that the encoder returns, in its order.
    layers: Vec<usize>,
    recipe: Arc<VectorRecipe>,
    metric: Metric,
    prompts: Prompts,
    /// The settings and their sources.
    decisions: Vec<Decision>,
    lineage: Option<Lineage>,
    distilled_from: Option<Lineage>,
    /// The job whose batch the encoder runs.
    running_job: Option<u64>,
    /// The number of threads of `run`.
    #[cfg(not(target_arch = "wasm32"))]
    threads: usize,
    /// The encoders of further threads.
    #[cfg(not(target_arch = "wasm32"))]
    forks: Vec<Box<dyn Encoder>>,
}

impl Embedder {
    /// Joins the parts, with the cosine as metric and without prompts. `layers` are the layers that the encoder was loaded with, in that order;
    /// they include every layer that the recipe's pooling reads.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` if `config.json` and the graph disagree, `UNSUPPORTED_POOLING` if a layer
    /// is missing, `INVALID_ARGUMENT` if the encoder returns first rows only and the pooling is not CLS.
    pub fn new(
        tokenizer: Tokenizer,
        encoder: Box<dyn Encoder>,
        config: BertConfig,
        layers: Vec<usize>,
        recipe: VectorRecipe,
    ) -> Result<Self> {
        let info = encoder.info();
        if !info.pooled && info.hidden_size != config.hidden_size {
            fail!(
                UnsupportedModel,
                "the graph has hidden_size {}, config.json has {}: the two files belong to different models",
                info.hidden_size,
                config.hidden_size
            );
        }
        recipe.check_rows(info)?;
        let recipe = Arc::new(recipe);
        let embedder = Self {
            tokenizer: Arc::new(tokenizer),
            encoder,
            config,
            layers,
            recipe,
            metric: Metric::Cosine,
            prompts: Prompts::default(),
            decisions: Vec::new(),
            lineage: None,
            distilled_from: None,
            running_job: None,
            #[cfg(not(target_arch = "wasm32"))]
            threads: 1,
            #[cfg(not(target_arch = "wasm32"))]
            forks: Vec::new(),
        };
        embedder.recipe.check_layers(embedder.hidden_shape())?;
        Ok(embedder)
    }

    fn hidden_shape(&self) -> HiddenShape<'_> {
        HiddenShape {
            layers: &self.layers,
            num_hidden_layers: self.config.num_hidden_layers,
            hidden_size: self.encoder.info().hidden_size,
        }
    }

    /// Returns the settings of the model, each with the file that decided it. Empty for an embedder that was
    /// not loaded from a folder.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Sets what [`decisions`](Self::decisions) returns.
    pub fn set_decisions(&mut self, decisions: Vec<Decision>) {
        self.decisions = decisions;
    }

    /// Returns the id of the model and of its vectors, for a folder that `corom convert` wrote. Folders of earlier
    /// releases and of other tools have none.
    pub fn lineage(&self) -> Option<&Lineage> {
        self.lineage.as_ref()
    }

    /// Sets what [`lineage`](Self::lineage) returns.
    pub fn set_lineage(&mut self, lineage: Option<Lineage>) {
        self.lineage = lineage;
    }

    /// Returns the lineage of the model whose vectors this one returns, if it was distilled from one. It embeds queries for
    /// the catalogs of that model.
    pub fn distilled_from(&self) -> Option<&Lineage> {
        self.distilled_from.as_ref()
    }

    /// Sets what [`distilled_from`](Self::distilled_from) returns.
    pub fn set_distilled_from(&mut self, teacher: Option<Lineage>) {
        self.distilled_from = teacher;
    }

    /// Returns how the model's vectors are compared.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Sets what [`metric`](Self::metric) returns.
    pub fn set_metric(&mut self, metric: Metric) {
        self.metric = metric;
    }

    /// Returns the prompts of the model.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Sets the prompts.
    pub fn set_prompts(&mut self, prompts: Prompts) {
        self.prompts = prompts;
    }

    /// Returns the number of elements of a vector.
    pub fn dimension(&self) -> usize {
        self.recipe.dimension()
    }

    /// Returns the tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Returns the tokenizer, to change its maximum length or its options.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if another embedder, made by `fork`, shares it.
    pub fn tokenizer_mut(&mut self) -> Result<&mut Tokenizer> {
        let Some(tokenizer) = Arc::get_mut(&mut self.tokenizer) else {
            fail!(InvalidArgument, "the tokenizer is shared with a fork; change it before `fork`");
        };
        Ok(tokenizer)
    }

    /// Returns the encoder.
    pub fn encoder(&self) -> &dyn Encoder {
        &*self.encoder
    }

    /// Replaces the encoder by another one of the same model.
    #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
    pub(crate) fn map_encoder(self, map: impl FnOnce(Box<dyn Encoder>) -> Box<dyn Encoder>) -> Self {
        Self { encoder: map(self.encoder), ..self }
    }

    /// Returns the encoder alone.
    #[cfg(all(feature = "gpu", not(target_arch = "wasm32")))]
    pub(crate) fn into_encoder(self) -> Box<dyn Encoder> {
        self.encoder
    }

    /// Returns the model's configuration.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// Returns the pooling.
    pub fn pooling(&self) -> &PoolingChoice {
        &self.recipe.pooling
    }

    /// Returns true if vectors are L2-normalized.
    pub fn normalize(&self) -> bool {
        self.recipe.normalize
    }

    /// Returns the tokens of a text.
    ///
    /// # Errors
    /// See [`Tokenizer::encode`].
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        self.tokenizer.tokenize(text)
    }

    /// Embeds texts after the model's default prompt. Returns `[texts.len(), dimension]`, row-major, in the
    /// order of the texts.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text that cannot be tokenized, `INVALID_MODEL` if the graph returns
    /// NaN or infinity, `INTERNAL` if the graph fails. The embedder stays usable.
    pub fn embed<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<Vec<f32>> {
        let mut job = self.start(texts.iter().map(|t| t.as_ref().to_owned()).collect())?;
        self.run_to_end(&mut job)?;
        self.finish(job)
    }

    /// Runs a job to its end, on all threads where there are some.
    pub(crate) fn run_to_end(&mut self, job: &mut EmbedJob) -> Result<()> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.run(job);
        #[cfg(target_arch = "wasm32")]
        {
            while !self.step(job)? {}
            Ok(())
        }
    }

    /// Starts a list of texts, after the model's default prompt. Nothing is computed yet.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` if the memory for the vectors cannot be reserved.
    pub fn start(&self, texts: Vec<String>) -> Result<EmbedJob> {
        self.start_with_prompt(texts, &PromptChoice::Default)
    }

    /// Starts a list of texts, with a prompt before each of them.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the model has no such prompt, `UNSUPPORTED_POOLING` if the model's files say
    /// that the prompt takes no part in the pooling and the graph pools by itself, `OUT_OF_MEMORY`.
    pub fn start_with_prompt(&self, texts: Vec<String>, prompt: &PromptChoice) -> Result<EmbedJob> {
        let prompt = self.prompts.resolve(prompt)?.to_owned();
        let skipped = self.skipped_tokens(&prompt)?;
        let mut job = self.start_with(texts, Arc::clone(&self.recipe))?;
        (job.prompt, job.skipped) = (prompt, skipped);
        Ok(job)
    }

    /// Returns how many tokens at the start of a text the pooling leaves out: as sentence-transformers
    /// counts them, those of the prompt alone without its `[SEP]`.
    fn skipped_tokens(&self, prompt: &str) -> Result<usize> {
        if prompt.is_empty() || self.prompts.include_prompt {
            return Ok(0);
        }
        if self.encoder.info().pooled && self.recipe.pooling == PoolingChoice::Graph {
            fail!(
                UnsupportedPooling,
                "prompt: the model's files say that the prompt takes no part in the pooling (include_prompt is false), \
                 but the graph pools by itself; pass prompt: \"\" or load the model with a `pooling`"
            );
        }
        Ok(self.tokenizer.encode(prompt)?.input_ids.len().saturating_sub(1))
    }

    /// Starts the pairs of a query and each text. The vectors are the graph's outputs per pair.
    ///
    /// # Errors
    /// The errors of [`start`](Self::start).
    pub(crate) fn start_pairs(&self, query: String, texts: Vec<String>) -> Result<EmbedJob> {
        let mut job = self.start_with(texts, Arc::clone(&self.recipe))?;
        job.query = Some(query);
        Ok(job)
    }

    fn start_with(&self, texts: Vec<String>, recipe: Arc<VectorRecipe>) -> Result<EmbedJob> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let numbers = texts.len().saturating_mul(recipe.dimension());
        let what = format_args!("the vectors of {} texts; embed fewer texts per call", texts.len());
        let mut vectors = try_with_capacity(numbers, what)?;
        vectors.resize(numbers, 0.0);
        Ok(EmbedJob::new(NEXT_ID.fetch_add(1, Ordering::Relaxed), texts, vectors, recipe))
    }

    /// Does a small part of the work: tokenizes some texts, or runs one batch once all texts are
    /// tokenized. Returns true if the job is done.
    ///
    /// A back end that computes elsewhere may need several steps for a batch, and begins the next batch meanwhile.
    /// [`EmbedJob::is_pending`] is then true after a step that could only wait. The batches of another job that have
    /// not finished are run again.
    ///
    /// # Errors
    /// See [`embed`](Self::embed).
    pub fn step(&mut self, job: &mut EmbedJob) -> Result<bool> {
        job.is_pending = false;
        if !job.is_tokenized() {
            self.tokenize_some(job)?;
            if job.is_tokenized() {
                job.set_layout(self.encoder.info().batch_layout);
            }
            return Ok(false);
        }
        // After an error, and after a step of another job, no batch of this one is running.
        if self.running_job.take() != Some(job.id) {
            job.begun = 0;
        }
        let max_runs = self.encoder.max_runs();
        if job.begun < max_runs && !job.batch(job.begun).is_empty() {
            let texts = job.batch(job.begun).to_vec();
            let batch = batch_of(texts.iter().map(|&i| &job.encodings[i]));
            match job.begun {
                0 => self.encoder.begin(&batch)?,
                _ => self.encoder.begin_next(&batch)?,
            }
            job.begun += 1;
            if job.begun < max_runs && !job.batch(job.begun).is_empty() {
                self.running_job = Some(job.id);
                return Ok(false);
            }
        }
        if job.begun > 0 {
            if let Poll::Ready(output) = self.encoder.poll()? {
                let texts = job.batch(0).to_vec();
                let lengths: Vec<usize> = texts.iter().map(|&i| job.encodings[i].input_ids.len()).collect();
                let vectors = job.recipe.vectors(output, &lengths, job.skipped, self.hidden_shape())?;
                job.finish_batch(&vectors);
            } else {
                job.is_pending = true;
            }
            self.running_job = Some(job.id);
        }
        Ok(job.done() == job.total())
    }

    /// Returns the vectors of a job that is done: `[total, dimension]`, row-major.
    ///
    /// # Errors
    /// `INTERNAL` if the job is not done.
    pub fn finish(&self, job: EmbedJob) -> Result<Vec<f32>> {
        if job.done() < job.total() {
            fail!(Internal, "only {} of {} texts are embedded", job.done(), job.total());
        }
        Ok(job.vectors)
    }

    fn tokenize_some(&self, job: &mut EmbedJob) -> Result<()> {
        let mut bytes = 0;
        for _ in 0..MAX_STEP_TEXTS {
            let index = job.encodings.len();
            let Some(text) = job.texts.get(index) else { break };
            if bytes > MAX_STEP_BYTES {
                break;
            }
            bytes += text.len();
            let encoding = encode(&self.tokenizer, job, text, index)?;
            // Free the text, which may be large.
            job.texts[index] = String::new();
            job.encodings.push(encoding);
        }
        Ok(())
    }
}

/// Tokenizes text `index` of a job, after its query or its prompt.
fn encode(tokenizer: &Tokenizer, job: &EmbedJob, text: &str, index: usize) -> Result<Encoding> {
    match &job.query {
        Some(query) => tokenizer.encode_pair(query, text),
        None if job.prompt.is_empty() => tokenizer.encode(text),
        None => tokenizer.encode(&[&job.prompt, text].concat()),
    }
    .map_err(|e| Error::with_source(e.code(), format!("text {index}: {}", e.message()), e))
}

fn batch_of<'a>(encodings: impl Iterator<Item = &'a Encoding>) -> Batch {
    Batch::new(encodings.map(|e| (&e.input_ids[..], &e.token_type_ids[..])))
}
