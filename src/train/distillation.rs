//! Distillation: what a student needs from its teacher, and the checkpoint that says whose vectors it returns.

use std::num::NonZeroUsize;

use super::checkpoint::Files;
use super::evaluation::{embedder_of, run_of, vectors};
use super::model::Model;
use crate::convert::{ConvertOptions, DISTILLATION_FILE, Distillation, Dtype, convert};
use crate::embedder::Embedder;
use crate::error::{Error, ErrorCode, Result, fail};
use crate::eval::{Convention, Measure, Qrels, RowType, Rows, Texts, evaluate, scan};
use crate::lineage::Lineage;
use crate::prompts::PromptChoice;

const MEASURE: Measure = Measure::ReciprocalRank(10);

/// Embeds all texts as queries, `[texts, dimension]`.
///
/// # Errors
/// The errors of [`Embedder::embed`].
pub fn query_vectors(embedder: &mut Embedder, texts: &Texts) -> Result<Vec<f32>> {
    all_vectors(embedder, texts, &PromptChoice::Query)
}

fn all_vectors(embedder: &mut Embedder, texts: &Texts, prompt: &PromptChoice) -> Result<Vec<f32>> {
    let mut all = Vec::with_capacity(texts.len() * embedder.dimension());
    while all.len() < texts.len() * embedder.dimension() {
        all.extend(vectors(embedder, texts, all.len() / embedder.dimension(), prompt)?);
    }
    Ok(all)
}

/// Queries that are not trained on, and the passages as the teacher embeds them: what the student searches later.
pub struct DistillationEvaluation<'a> {
    corpus: &'a Texts,
    queries: Texts,
    qrels: Qrels,
    rows: Rows,
    teacher_mrr: f64,
    threads: NonZeroUsize,
}

impl<'a> DistillationEvaluation<'a> {
    /// Embeds the corpus and the queries with the teacher. Queries without judgments are left out. Without `qrels`, the
    /// passage that the teacher finds first is the relevant one of each query.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if no query is left, and the errors of embedding and [`evaluate`].
    pub fn new(
        teacher: &mut Embedder,
        corpus: &'a Texts,
        all: &Texts,
        qrels: Option<Qrels>,
        threads: NonZeroUsize,
    ) -> Result<Self> {
        let mut queries = Texts::default();
        let is_judged = |row: &usize| qrels.as_ref().is_none_or(|qrels| qrels.grades(all.id(*row)).is_some());
        for row in (0..all.len()).filter(is_judged) {
            queries.push(all.id(row), all.text(row));
        }
        if queries.is_empty() || corpus.is_empty() {
            fail!(InvalidArgument, "none of the --dev-queries is judged; do the files belong together?");
        }
        let mut rows = Rows::new(RowType::F32, teacher.dimension(), teacher.metric(), corpus.len())?;
        rows.extend(&all_vectors(teacher, corpus, &PromptChoice::Document)?)?;
        let mut evaluation =
            Self { corpus, queries, qrels: qrels.unwrap_or_default(), rows, teacher_mrr: 1.0, threads };
        let found = evaluation.run(teacher)?;
        if evaluation.qrels.queries().len() == 0 {
            for query in 0..evaluation.queries.len() {
                let id = evaluation.queries.id(query);
                if let Some((first, _)) = found.results(id).and_then(|hits| hits.first()) {
                    evaluation.qrels.insert(id, first, 1);
                }
            }
        } else {
            evaluation.teacher_mrr = evaluation.measure(&found)?;
        }
        Ok(evaluation)
    }

    /// Returns MRR@10 of the teacher: 1 if its own results are the judgments.
    pub fn teacher_mrr(&self) -> f64 {
        self.teacher_mrr
    }

    /// Returns the number of queries.
    pub fn query_count(&self) -> usize {
        self.queries.len()
    }

    /// Returns MRR@10 of a student that searches the teacher's vectors.
    ///
    /// # Errors
    /// The errors of [`convert`], of embedding and of [`evaluate`].
    pub fn mrr(&self, student: &Model) -> Result<f64> {
        let mut embedder = embedder_of(&student.checkpoint()?, self.threads)?;
        let found = self.run(&mut embedder)?;
        self.measure(&found)
    }

    fn measure(&self, run: &crate::eval::Run) -> Result<f64> {
        Ok(evaluate(run, &self.qrels, MEASURE, Convention::MULTI_CPR)?.mean())
    }

    fn run(&self, embedder: &mut Embedder) -> Result<crate::eval::Run> {
        let vectors = query_vectors(embedder, &self.queries)?;
        let found = scan(&self.rows, &vectors, MEASURE.cutoff(), self.threads.get())?;
        let hits: Vec<_> = found.into_iter().map(|found| found.hits).collect();
        Ok(run_of(&self.queries, self.corpus, &hits))
    }
}

/// Returns the checkpoint of a student, with the file that names its teacher.
///
/// # Errors
/// `INTERNAL` if it cannot be written, and the errors of [`convert`], which computes the student's lineage.
pub fn distilled_checkpoint(student: &Model, teacher: &Lineage) -> Result<Files> {
    let mut files = student.checkpoint()?;
    let options = ConvertOptions { dtype: Dtype::F32, ..ConvertOptions::default() };
    let Some(lineage) = convert(&files, &options, &mut Files::new())?.manifest.lineage else {
        fail!(Internal, "the converted student has no lineage");
    };
    let file = Distillation { teacher: teacher.clone(), student: lineage };
    let json = serde_json::to_string_pretty(&file).map_err(|error| {
        Error::with_source(ErrorCode::Internal, "the lineages cannot be serialized", error)
    })?;
    files.insert(DISTILLATION_FILE.into(), (json + "\n").into_bytes());
    Ok(files)
}
