//! The class `Reranker`: scores pairs of a query and a document.

use serde::Serialize;
use wasm_bindgen::prelude::*;

use super::convert::to_js;
use super::job::EmbedJob;
use crate::decision::Decision;
use crate::reranker::{self, PairScore};
use crate::tokenizer::{PairTokens, Tokens};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    layers: usize,
    heads: usize,
    vocab_size: usize,
    max_length: usize,
    labels: usize,
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
    settings: &'a [Decision],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PairOfTexts {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    tokens: Vec<String>,
    offsets: Vec<(usize, usize)>,
    truncated: bool,
    unknown: usize,
}

/// See [`reranker::Reranker`].
#[wasm_bindgen]
pub struct Reranker(pub(super) reranker::Reranker);

#[wasm_bindgen]
impl Reranker {
    /// Returns what was loaded.
    pub fn info(&self) -> Result<JsValue, JsValue> {
        let model = self.0.model();
        let (config, encoder) = (model.config(), model.encoder().info());
        to_js(&Info {
            layers: config.num_hidden_layers,
            heads: config.num_attention_heads,
            vocab_size: config.vocab_size,
            max_length: model.tokenizer().max_length(),
            labels: self.0.labels(),
            dtype: encoder.dtype,
            backend: encoder.backend,
            fused: encoder.fused,
            precision: encoder.precision,
            kernel: encoder.kernel,
            weight_bytes: encoder.weight_bytes,
            device: encoder.device.as_deref(),
            fallback: encoder.fallback.as_deref(),
            settings: model.decisions(),
        })
    }

    /// Returns the current `info().kernel`. It changes once the autotuner has decided.
    pub fn kernel(&self) -> String {
        self.0.model().encoder().info().kernel.to_owned()
    }

    /// Starts the pairs of a query and each document.
    pub fn start(&self, query: String, documents: Vec<String>) -> Result<EmbedJob, JsValue> {
        Ok(EmbedJob(self.0.start(query, documents)?))
    }

    /// Does a part of the work. Returns true if the job is done.
    pub fn step(&mut self, job: &mut EmbedJob) -> Result<bool, JsValue> {
        Ok(self.0.step(&mut job.0)?)
    }

    /// Returns the logits of a job that is done, one per document.
    pub fn finish(&self, job: EmbedJob) -> Result<Vec<f32>, JsValue> {
        Ok(self.0.finish(job.0)?)
    }

    /// Returns the sigmoid of each logit.
    pub fn probabilities(&self, logits: &[f32]) -> Vec<f32> {
        logits.iter().map(|&logit| PairScore::of_logit(logit).probability).collect()
    }

    /// Returns the tokens of a pair: `{ ids, typeIds, tokens, offsets, truncated, unknown }`. Offsets are those in the
    /// token's own text.
    #[wasm_bindgen(js_name = tokenizePair)]
    pub fn tokenize_pair(&self, query: &str, document: &str) -> Result<JsValue, JsValue> {
        let PairTokens { tokens, type_ids } = self.0.tokenize(query, document)?;
        let Tokens { ids, tokens, offsets, truncated, unknown } = tokens;
        to_js(&PairOfTexts { ids, type_ids, tokens, offsets, truncated, unknown })
    }
}
