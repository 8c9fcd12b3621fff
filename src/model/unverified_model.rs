//! A model that is built and has not passed its self-test yet.

use crate::decision::Decision;
use crate::embedder::{EmbedJob, Embedder};
use crate::error::{Result, fail};
use crate::recipe::VectorRecipe;
use crate::reranker::Reranker;
use crate::self_test::SelfTest;
use crate::tokenizer::TokenizerOptions;

use super::task::Task;

/// The result of [`ModelLoader::build_unverified`](super::ModelLoader::build_unverified).
pub struct UnverifiedModel {
    embedder: Embedder,
    task: Task,
    self_test: Option<SelfTest>,
    recipe: Option<VectorRecipe>,
    /// The runs of the self-test that are left.
    runs_left: usize,
    /// The job that embeds the texts of the self-test.
    job: Option<EmbedJob>,
    has_passed: bool,
    /// The maximum length that the caller wants. It is set after the self-test, whose vectors were
    /// made with the manifest's.
    max_length: usize,
    decisions: Vec<Decision>,
    /// The caller's tokenizer options, which are set after the self-test for the same reason.
    tokenizer_options: TokenizerOptions,
}

impl UnverifiedModel {
    /// `self_test` comes with the recipe of its vectors.
    pub(super) fn new(
        (embedder, task): (Embedder, Task),
        self_test: Option<(SelfTest, VectorRecipe)>,
        max_length: usize,
        tokenizer_options: TokenizerOptions,
        decisions: Vec<Decision>,
    ) -> Result<Self> {
        let job = match &self_test {
            Some((test, recipe)) => Some(embedder.start_self_test(test, recipe.clone())?),
            None => None,
        };
        let (self_test, recipe) = self_test.unzip();
        let has_passed = false;
        // The first results of a device may be right and later ones wrong.
        let runs_left = if embedder.encoder().info().device.is_some() { 2 } else { 1 };
        Ok(Self {
            recipe,
            runs_left,
            embedder,
            task,
            self_test,
            job,
            has_passed,
            max_length,
            tokenizer_options,
            decisions,
        })
    }

    /// Returns true if there is a self-test to run.
    pub fn has_self_test(&self) -> bool {
        self.self_test.is_some()
    }

    /// Returns true if the last step could do nothing, because a GPU is computing.
    pub fn is_pending(&self) -> bool {
        self.job.as_ref().is_some_and(EmbedJob::is_pending)
    }

    /// Does a small part of the self-test. Returns true if the self-test has passed or there is none.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` if a vector differs from the manifest's, and the errors of
    /// [`Embedder::embed`].
    pub fn step(&mut self) -> Result<bool> {
        let Some(test) = &self.self_test else { return Ok(true) };
        if self.has_passed {
            return Ok(true);
        }
        let Some(job) = &mut self.job else {
            fail!(SelfTestFailed, "the self-test of this model has failed before: load the model again");
        };
        if self.embedder.step(job)?
            && let Some(job) = self.job.take()
        {
            self.embedder.finish_self_test(test, job)?;
            self.runs_left -= 1;
            match &self.recipe {
                Some(recipe) if self.runs_left > 0 => {
                    self.job = Some(self.embedder.start_self_test(test, recipe.clone())?);
                }
                _ => self.has_passed = true,
            }
        }
        Ok(self.has_passed)
    }

    /// Runs the rest of the self-test and returns the reranker of a model that was loaded with
    /// [`Task::Rerank`](super::Task::Rerank).
    ///
    /// # Errors
    /// The errors of [`step`](Self::step), `INVALID_ARGUMENT` for a model that was loaded with another task, and
    /// `UNSUPPORTED_MODEL` if a pair has neither one nor two logits.
    pub fn finish_reranker(self) -> Result<Reranker> {
        self.check_task(Task::Rerank)?;
        Reranker::new(self.finish_model()?)
    }

    /// Runs the rest of the self-test and returns the embedder.
    ///
    /// # Errors
    /// The errors of [`step`](Self::step), and `INVALID_ARGUMENT` for a model that was loaded with another task.
    pub fn finish(self) -> Result<Embedder> {
        self.check_task(Task::Embed)?;
        self.finish_model()
    }

    fn check_task(&self, wanted: Task) -> Result<()> {
        if self.task != wanted {
            fail!(InvalidArgument, "the model was loaded with task {:?}, not {wanted:?}", self.task);
        }
        Ok(())
    }

    /// Runs the rest of the self-test and returns the embedder, whatever the task.
    ///
    /// # Errors
    /// The errors of [`step`](Self::step).
    pub(super) fn finish_model(mut self) -> Result<Embedder> {
        while !self.step()? {}
        let tokenizer = self.embedder.tokenizer_mut()?;
        tokenizer.set_options(self.tokenizer_options)?;
        tokenizer.set_max_length(self.max_length)?;
        self.embedder.set_decisions(self.decisions);
        Ok(self.embedder)
    }
}
