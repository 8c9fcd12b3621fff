//! A model that is built and has not yet shown that it computes what its converter did.

use crate::config::Pooling;
use crate::embedder::Embedder;
use crate::error::Result;

use crate::self_test::SelfTest;

/// What [`ModelLoader::build_unverified`](super::ModelLoader::pack) gives.
pub struct UnverifiedModel {
    pub(super) embedder: Embedder,
    /// The manifest's test, and the settings that made its vectors.
    pub(super) self_test: Option<(SelfTest, Pooling, bool)>,
    /// Where the caller wants texts cut; the self-test runs before that.
    pub(super) max_length: usize,
}

impl UnverifiedModel {
    /// Whether there is a self-test to run.
    pub fn has_self_test(&self) -> bool {
        self.self_test.is_some()
    }

    /// Runs the self-test, if there is one.
    ///
    /// # Errors
    /// `SELF_TEST_FAILED` when the vectors are not the converter's.
    pub fn finish(mut self) -> Result<Embedder> {
        if let Some((test, pooling, normalize)) = &self.self_test {
            self.embedder.self_test(test, *pooling, *normalize)?;
        }
        self.embedder.set_max_length(self.max_length)?;
        Ok(self.embedder)
    }
}
