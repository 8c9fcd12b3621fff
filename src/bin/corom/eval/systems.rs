//! The systems that `corom eval` compares: BM25, semantic search by each model, both fused, and the first of them ordered
//! again by each reranker.

use std::num::NonZeroUsize;
use std::path::Path;

use corom::error::Result;
use corom::eval::{
    Bm25, Found, Fusion, Hit, LegScores, Qrels, RowType, Rows, Run, Texts, fuse, reorder, scan,
};
use corom::prompts::PromptChoice;

use super::names::Named;
use super::pairs::{Candidates, PairModel};
use super::vectors::{Model, Quality};
use crate::fail;

/// The name of BM25's system.
const BM25: &str = "bm25";

/// The files of a judged collection.
pub(super) struct Collection {
    corpus: Texts,
    /// The judged queries.
    queries: Texts,
    qrels: Qrels,
    notes: Vec<String>,
}

impl Collection {
    /// Checks that the files belong together, and keeps the queries that have judgments.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if no query is judged or no judged document is in the corpus.
    pub(super) fn new(corpus: Texts, all_queries: Texts, qrels: Qrels) -> Result<Self> {
        let (mut queries, mut notes) = (Texts::default(), Vec::new());
        for row in 0..all_queries.len() {
            if qrels.grades(all_queries.id(row)).is_some() {
                queries.push(all_queries.id(row), all_queries.text(row));
            }
        }
        if queries.is_empty() {
            fail!(
                InvalidArgument,
                "no query is judged: queries and judgments belong to different collections"
            );
        }
        let ids = corpus.rows_by_id();
        let judged = qrels.queries().filter_map(|query| qrels.grades(query)).flat_map(|grades| grades.keys());
        let (found, missing): (Vec<&String>, Vec<&String>) =
            judged.partition(|id| ids.contains_key(id.as_str()));
        if found.is_empty() {
            fail!(
                InvalidArgument,
                "no judged document is in the corpus: corpus and judgments belong to different collections"
            );
        }
        if let Some(first) = missing.first() {
            notes.push(format!(
                "note: {} judged documents are not in the corpus, {first} for instance",
                missing.len()
            ));
        }
        if queries.len() < all_queries.len() {
            notes.push(format!("note: {} queries have no judgments", all_queries.len() - queries.len()));
        }
        if queries.len() < qrels.queries().len() {
            let missing = qrels.queries().len() - queries.len();
            notes.push(format!("note: {missing} judged queries are not among the queries"));
        }
        drop(ids);
        Ok(Self { corpus, queries, qrels, notes })
    }

    /// Returns what a reader of the numbers should know about the files.
    pub(super) fn notes(&self) -> &[String] {
        &self.notes
    }

    pub(super) fn qrels(&self) -> &Qrels {
        &self.qrels
    }
}

/// The searches of one call.
pub(super) struct Searches<'a> {
    pub(super) models: &'a [Named],
    pub(super) rerankers: &'a [Named],
    /// The number of results per query that a reranker orders.
    pub(super) rerank_depth: usize,
    pub(super) qualities: &'a [Quality],
    pub(super) row_type: RowType,
    pub(super) cache: &'a Path,
    pub(super) fusion: Fusion,
    /// The number of results per query.
    pub(super) depth: usize,
    pub(super) threads: NonZeroUsize,
}

