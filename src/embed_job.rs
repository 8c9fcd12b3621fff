//! A list of texts that is embedded step by step. [`Embedder`](crate::embedder::Embedder) runs the steps.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::batch::{BatchLayout, next_batch, order};
use crate::recipe::VectorRecipe;
use crate::tokenizer::{Encoding, TextReport};

/// A list of texts that is embedded step by step, so that the caller can do something else, or
/// stop, between two steps.
#[derive(Debug)]
pub struct EmbedJob {
    pub(crate) id: u64,
    pub(crate) texts: Vec<String>,
    pub(crate) encodings: Vec<Encoding>,
    /// The texts in the order of their batches, once all are tokenized.
    order: Vec<usize>,
    /// The texts before this place of `order` are embedded.
    done: usize,
    /// The ranges of `order` that are computed next.
    batches: VecDeque<Range<usize>>,
    /// The number of these that the encoder has begun.
    pub(crate) begun: usize,
    pub(crate) is_pending: bool,
    layout: Option<BatchLayout>,
    /// The limit that [`set_batch_tokens`](Self::set_batch_tokens) set.
    batch_tokens: Option<usize>,
    done_tokens: usize,
    pub(crate) vectors: Vec<f32>,
    pub(crate) recipe: Arc<VectorRecipe>,
    /// The first text of each pair, if pairs are read.
    pub(crate) query: Option<String>,
    /// The text before each text.
    pub(crate) prompt: String,
    /// Tokens at the start of each text that the pooling leaves out.
    pub(crate) skipped: usize,
}

impl EmbedJob {
    /// Makes a job in which no text is tokenized. `vectors` has `[texts.len(), dimension]` zeros.
    pub(crate) fn new(id: u64, texts: Vec<String>, vectors: Vec<f32>, recipe: Arc<VectorRecipe>) -> Self {
        Self {
            id,
            encodings: Vec::with_capacity(texts.len()),
            order: Vec::new(),
            done: 0,
            batches: VecDeque::new(),
            begun: 0,
            is_pending: false,
            layout: None,
            batch_tokens: None,
            done_tokens: 0,
            vectors,
            texts,
            recipe,
            query: None,
            prompt: String::new(),
            skipped: 0,
        }
    }

    /// Sets the most tokens of the batches from the next one on. The default, about 64, suits a page, which waits for
    /// a batch; larger batches take less time per text. A back end that pads texts keeps its own limit, because its
    /// batches change the bits of its vectors.
    pub fn set_batch_tokens(&mut self, max_tokens: usize) {
        self.batch_tokens = Some(max_tokens);
    }

    /// Returns a report per text, in the order of the texts. All texts have one once the job is done.
    pub fn reports(&self) -> impl Iterator<Item = TextReport> + '_ {
        self.encodings.iter().map(Encoding::report)
    }

    /// Returns the number of texts that are embedded.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Returns true if the last step could do nothing, because a GPU is computing. On the CPU it is always false.
    pub fn is_pending(&self) -> bool {
        self.is_pending
    }

    /// Returns the number of tokens of the texts that are embedded.
    pub fn done_tokens(&self) -> usize {
        self.done_tokens
    }

    /// Returns the number of texts.
    pub fn total(&self) -> usize {
        self.texts.len()
    }

    /// Returns true if all texts are tokenized.
    pub(crate) fn is_tokenized(&self) -> bool {
        self.encodings.len() == self.texts.len()
    }

    /// Starts to group the texts, which are all tokenized.
    pub(crate) fn set_layout(&mut self, layout: BatchLayout) {
        self.layout = Some(layout);
        self.order = order(&self.lengths(), layout);
    }

    /// Returns the texts of the next batch (`number` 0) or of one behind it: none if there is no such batch. A batch
    /// stays the same until [`finish_batch`](Self::finish_batch).
    pub(crate) fn batch(&mut self, number: usize) -> &[usize] {
        while let (true, Some(layout)) = (self.batches.len() <= number, self.layout) {
            let layout = match (layout, self.batch_tokens) {
                (BatchLayout::Ragged { .. }, Some(max_tokens)) => BatchLayout::Ragged { max_tokens },
                (own, _) => own,
            };
            let start = self.batches.back().map_or(self.done, |last| last.end);
            let lengths = |&text: &usize| self.encodings[text].input_ids.len();
            let count = next_batch(self.order[start..].iter().map(lengths), layout);
            if count == 0 {
                break;
            }
            self.batches.push_back(start..start + count);
        }
        self.batches.get(number).map_or(&[], |range| &self.order[range.clone()])
    }

    /// Stores the vectors of the next batch, one after the other.
    pub(crate) fn finish_batch(&mut self, vectors: &[f32]) {
        let dimension = self.recipe.dimension();
        let Some(batch) = self.batches.pop_front() else { return };
        for (&text, vector) in self.order[batch.clone()].iter().zip(vectors.chunks_exact(dimension)) {
            self.vectors[text * dimension..][..dimension].copy_from_slice(vector);
            self.done_tokens += self.encodings[text].input_ids.len();
        }
        self.done = batch.end;
        self.begun = self.begun.saturating_sub(1);
    }

    fn lengths(&self) -> Vec<usize> {
        self.encodings.iter().map(|encoding| encoding.input_ids.len()).collect()
    }
}

/// The batches of a job that runs on several threads.
#[cfg(not(target_arch = "wasm32"))]
impl EmbedJob {
    /// Returns true if the texts are grouped.
    pub(crate) fn has_layout(&self) -> bool {
        self.layout.is_some()
    }

    /// Counts the texts `failed` as done. No batch has begun.
    pub(crate) fn leave_out(&mut self, failed: &[usize]) {
        self.order.retain(|text| !failed.contains(text));
        self.order.splice(..0, failed.iter().copied());
        self.done = failed.len();
    }

    /// Returns the number of tokens of the texts that are not embedded.
    pub(crate) fn waiting_tokens(&self) -> usize {
        self.order[self.done..].iter().map(|&text| self.encodings[text].input_ids.len()).sum()
    }

    /// Returns the texts of every batch that is left. `max_tokens` bounds the tokens of a batch if neither
    /// [`set_batch_tokens`](Self::set_batch_tokens) nor the back end does with a lower number.
    pub(crate) fn waiting_batches(&mut self, max_tokens: usize) -> Vec<Vec<usize>> {
        let own = self.batch_tokens;
        self.batch_tokens = Some(own.unwrap_or(max_tokens).min(max_tokens));
        self.batches.clear();
        let mut batches = Vec::new();
        loop {
            match self.batch(batches.len()) {
                [] => break,
                texts => batches.push(texts.to_vec()),
            }
        }
        self.batches.clear();
        self.batch_tokens = own;
        batches
    }

    /// Ends the job: all vectors are stored.
    pub(crate) fn end(&mut self) {
        self.done_tokens = self.encodings.iter().map(|encoding| encoding.input_ids.len()).sum();
        self.done = self.order.len();
    }
}
