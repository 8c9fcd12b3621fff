//! The manifest's self-test: a few texts and the vectors that they must have.

use std::path::Path;

use corom::encoder::Precision;
use corom::error::Result;
use corom::model::LoadOptions;
use corom::model::folder;
use corom::self_test::SelfTest;

/// Short, since every load computes them: 9, 7 and 2 tokens, so that kernels of four rows meet
/// every remainder. (With the model card's query and documents, 58 tokens, it was a sixth of a
/// base model's load.)
const TEXTS: [&str; 3] = ["阔腿裤女冬牛仔", "iPhone 15 Pro 256GB", ""];

/// Embeds the texts with the folder as it was written, by the crate's own
/// embedder in f32: the folder loads, and what it says is what it does.
///
/// # Errors
/// Whatever loading the folder or embedding says: such a folder is not kept.
pub(crate) fn self_test(written: &Path) -> Result<SelfTest> {
    let exact = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let mut embedder = folder::load(written, exact)?;
    let texts: Vec<String> = TEXTS.map(str::to_owned).into();
    let vectors = embedder.embed(&texts)?;
    let vectors = vectors.chunks_exact(embedder.dimension()).map(<[f32]>::to_vec).collect();
    Ok(SelfTest { texts, vectors })
}
