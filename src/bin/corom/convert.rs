//! `corom convert`: arguments, disk and messages around [`corom::convert`].

use std::path::PathBuf;
use std::time::{Duration, Instant};

use corom::config::PoolingChoice;
use corom::convert::{
    Conversion, ConvertOptions, Dtype, WeightSource, add_self_test, convert_with_tract_onnx,
};
use corom::error::{Error, ErrorCode, Result};
use corom::model::LoadOptions;

use crate::disk_folder::DiskFolder;
use crate::fail;
use crate::file_error::file_error;
use crate::model_outputs::Agreement;
use crate::output::print_line;
use crate::second_opinion;
use crate::staging_folder::StagingFolder;

/// Arguments of `corom convert`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder of the checkpoint or the ONNX export, or an .onnx file: with config.json, vocab.txt or
    /// tokenizer.json
    checkpoint: PathBuf,
    /// The model folder to write
    out: PathBuf,
    /// The number type of the weights
    #[arg(long, value_enum, default_value_t = DtypeArg::F32)]
    dtype: DtypeArg,
    /// The pooling of hidden states into one vector per text: cls, mean, max, mean_sqrt_len, weighted_mean, last_token,
    /// avg_top2, avg_first_last, or several with commas, whose vectors are concatenated [default: what the
    /// checkpoint says, or cls for ModelScope's sentence embeddings]
    #[arg(long, value_parser = parse_pooling, value_name = "NAME[,NAME]")]
    pooling: Option<PoolingChoice>,
    /// The number of tokens that texts are cut to [default: what the checkpoint says]
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// L2-normalize vectors [default: what the checkpoint says, or not]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    normalize: Option<bool>,
    /// The weights to convert if the folder has a checkpoint and an ONNX export [default: the checkpoint]
    #[arg(long, value_parser = parse_source, value_name = "checkpoint|onnx")]
    from: Option<WeightSource>,
    /// Leave out the layers after the pooling, or a head in the checkpoint that corom does not run
    #[arg(long)]
    ignore_head: bool,
    /// Keep only the tokens that the lines of this file use, so that the model is smaller; may be repeated
    #[arg(long, value_name = "TEXTS")]
    keep_vocab: Vec<PathBuf>,
    /// The most bytes of a file model.onnx_data_…, and in int4 at least those of the largest 4-bit weight [default: 25165824]
    #[arg(long, value_name = "BYTES")]
    max_shard_size: Option<usize>,
    /// Replace the model folder if it exists
    #[arg(long)]
    force: bool,
}

/// [`Dtype`] as the command line shows it.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum DtypeArg {
    /// 32-bit floating point: exact
    F32,
    /// 8-bit integers with one scale per row: a quarter of the size
    Int8,
    /// 4-bit integers with one scale and one zero point per 32 weights, embeddings in 8 bits: a fifth
    /// of the size, or less
    Int4,
}

impl From<DtypeArg> for Dtype {
    fn from(dtype: DtypeArg) -> Self {
        match dtype {
            DtypeArg::F32 => Self::F32,
            DtypeArg::Int8 => Self::Int8,
            DtypeArg::Int4 => Self::Int4,
        }
    }
}

fn parse_source(name: &str) -> Result<WeightSource, String> {
    WeightSource::parse(name).map_err(|e| e.to_string())
}

fn parse_pooling(names: &str) -> Result<PoolingChoice, String> {
    PoolingChoice::parse(&names.split(',').collect::<Vec<_>>()).map_err(|e| e.to_string())
}

