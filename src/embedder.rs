//! Text → vectors: the one place that joins tokenizer, encoder and pooling.

use std::ops::Range;

use crate::batch::{Batch, plan};
use crate::config::{BertConfig, Pooling};
use crate::encoder::{Encoder, EncoderOutput};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::manifest::SelfTest;
use crate::pooling::{l2_normalize, pool};
use crate::similarity::dot;
use crate::tokenizer::{Encoding, Tokenizer, Tokens};

/// Texts that one step tokenises at most, and bytes of text after which it stops.
const STEP_TEXTS: usize = 256;
const STEP_BYTES: usize = 64 << 10;

/// The cosine to the converter's vectors below which a self-test fails: exact kernels reach
/// 0.9996 with integers and 0.999999 in f32, the relaxed ones' 7 bits 0.999 on a real model.
/// Another text's vector can still be at 0.95.
const SELF_TEST_MIN_COSINE: f32 = 0.999;
const SELF_TEST_MIN_COSINE_RELAXED: f32 = 0.99;
/// How much longer or shorter a vector may be.
const SELF_TEST_MAX_STRETCH: f32 = 0.02;

/// A tokenizer, an encoder and a pooling.
pub struct Embedder {
    tokenizer: Tokenizer,
    encoder: Box<dyn Encoder>,
    config: BertConfig,
    /// The layers that the encoder gives, in its order.
    layers: Vec<usize>,
    pooling: Pooling,
    normalize: bool,
}

/// A list of texts on its way to vectors, a step at a time, so that the caller
/// can do something else, or stop, between two steps.
#[derive(Debug)]
pub struct EmbedJob {
    texts: Vec<String>,
    encodings: Vec<Encoding>,
    order: Vec<usize>,
    batches: Vec<Range<usize>>,
    next_batch: usize,
    done: usize,
    vectors: Vec<f32>,
}

impl EmbedJob {
    /// Texts whose vectors are there.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Texts in all.
    pub fn total(&self) -> usize {
        self.texts.len()
    }
}

impl Embedder {
    /// Joins the parts. `layers` are those that the encoder was loaded with, in
    /// that order; they hold every layer that `pooling` averages.
    ///
    /// # Errors
    /// `UNSUPPORTED_MODEL` when `config.json` and the graph disagree,
    /// `UNSUPPORTED_POOLING` when a layer is missing.
    pub fn new(
        tokenizer: Tokenizer,
        encoder: Box<dyn Encoder>,
        config: BertConfig,
        layers: Vec<usize>,
        pooling: Pooling,
        normalize: bool,
    ) -> Result<Self> {
        let info = encoder.info();
        if !info.pooled && info.hidden_size != config.hidden_size {
            fail!(
                UnsupportedModel,
                "the graph's hidden_size is {} but config.json says {}: they are not of the same model",
                info.hidden_size,
                config.hidden_size
            );
        }
        let embedder = Self { tokenizer, encoder, config, layers, pooling, normalize };
        embedder.layer_positions(pooling)?;
        Ok(embedder)
    }