impl Searches<'_> {
    /// Returns the name of the system that others are compared with: the first model with the first quality, or BM25.
    pub(super) fn baseline(&self) -> String {
        let first = self.models.first().zip(self.qualities.first());
        first.map_or_else(|| BM25.to_owned(), |(model, quality)| system_name(model, *quality))
    }

    /// Returns the names of all systems, in the order of [`run`](Self::run).
    pub(super) fn names(&self) -> Vec<String> {
        let each = |folders: &'_ [Named]| -> Vec<String> {
            let of_folder = |folder| self.qualities.iter().map(move |quality| system_name(folder, *quality));
            folders.iter().flat_map(of_folder).collect()
        };
        let mut names = vec![BM25.to_owned()];
        names.extend(each(self.models).into_iter().flat_map(|name| [name.clone(), fused_name(&name)]));
        names.extend(each(self.rerankers).iter().map(|name| reranked_name(&self.baseline(), name)));
        names
    }

    /// Loads every folder once, so that one that cannot be loaded is found before the others have run for hours.
    ///
    /// # Errors
    /// The errors of loading.
    pub(super) fn check_models(&self) -> Result<()> {
        let Some(&quality) = self.qualities.first() else { return Ok(()) };
        // The first model is loaded next.
        for model in self.models.iter().skip(1) {
            Model::load(&model.path, quality, NonZeroUsize::MIN)?;
        }
        for model in self.rerankers {
            PairModel::load(&model.path, quality, NonZeroUsize::MIN)?;
        }
        Ok(())
    }

    /// Searches the collection by each system. Returns the name and the run of each.
    ///
    /// # Errors
    /// The errors of loading, embedding and the cache.
    pub(super) fn run(&self, collection: &Collection) -> Result<Vec<(String, Run)>> {
        let Collection { corpus, queries, .. } = collection;
        let bm25 = Bm25::new((0..corpus.len()).map(|row| corpus.text(row)));
        let depth = if self.rerankers.is_empty() { self.depth } else { self.depth.max(self.rerank_depth) };
        let keyword: Vec<Found> =
            (0..queries.len()).map(|query| bm25.search(queries.text(query), depth)).collect();
        let hits =
            |found: &[Found]| -> Vec<Vec<Hit>> { found.iter().map(|found| found.hits.clone()).collect() };
        let mut systems = vec![(BM25.to_owned(), make_run(collection, &hits(&keyword)))];
        let mut first: Option<Vec<Vec<Hit>>> = None;
        for model in self.models {
            for &quality in self.qualities {
                let name = system_name(model, quality);
                let semantic = self.search(&model.path, quality, &name, depth, collection)?;
                let fused: Vec<Vec<Hit>> = (0..queries.len())
                    .map(|query| {
                        let legs = [
                            LegScores {
                                found: &semantic.found[query],
                                score: &|row| semantic.score(query, row),
                            },
                            LegScores {
                                found: &keyword[query],
                                score: &|row| bm25.score(queries.text(query), row),
                            },
                        ];
                        fuse(self.fusion, legs, depth)
                    })
                    .collect();
                systems.push((name.clone(), make_run(collection, &hits(&semantic.found))));
                systems.push((fused_name(&name), make_run(collection, &fused)));
                first.get_or_insert_with(|| hits(&semantic.found));
            }
        }
        let found = first.unwrap_or_else(|| hits(&keyword));
        for model in self.rerankers {
            for &quality in self.qualities {
                let name = reranked_name(&self.baseline(), &system_name(model, quality));
                let reranked = self.rerank(&model.path, quality, &name, &found, collection)?;
                systems.push((name, make_run(collection, &reranked)));
            }
        }
        Ok(systems)
    }

    /// Orders the first results of each query by a reranker.
    fn rerank(
        &self,
        path: &Path,
        quality: Quality,
        name: &str,
        found: &[Vec<Hit>],
        collection: &Collection,
    ) -> Result<Vec<Vec<Hit>>> {
        let Collection { corpus, queries, .. } = collection;
        let mut model = PairModel::load(path, quality, self.threads)?;
        let candidates = |(query, hits): (usize, &Vec<Hit>)| {
            let documents = hits.iter().take(self.rerank_depth).map(|hit| corpus.text(hit.row as usize));
            Candidates { query: queries.text(query), documents: documents.collect() }
        };
        let lists: Vec<Candidates> = found.iter().enumerate().map(candidates).collect();
        let logits = model.logits(&lists, self.cache, name)?;
        Ok(found.iter().zip(&logits).map(|(hits, logits)| reorder(hits, logits)).collect())
    }

    fn search(
        &self,
        path: &Path,
        quality: Quality,
        name: &str,
        depth: usize,
        collection: &Collection,
    ) -> Result<Semantic> {
        let Collection { corpus, queries, .. } = collection;
        let mut model = Model::load(path, quality, self.threads)?;
        let mut rows = Rows::new(self.row_type, model.dimension, model.metric, corpus.len())?;
        let what = format!("{name}, corpus");
        model.vectors(corpus, &PromptChoice::Document, self.cache, &what, |vectors| rows.extend(vectors))?;
        let mut vectors = Vec::new();
        let what = format!("{name}, queries");
        model.vectors(queries, &PromptChoice::Query, self.cache, &what, |more| {
            vectors.extend_from_slice(more);
            Ok(())
        })?;
        let found = scan(&rows, &vectors, depth, self.threads.get())?;
        Ok(Semantic { rows, vectors, found })
    }
}

/// The results of a semantic search, with what it takes to score any other row.
struct Semantic {
    rows: Rows,
    vectors: Vec<f32>,
    found: Vec<Found>,
}

impl Semantic {
    fn score(&self, query: usize, row: u32) -> f32 {
        let dimension = self.vectors.len() / self.found.len();
        self.rows.score(&self.vectors[query * dimension..][..dimension], row as usize)
    }
}

/// Returns the name of a model's system.
fn system_name(model: &Named, quality: Quality) -> String {
    format!("{} {}", model.name, quality.name())
}

fn fused_name(semantic: &str) -> String {
    format!("{semantic} + {BM25}")
}

fn reranked_name(base: &str, reranker: &str) -> String {
    format!("{base}, reranked by {reranker}")
}

fn make_run(collection: &Collection, hits: &[Vec<Hit>]) -> Run {
    let mut run = Run::default();
    for (query, hits) in hits.iter().enumerate() {
        for hit in hits {
            run.push(
                collection.queries.id(query),
                collection.corpus.id(hit.row as usize),
                f64::from(hit.score),
            );
        }
    }
    run
}