/// Reads the lines of the files of `--keep-vocab`. `None` without a file.
///
/// # Errors
/// `INVALID_ARGUMENT` for a file that has no plain lines, `MISSING_FILE` or `FETCH_FAILED` if it cannot be read.
fn kept_texts(files: &[PathBuf]) -> Result<Option<Vec<String>>> {
    let mut texts = Vec::new();
    for path in files {
        let shown = path.display();
        if path.extension().is_some_and(|extension| extension != "txt" && extension != "tsv") {
            fail!(
                InvalidArgument,
                "--keep-vocab {shown}: expected a .txt or .tsv file, whose lines are plain text"
            );
        }
        let bytes = std::fs::read(path).map_err(|error| file_error(path, error))?;
        let content = String::from_utf8(bytes).map_err(|error| {
            Error::with_source(
                ErrorCode::InvalidArgument,
                format!("--keep-vocab {shown}: the file is not UTF-8"),
                error,
            )
        })?;
        let lines = content.trim_start_matches('\u{feff}').lines();
        texts.extend(lines.filter(|line| !line.trim().is_empty()).map(str::to_owned));
    }
    Ok((!files.is_empty()).then_some(texts))
}

/// Converts a checkpoint or an ONNX export on disk. The model folder appears complete or not at all.
///
/// # Errors
/// The errors of [`DiskFolder::open`], [`convert_with_tract_onnx`], [`add_self_test`], [`second_opinion`] and
/// [`StagingFolder`].
pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let options = ConvertOptions {
        dtype: args.dtype.into(),
        pooling: args.pooling.clone(),
        normalize: args.normalize,
        max_length: args.max_length,
        ignore_head: args.ignore_head,
        from: args.from,
        onnx: None,
        keep_vocab: kept_texts(&args.keep_vocab)?,
        max_shard_size: args.max_shard_size,
    };
    let (source, onnx) = DiskFolder::open(&args.checkpoint)?;
    let options = ConvertOptions { onnx, ..options };
    let mut staging = StagingFolder::new(&args.out, &args.checkpoint, args.force)?;
    let mut conversion = convert_with_tract_onnx(&source, &options, &mut staging)?;
    let written = DiskFolder::new(staging.path());
    add_self_test(&mut conversion, &written, &mut staging)?;
    let mut notes = Vec::new();
    if conversion.imported {
        let agreement = check_import(args, &options, &source, &conversion, &staging)?;
        notes.push(format!(
            "tract-onnx read the graph, which has parts that corom's own reader does not know; what it returns is what \
             the export returns, {agreement}"
        ));
    }
    notes.push(second_opinion::of_folder(staging.path(), &LoadOptions::default())?.line());
    staging.commit()?;
    print_report(args, &conversion, started.elapsed());
    notes.iter().for_each(|note| print_line(format_args!("  {note}")));
    Ok(())
}

/// Compares the vectors of a folder with those of the export that tract-onnx read. A folder that is quantized or has
/// lost tokens has other vectors, so the export is converted for the comparison as it is.
fn check_import(
    args: &Args,
    options: &ConvertOptions,
    source: &DiskFolder,
    conversion: &Conversion,
    staging: &StagingFolder,
) -> Result<Agreement> {
    let onnx = &conversion.weights;
    if options.dtype == Dtype::F32 && options.keep_vocab.is_none() {
        return second_opinion::of_export(source.path(), onnx, staging.path());
    }
    let name = args.out.file_name().unwrap_or_default().to_string_lossy();
    let name = format!(".{name}.corom-f32-{}", std::process::id());
    let mut exact = StagingFolder::new(&args.out.with_file_name(name), source.path(), false)?;
    let options = ConvertOptions { dtype: Dtype::F32, keep_vocab: None, ..options.clone() };
    convert_with_tract_onnx(source, &options, &mut exact)?;
    second_opinion::of_export(source.path(), onnx, exact.path())
}

fn print_report(args: &Args, conversion: &Conversion, elapsed: Duration) {
    print_line(args.out.display());
    let mut lines = conversion.report();
    if let Some(last) = lines.last_mut() {
        *last = format!("{last}, {:.1} s", elapsed.as_secs_f64());
    }
    lines.iter().for_each(|line| print_line(format_args!("  {line}")));
}
