//! Evaluates a model between two epochs: it is converted in memory and runs in corom's own encoder, as it will later.
//! Search and measures are those of `corom eval`.

use std::num::NonZeroUsize;

use super::checkpoint::Files;
use super::model::{Model, Output};
use crate::convert::{ConvertOptions, Dtype, FileSource, convert, load_folder, load_reranker_folder};
use crate::embedder::Embedder;
use crate::encoder::Precision;
use crate::error::Result;
use crate::eval::{
    Bm25, Convention, Hit, Measure, Qrels, RowType, Rows, Run, Texts, evaluate, reorder, scan,
};
use crate::model::LoadOptions;
use crate::prompts::PromptChoice;

/// The measure of an epoch, MRR@10.
const MEASURE: Measure = Measure::ReciprocalRank(10);
/// Texts that are embedded at once.
const WINDOW: usize = 4096;

/// Judged queries that are not trained on.
pub struct Evaluation<'a> {
    corpus: &'a Texts,
    queries: Texts,
    qrels: Qrels,
    /// The results of BM25 that a reranker orders.
    depth: usize,
    threads: NonZeroUsize,
}

impl<'a> Evaluation<'a> {
    /// Joins a corpus, queries and judgments. Queries without judgments are left out. `depth` is the number of results
    /// of BM25 that a reranker orders again.
    pub fn new(corpus: &'a Texts, all: &Texts, qrels: Qrels, depth: usize, threads: NonZeroUsize) -> Self {
        let mut queries = Texts::default();
        for row in (0..all.len()).filter(|&row| qrels.grades(all.id(row)).is_some()) {
            queries.push(all.id(row), all.text(row));
        }
        Self { corpus, queries, qrels, depth, threads }
    }

    /// Returns the number of judged queries.
    pub fn query_count(&self) -> usize {
        self.queries.len()
    }

    /// Returns MRR@10 of a model.
    ///
    /// # Errors
    /// The errors of [`convert`], of embedding and of [`evaluate`].
    pub fn mrr(&self, model: &Model) -> Result<f64> {
        let checkpoint = model.checkpoint()?;
        let hits = match model.output() {
            Output::Logit => self.rerank(&checkpoint)?,
            _ => {
                let mut embedder = embedder_of(&checkpoint, self.threads)?;
                search(
                    &mut embedder,
                    self.corpus,
                    &self.queries,
                    MEASURE.cutoff(),
                    RowType::F32,
                    self.threads,
                )?
            }
        };
        let run = run_of(&self.queries, self.corpus, &hits);
        Ok(evaluate(&run, &self.qrels, MEASURE, Convention::MULTI_CPR)?.mean())
    }

    fn rerank(&self, checkpoint: &Files) -> Result<Vec<Vec<Hit>>> {
        let mut reranker = load_reranker_folder(&converted(checkpoint)?, float())?;
        reranker.set_threads(self.threads);
        let bm25 = Bm25::new((0..self.corpus.len()).map(|row| self.corpus.text(row)));
        let mut all = Vec::with_capacity(self.queries.len());
        for query in 0..self.queries.len() {
            let text = self.queries.text(query);
            let hits = bm25.search(text, self.depth).hits;
            let documents: Vec<&str> = hits.iter().map(|hit| self.corpus.text(hit.row as usize)).collect();
            let scores = reranker.score(text, &documents)?;
            all.push(reorder(&hits, &scores.iter().map(|score| score.logit).collect::<Vec<_>>()));
        }
        Ok(all)
    }
}

/// Converts a checkpoint, or a model folder, to f32 in memory and loads it.
///
/// # Errors
/// The errors of [`convert`] and [`load_folder`].
pub fn embedder_of(source: &dyn FileSource, threads: NonZeroUsize) -> Result<Embedder> {
    let mut embedder = load_folder(&converted(source)?, float())?;
    embedder.set_threads(threads);
    Ok(embedder)
}

fn converted(source: &dyn FileSource) -> Result<Files> {
    let mut folder = Files::new();
    convert(source, &ConvertOptions { dtype: Dtype::F32, ..ConvertOptions::default() }, &mut folder)?;
    Ok(folder)
}

fn float() -> LoadOptions {
    LoadOptions { precision: Precision::F32, ..LoadOptions::default() }
}

/// Returns the best `top_k` passages of each query.
pub(super) fn search(
    embedder: &mut Embedder,
    corpus: &Texts,
    queries: &Texts,
    top_k: usize,
    row_type: RowType,
    threads: NonZeroUsize,
) -> Result<Vec<Vec<Hit>>> {
    let mut rows = Rows::new(row_type, embedder.dimension(), embedder.metric(), corpus.len())?;
    for start in (0..corpus.len()).step_by(WINDOW) {
        rows.extend(&vectors(embedder, corpus, start, &PromptChoice::Document)?)?;
    }
    let mut found = Vec::with_capacity(queries.len());
    for start in (0..queries.len()).step_by(WINDOW) {
        let vectors = vectors(embedder, queries, start, &PromptChoice::Query)?;
        found.extend(scan(&rows, &vectors, top_k, threads.get())?.into_iter().map(|found| found.hits));
    }
    Ok(found)
}

/// Embeds a window of texts, those of like length together.
pub(super) fn vectors(
    embedder: &mut Embedder,
    texts: &Texts,
    start: usize,
    prompt: &PromptChoice,
) -> Result<Vec<f32>> {
    let dimension = embedder.dimension();
    let end = (start + WINDOW).min(texts.len());
    let mut order: Vec<usize> = (start..end).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(texts.text(row).len()));
    let sorted = order.iter().map(|&row| texts.text(row).to_owned()).collect();
    let mut job = embedder.start_with_prompt(sorted, prompt)?;
    embedder.run_to_end(&mut job)?;
    let found = embedder.finish(job)?;
    let mut all = vec![0.0; found.len()];
    for (&row, vector) in order.iter().zip(found.chunks_exact(dimension)) {
        all[(row - start) * dimension..][..dimension].copy_from_slice(vector);
    }
    Ok(all)
}

pub(super) fn run_of(queries: &Texts, corpus: &Texts, hits: &[Vec<Hit>]) -> Run {
    let mut run = Run::default();
    for (query, hits) in hits.iter().enumerate() {
        for hit in hits {
            run.push(queries.id(query), corpus.id(hit.row as usize), f64::from(hit.score));
        }
    }
    run
}
