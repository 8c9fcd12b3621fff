//! Computes the self-test of a manifest: short texts with the vectors that the model must return.
//!
//! This is the only part of the converter that runs a model.

use super::conversion::Conversion;
use super::files::{FileSink, FileSource};
use super::load_folder::{load_folder, load_reranker_folder};
use super::output::write_file;
use crate::embedder::Embedder;
use crate::encoder::KernelChoice;
use crate::encoder::Precision;
use crate::encoder::cpu::kernels::linear::Kernel;
use crate::error::{Result, fail};
use crate::model::manifest::FILE_NAME;
use crate::model::{LoadOptions, Task};
use crate::pair_score::logit;
use crate::reranker::Reranker;
use crate::self_test::{SelfTest, VectorError, logit_error};

/// The texts, of 9, 7 and 2 tokens. They are short because every load of the model embeds them. (The model
/// card's query and documents, 58 tokens, took a sixth of the time to load a base model.) The lengths give
/// kernels of four rows every remainder.
const TEXTS: [&str; 3] = ["阔腿裤女冬牛仔", "iPhone 15 Pro 256GB", ""];

/// The query of a reranker's self-test.
const QUERY: &str = "牛仔裤";

/// Runs the converted model on the texts of the self-test, and writes the manifest again with the result. `folder` reads
/// what `sink` has written.
///
/// # Errors
/// The errors of [`load_folder`], [`self_test`], [`measure_self_test`] and of the sink.
pub fn add_self_test(
    conversion: &mut Conversion,
    folder: &dyn FileSource,
    sink: &mut dyn FileSink,
) -> Result<()> {
    if conversion.manifest.task == Task::Rerank {
        let mut test = reranker_self_test(&mut load_reranker_folder(folder, self_test_options())?)?;
        measure_reranker(&mut test, |options| load_reranker_folder(folder, options))?;
        conversion.manifest.self_test = Some(test);
    } else {
        let mut embedder = load_folder(folder, self_test_options())?;
        let mut test = self_test(&mut embedder)?;
        drop(embedder); // The next model takes its memory.
        measure_self_test(&mut test, |options| load_folder(folder, options))?;
        conversion.manifest.self_test = Some(test);
    }
    write_file(sink, FILE_NAME, conversion.manifest.to_json()?.as_bytes()).map(drop)
}

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
    Ok(SelfTest { texts: TEXTS.map(str::to_owned).into(), vectors, ..SelfTest::default() })
}

/// Scores the texts of the self-test as documents of [`QUERY`].
fn reranker_self_test(reranker: &mut Reranker) -> Result<SelfTest> {
    let scores = reranker.logits(QUERY, &TEXTS)?;
    let vectors = scores.chunks_exact(reranker.labels()).map(<[f32]>::to_vec).collect();
    let (query, texts) = (Some(QUERY.to_owned()), TEXTS.map(str::to_owned).into());
    Ok(SelfTest { query, texts, vectors, ..SelfTest::default() })
}

/// Measures the errors of the exact and of the relaxed kernels on the texts of a self-test, and adds them to it.
/// A load accepts twice the measured error.
///
/// `load` loads the folder that [`convert`](super::convert) wrote, with the options that it is given. The
/// relaxed kernels have the same bits natively, where their instructions are emulated, as in WebAssembly.
///
/// # Errors
/// The errors of `load` and of [`Embedder::embed`]. `SELF_TEST_FAILED` if a model with integer weights would fail
/// its self-test with the exact kernels: its folder should not be kept.
pub fn measure_self_test(
    test: &mut SelfTest,
    mut load: impl FnMut(LoadOptions) -> Result<Embedder>,
) -> Result<()> {
    for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
        let kernel = KernelChoice::Fixed(kernel);
        let mut embedder = load(LoadOptions { kernel, ..LoadOptions::default() })?;
        let info = embedder.encoder().info();
        // None: the model computes in f32 on every host.
        let Some(kernels) = info.tolerance.kernels else { return Ok(()) };
        let has_integers = !matches!(info.dtype, "f32" | "f16");
        let vectors = embedder.embed(&test.texts)?;
        let vectors = vectors.chunks_exact(embedder.dimension());
        let errors = vectors.zip(&test.vectors).map(|(actual, expected)| VectorError::of(actual, expected));
        let error = errors.fold(VectorError::NONE, VectorError::max);
        // JSON has no NaN.
        let error = if error.is_within(&VectorError::ANY) { error } else { VectorError::ANY };
        test.measured.insert(kernels.into(), error);
        if has_integers && !test.allows("exact") {
            fail!(
                SelfTestFailed,
                "the model loses too much in integers: a vector of the self-test has a cosine of {} to its f32 \
                 vector, and a norm that differs by {}; convert to f32, and load with `quality: \"float\"`",
                error.cosine,
                error.norm_error
            );
        }
    }
    Ok(())
}

/// Measures the errors of the logits with the exact and with the relaxed kernels, as [`measure_self_test`] does.
fn measure_reranker(
    test: &mut SelfTest,
    mut load: impl FnMut(LoadOptions) -> Result<Reranker>,
) -> Result<()> {
    for kernel in [Kernel::Exact, Kernel::RelaxedI16] {
        let kernel = KernelChoice::Fixed(kernel);
        let mut reranker = load(LoadOptions { kernel, ..LoadOptions::default() })?;
        let info = reranker.model().encoder().info();
        let Some(kernels) = info.tolerance.kernels else { return Ok(()) };
        let has_integers = !matches!(info.dtype, "f32" | "f16");
        let texts: Vec<&str> = test.texts.iter().map(String::as_str).collect();
        let actual = reranker.logits(QUERY, &texts)?;
        let pairs = actual.chunks_exact(reranker.labels()).zip(&test.vectors);
        let errors = pairs.map(|(actual, expected)| logit_error(logit(actual), logit(expected)));
        // JSON has no infinity.
        let error = errors.fold(0.0, f32::max).min(f32::MAX);
        test.measured_logits.insert(kernels.into(), error);
        if has_integers && !test.allows("exact") {
            fail!(
                SelfTestFailed,
                "the model loses too much in integers: a logit of the self-test has an error of {error}; convert to f32, \
                 and load with `quality: \"float\"`"
            );
        }
    }
    Ok(())
}