    /// Numbers in a vector.
    pub fn dimension(&self) -> usize {
        self.encoder.info().hidden_size
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Sets where texts are cut, in tokens with `[CLS]` and `[SEP]`.
    ///
    /// # Errors
    /// See [`Tokenizer::set_max_length`].
    pub fn set_max_length(&mut self, max_length: usize) -> Result<()> {
        self.tokenizer.set_max_length(max_length)
    }

    /// The encoder.
    pub fn encoder(&self) -> &dyn Encoder {
        &*self.encoder
    }

    /// The model's configuration.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The pooling in use. (A graph that pools by itself makes it moot.)
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Whether vectors are L2-normalised.
    pub fn normalize(&self) -> bool {
        self.normalize
    }

    /// A text's tokens.
    ///
    /// # Errors
    /// See [`Tokenizer::encode`].
    pub fn tokenize(&self, text: &str) -> Result<Tokens> {
        self.tokenizer.tokenize(text)
    }

    /// Embeds texts: `[texts.len(), dimension]`, row-major, in the texts' order.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a text that cannot be tokenised, `INVALID_MODEL`
    /// when the graph gives no numbers, `INTERNAL` when it fails; the embedder
    /// stays usable.
    pub fn embed<S: AsRef<str>>(&mut self, texts: &[S]) -> Result<Vec<f32>> {
        let mut job = self.start(texts.iter().map(|t| t.as_ref().to_owned()).collect())?;
        while !self.step(&mut job)? {}
        self.finish(job)
    }

    /// Starts a list of texts. Nothing is computed yet.
    ///
    /// # Errors
    /// `OUT_OF_MEMORY` when there is no room for so many vectors.
    pub fn start(&self, texts: Vec<String>) -> Result<EmbedJob> {
        let mut vectors = Vec::new();
        let numbers = texts.len().checked_mul(self.dimension());
        if numbers.is_none_or(|n| vectors.try_reserve_exact(n).is_err()) {
            fail!(
                OutOfMemory,
                "there is no room for {} vectors at once: embed fewer texts a call",
                texts.len()
            );
        }
        vectors.resize(texts.len() * self.dimension(), 0.0);
        Ok(EmbedJob {
            encodings: Vec::with_capacity(texts.len()),
            order: Vec::new(),
            batches: Vec::new(),
            next_batch: 0,
            done: 0,
            vectors,
            texts,
        })
    }

    /// Does a little of the work: tokenises some texts, or, once all are
    /// tokenised, runs one batch. Returns whether the job is done.
    ///
    /// # Errors
    /// See [`embed`](Self::embed).
    pub fn step(&mut self, job: &mut EmbedJob) -> Result<bool> {
        if job.encodings.len() < job.texts.len() {
            self.tokenize_some(job)?;
            if job.encodings.len() == job.texts.len() {
                let lengths: Vec<usize> = job.encodings.iter().map(|e| e.input_ids.len()).collect();
                (job.order, job.batches) = plan(&lengths, self.encoder.info().fill());
            }
        } else if let Some(range) = job.batches.get(job.next_batch).cloned() {
            let rows = &job.order[range];
            let vectors = self.run(rows.iter().map(|&i| &job.encodings[i]), self.pooling, self.normalize)?;
            let dimension = self.dimension();
            for (&row, vector) in rows.iter().zip(vectors.chunks_exact(dimension)) {
                job.vectors[row * dimension..][..dimension].copy_from_slice(vector);
            }
            job.done += rows.len();
            job.next_batch += 1;
        }
        Ok(job.done == job.texts.len())
    }

    /// The vectors of a job that is done: `[total, dimension]`, row-major.
    ///
    /// # Errors
    /// `INTERNAL` when steps are still due.
    pub fn finish(&self, job: EmbedJob) -> Result<Vec<f32>> {
        if job.done < job.texts.len() {
            fail!(Internal, "only {} of {} texts are embedded", job.done, job.texts.len());
        }
        Ok(job.vectors)
    }

    /// Embeds the self-test's texts and compares.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` when a vector points elsewhere or has another length
    /// than the converter's.
    pub fn self_test(&mut self, test: &SelfTest, pooling: Pooling, normalize: bool) -> Result<()> {
        let least = match self.encoder.info().kernel {
            "relaxed-i16" | "relaxed-i32" => SELF_TEST_MIN_COSINE_RELAXED,
            _ => SELF_TEST_MIN_COSINE,
        };
        for (text, expected) in test.texts.iter().zip(&test.vectors) {
            let encoding = self.tokenizer.encode(text)?;
            let actual = self.run(std::iter::once(&encoding), pooling, normalize)?;
            let norms = (dot(&actual, &actual).sqrt(), dot(expected, expected).sqrt());
            let cosine = dot(&actual, expected) / (norms.0 * norms.1);
            // Written so that NaN fails.
            let alike = actual.len() == expected.len()
                && cosine >= least
                && (norms.0 / norms.1 - 1.0).abs() <= SELF_TEST_MAX_STRETCH;
            if !alike {
                fail!(
                    SelfTestFailed,
                    "the self-test's `{text}` has cosine {cosine} (lengths {} and {}) to the vector in corom.json: \
                     the model or this device computes something else; nothing was loaded",
                    norms.0,
                    norms.1
                );
            }
        }
        Ok(())
    }

    fn tokenize_some(&self, job: &mut EmbedJob) -> Result<()> {
        let mut bytes = 0;
        for _ in 0..STEP_TEXTS {
            let index = job.encodings.len();
            let Some(text) = job.texts.get_mut(index) else { break };
            if bytes > STEP_BYTES {
                break;
            }
            bytes += text.len();
            let encoding = self
                .tokenizer
                .encode(text)
                .map_err(|e| Error::with_source(e.code(), format!("text {index}: {}", e.message()), e))?;
            // The text is not needed any more, and may be large.
            *text = String::new();
            job.encodings.push(encoding);
        }
        Ok(())
    }

    fn run<'a>(
        &mut self,
        encodings: impl Iterator<Item = &'a Encoding>,
        pooling: Pooling,
        normalize: bool,
    ) -> Result<Vec<f32>> {
        let rows = encodings.map(|e| (&e.input_ids[..], &e.token_type_ids[..]));
        let batch = Batch::pad(rows, self.config.pad_token_id);
        let positions = self.layer_positions(pooling)?;
        let dimension = self.dimension();
        let mut vectors = match self.encoder.forward(&batch)? {
            EncoderOutput::Pooled(vectors) => vectors,
            EncoderOutput::Hidden(layers) => {
                let mut chosen: Vec<&[f32]> = Vec::with_capacity(positions.len());
                for position in positions {
                    match layers.get(position) {
                        Some(layer) if layer.len() == batch.lengths.iter().sum::<usize>() * dimension => {
                            chosen.push(layer);
                        }
                        _ => fail!(Internal, "the encoder gave other hidden states than it was asked for"),
                    }
                }
                pool(pooling, &chosen, &batch.lengths, dimension)
            }
        };
        if vectors.len() != batch.batch * dimension {
            fail!(Internal, "the encoder gave {} numbers for {} rows", vectors.len(), batch.batch);
        }
        if let Some(bad) = vectors.iter().find(|x| !x.is_finite()) {
            fail!(InvalidModel, "the model gives {bad} for this text: its weights are damaged");
        }
        if normalize {
            l2_normalize(&mut vectors, dimension);
        }
        Ok(vectors)
    }

    /// Where the layers that a pooling wants are among those that the encoder gives.
    fn layer_positions(&self, pooling: Pooling) -> Result<Vec<usize>> {
        if self.encoder.info().pooled {
            return Ok(Vec::new());
        }
        let wanted = pooling.layers(self.config.num_hidden_layers);
        let found: Option<Vec<usize>> =
            wanted.iter().map(|layer| self.layers.iter().position(|l| l == layer)).collect();
        found.ok_or_else(|| {
            Error::new(
                ErrorCode::UnsupportedPooling,
                format!("pooling `{}` needs the layers {wanted:?}, which were not loaded", pooling.as_str()),
            )
        })
    }
}
