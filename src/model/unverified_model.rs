//! A model that is built and has not passed its self-test yet.

use crate::config::Pooling;
use crate::embedder::Embedder;
use crate::error::Result;

use crate::self_test::SelfTest;

/// The result of [`ModelLoader::build_unverified`](super::ModelLoader::build_unverified).
pub struct UnverifiedModel {
    pub(super) embedder: Embedder,
    /// The self-test, with the pooling and the normalization of its vectors.
    pub(super) self_test: Option<(SelfTest, Pooling, bool)>,
    /// The maximum length that the caller wants. It is set after the self-test, whose vectors were
    /// made with the manifest's.
    pub(super) max_length: usize,
}

impl UnverifiedModel {
    /// Returns true if there is a self-test to run.
    pub fn has_self_test(&self) -> bool {
        self.self_test.is_some()
    }

    /// Runs the self-test, if there is one, and returns the embedder.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` if a vector differs from the manifest's.
    pub fn finish(mut self) -> Result<Embedder> {
        if let Some((test, pooling, normalize)) = &self.self_test {
            self.embedder.self_test(test, *pooling, *normalize)?;
        }
        self.embedder.set_max_length(self.max_length)?;
        Ok(self.embedder)
    }
}
