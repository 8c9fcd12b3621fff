//! The class `Embedder`: embeds texts and compares vectors.

use std::collections::BTreeMap;

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::convert::to_js;
use super::job::EmbedJob;
use crate::config::PoolingChoice;
use crate::decision::Decision;
use crate::embedder;
use crate::lineage::Lineage;
use crate::prompts::PromptChoice;
use crate::rank;
use crate::similarity::{self, Metric};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    dimension: usize,
    layers: usize,
    heads: usize,
    vocab_size: usize,
    max_length: usize,
    pooling: &'a PoolingChoice,
    normalize: bool,
    metric: Metric,
    prompts: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_prompt_name: Option<&'a str>,
    dtype: &'a str,
    backend: &'a str,
    fused: bool,
    precision: &'a str,
    kernel: &'a str,
    weight_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lineage: Option<&'a Lineage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    distilled_from: Option<&'a Lineage>,
    settings: &'a [Decision],
}

#[derive(Serialize)]
struct Tokens {
    ids: Vec<u32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    truncated: bool,
    unknown: usize,
}

/// See [`embedder::Embedder`].
#[wasm_bindgen]
pub struct Embedder(pub(super) embedder::Embedder);

#[wasm_bindgen]
impl Embedder {
    /// Returns what was loaded.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let (config, encoder) = (self.0.config(), self.0.encoder().info());
        to_js(&Info {
            dimension: self.0.dimension(),
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            vocab_size: config.vocab_size,
            max_length: self.0.tokenizer().max_length(),
            pooling: self.0.pooling(),
            normalize: self.0.normalize(),
            metric: self.0.metric(),
            prompts: &self.0.prompts().by_name,
            default_prompt_name: self.0.prompts().default_name.as_deref(),
            dtype: encoder.dtype,
            backend: encoder.backend,
            fused: encoder.fused,
            precision: encoder.precision,
            kernel: encoder.kernel,
            weight_bytes: encoder.weight_bytes,
            device: encoder.device.as_deref(),
            fallback: encoder.fallback.as_deref(),
            lineage: self.0.lineage(),
            distilled_from: self.0.distilled_from(),
            settings: self.0.decisions(),
        })
    }

    /// Returns the current `info().kernel`. It changes once the autotuner has decided.
    pub fn kernel(&self) -> String {
        self.0.encoder().info().kernel.to_owned()
    }

    /// Returns the text of a prompt, which may be empty. See [`PromptChoice::parse`] for the two parts.
    #[wasm_bindgen(js_name = resolvePrompt)]
    pub fn resolve_prompt(&self, kind: Option<String>, value: Option<String>) -> Result<String, JsValue> {
        let choice = PromptChoice::parse(kind.as_deref(), value.unwrap_or_default())?;
        Ok(self.0.prompts().resolve(&choice)?.to_owned())
    }

    /// Starts to embed texts. `prompt` is the text before each of them.
    pub fn start(&self, texts: Vec<String>, prompt: String) -> Result<EmbedJob, JsValue> {
        Ok(EmbedJob(self.0.start_with_prompt(texts, &PromptChoice::Text(prompt))?))
    }

    /// Does a part of the work. Returns true if the job is done.
    pub fn step(&mut self, job: &mut EmbedJob) -> Result<bool, JsValue> {
        Ok(self.0.step(&mut job.0)?)
    }

    /// Returns the vectors of a job that is done, `[texts, dimension]`.
    pub fn finish(&self, job: EmbedJob) -> Result<Vec<f32>, JsValue> {
        Ok(self.0.finish(job.0)?)
    }

    /// Returns the tokens of a text: `{ ids, tokens, offsets, truncated, unknown }`.
    pub fn tokenize(&self, text: &str) -> Result<JsValue, JsValue> {
        let crate::tokenizer::Tokens { ids, tokens, offsets, truncated, unknown } = self.0.tokenize(text)?;
        to_js(&Tokens { ids, tokens, offsets, truncated, unknown })
    }

    /// Scores the vector of a query against the vectors of documents.
    pub fn score(&self, query: &[f32], documents: &[f32], metric: &str) -> Result<Vec<f32>, JsValue> {
        Ok(similarity::score(query, documents, Metric::parse(metric)?)?)
    }

    /// Returns the indices of the best scores, best first.
    pub fn rank(&self, scores: &[f32], top_k: Option<usize>, metric: &str) -> Result<Vec<usize>, JsValue> {
        Ok(rank::rank(scores, top_k, Metric::parse(metric)?))
    }
}
