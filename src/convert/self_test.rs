//! Computes the self-test of a manifest: short texts with the vectors that the model must return.
//!
//! This is the only part of the converter that runs a model.

use crate::embedder::Embedder;
use crate::encoder::Precision;
use crate::error::{Result, fail};
use crate::model::LoadOptions;
use crate::self_test::SelfTest;

/// The texts, of 9, 7 and 2 tokens. They are short because every load of the model embeds them. (The model
/// card's query and documents, 58 tokens, took a sixth of the time to load a base model.) The lengths give
/// kernels of four rows every remainder.
const TEXTS: [&str; 3] = ["阔腿裤女冬牛仔", "iPhone 15 Pro 256GB", ""];

/// Returns the options with which the embedder for [`self_test`] must be loaded: f32 precision.
pub fn self_test_options() -> LoadOptions {
    LoadOptions { precision: Precision::F32, ..LoadOptions::default() }
}

/// Embeds the texts of the self-test with a model folder that [`convert`](super::convert) wrote.
///
/// The embedder must be loaded with [`self_test_options`]. Put the result into
/// [`Manifest::self_test`](crate::model::Manifest::self_test) and write the manifest again.
///
/// # Errors
/// `INVALID_ARGUMENT` for an embedder that computes in another precision, and the errors of
/// [`Embedder::embed`]: a folder with such an error should not be kept.
pub fn self_test(embedder: &mut Embedder) -> Result<SelfTest> {
    let precision = embedder.encoder().info().precision;
    if precision != "f32" {
        fail!(InvalidArgument, "the self-test needs an embedder with f32 precision, not {precision}");
    }
    let vectors = embedder.embed(&TEXTS)?;
    let vectors = vectors.chunks_exact(embedder.dimension()).map(<[f32]>::to_vec).collect();
    Ok(SelfTest { texts: TEXTS.map(str::to_owned).into(), vectors })
}
