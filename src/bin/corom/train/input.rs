//! Reads what a training takes: texts, pairs, and the model to begin with.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use corom::config::{Pooling, PoolingChoice};
use corom::convert::ConvertOptions;
use corom::error::{Error, ErrorCode, Result};
use corom::eval::{Run, Texts};
use corom::tokenizer::TokenizerFiles;
use corom::train::{Model, Output, Pairs, Shape, random_start, starting_point};

use super::DataArgs;
use crate::disk_folder::DiskFolder;
use crate::fail;
use crate::file_error::file_error;
use crate::output::print_line;

/// Reads a file with one of the library's parsers.
///
/// # Errors
/// The errors of the parser, `MISSING_FILE`, `FETCH_FAILED`.
pub(crate) fn read<T>(path: &Path, parse: fn(BufReader<File>, &str) -> Result<T>) -> Result<T> {
    let file = File::open(path).map_err(|error| file_error(path, error))?;
    parse(BufReader::with_capacity(1 << 16, file), &path.display().to_string())
}

/// Reads lines of `id TAB text`.
///
/// # Errors
/// The errors of [`Texts::read`], `MISSING_FILE`, `FETCH_FAILED`.
pub(crate) fn read_texts(path: &Path) -> Result<Texts> {
    read(path, Texts::read)
}

/// Reads judged pairs, with their mined negatives.
///
/// # Errors
/// The errors of [`Pairs::read`] and [`Pairs::set_negatives`], `MISSING_FILE`, `FETCH_FAILED`.
pub(crate) fn read_pairs(data: &DataArgs) -> Result<Pairs> {
    let (corpus, queries) = (read_texts(&data.corpus)?, read_texts(&data.queries)?);
    let name = data.qrels.display().to_string();
    let file = File::open(&data.qrels).map_err(|error| file_error(&data.qrels, error))?;
    let mut pairs = Pairs::read(corpus, queries, BufReader::new(file), &name)?;
    if let Some(path) = &data.negatives {
        let without = pairs.set_negatives(&read(path, Run::read)?, &path.display().to_string())?;
        if without > 0 {
            print_line(format_args!(
                "note: {without} queries have no mined negatives; theirs are drawn from the corpus"
            ));
        }
    }
    Ok(pairs)
}

/// Reads the model to train further, or makes one with random weights.
///
/// # Errors
/// The errors of [`starting_point`] and [`random_start`]; `UNSUPPORTED_POOLING` for a pooling that is neither cls nor mean;
/// `UNSUPPORTED_MODEL` for a model with layers after the pooling.
pub(super) fn start_model(
    model: Option<&Path>,
    random: Option<Shape>,
    tokenizer: Option<&Path>,
    pooling: Option<&str>,
    options: ConvertOptions,
    is_ranking: bool,
    seed: u64,
) -> Result<Model> {
    let pooling = match pooling {
        // A reranker reads the first row, whatever the checkpoint's vectors are.
        None if is_ranking => Some(Pooling::Cls),
        None => None,
        Some(_) if is_ranking => fail!(InvalidArgument, "--pooling does not apply to a ranking"),
        Some("cls") => Some(Pooling::Cls),
        Some("mean") => Some(Pooling::Mean),
        Some(other) => fail!(InvalidArgument, "--pooling {other}: expected cls or mean"),
    };
    let mut start = match (model, random, tokenizer) {
        (Some(path), ..) => {
            let (source, onnx) = DiskFolder::open(path)?;
            let choice = pooling.map(PoolingChoice::from).filter(|_| !is_ranking);
            let options = ConvertOptions { onnx, pooling: choice, ..options };
            match starting_point(&source, &options) {
                // A plain encoder: nothing has to say how its vectors are pooled.
                Err(error) if is_ranking && error.code() == ErrorCode::PoolingUnknown => {
                    let options = ConvertOptions { pooling: Some(Pooling::Cls.into()), ..options };
                    starting_point(&source, &options)?
                }
                start => start?,
            }
        }
        (None, Some(shape), Some(path)) => {
            random_start(shape, &student_tokenizer(path)?, options.max_length.unwrap_or(128))?
        }
        _ => fail!(InvalidArgument, "give --model, or --random with --tokenizer"),
    };
    if is_ranking {
        start.prompts = corom::prompts::Prompts::default();
        return Model::new(start, Output::Logit, seed);
    }
    if start.has_head {
        fail!(
            UnsupportedModel,
            "the model has layers after its pooling, which the training does not have; train its teacher instead"
        );
    }
    if let Some(pooling) = pooling {
        start.pooling = pooling.into();
    }
    let pooling = [Pooling::Cls, Pooling::Mean].into_iter().find(|one| start.pooling == *one);
    let Some(pooling) = pooling else {
        fail!(
            UnsupportedPooling,
            "the model's pooling is {}; a training has cls and mean (--pooling)",
            start.pooling
        );
    };
    Model::new(start, Output::Vector(pooling), seed)
}

/// Reads the files of a tokenizer from a folder.
///
/// # Errors
/// `MISSING_FILE` if there is neither tokenizer.json nor vocab.txt, `FETCH_FAILED`.
fn student_tokenizer(folder: &Path) -> Result<TokenizerFiles> {
    let files = TokenizerFiles::read(|name| {
        let path = folder.join(name);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(Error::with_source(ErrorCode::FetchFailed, format!("{}: {error}", path.display()), error))
            }
        }
    })?;
    if files.tokenizer.is_none() && files.vocabulary.is_none() {
        fail!(MissingFile, "{} has neither tokenizer.json nor vocab.txt", folder.display());
    }
    Ok(files)
}
