//! `corom convert`: arguments, disk and messages around [`corom::convert`].

use std::path::PathBuf;
use std::time::{Duration, Instant};

use corom::config::PoolingChoice;
use corom::convert::{
    Conversion, ConvertOptions, Dtype, FileSink, WeightSource, convert_with_tract_onnx, measure_self_test,
    self_test, self_test_options,
};
use corom::error::{Error, ErrorCode, Result};
use corom::model::manifest::FILE_NAME;
use corom::model::{LoadOptions, folder};

use crate::disk_folder::DiskFolder;
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
    /// How hidden states become one vector per text: cls, mean, max, mean_sqrt_len, weighted_mean, last_token,
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
    /// What to convert if the folder has a checkpoint and an ONNX export [default: the checkpoint]
    #[arg(long, value_parser = parse_source, value_name = "checkpoint|onnx")]
    from: Option<WeightSource>,
    /// Leave out the layers after the pooling, or a head in the checkpoint that corom does not run
    #[arg(long)]
    ignore_head: bool,
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
    /// 4-bit integers with one scale and one zero point per 32 weights, embeddings in 8 bits: a sixth of
    /// the size
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

/// Converts a checkpoint or an ONNX export on disk. The model folder appears complete or not at all.
///
/// # Errors
/// The errors of [`DiskFolder::open`], [`convert_with_tract_onnx`], [`self_test`], [`second_opinion`] and
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
    };
    let (source, onnx) = DiskFolder::open(&args.checkpoint)?;
    let options = ConvertOptions { onnx, ..options };
    let mut staging = StagingFolder::new(&args.out, &args.checkpoint, args.force)?;
    let mut conversion = convert_with_tract_onnx(&source, &options, &mut staging)?;
    add_self_test(&mut conversion, &mut staging)?;
    let mut notes = Vec::new();
    if conversion.imported {
        let cosine = check_import(args, &options, &source, &conversion, &staging)?;
        notes.push(format!(
            "tract-onnx read the graph, which has parts that corom's own reader does not know; the vectors are those of \
             the export, cosine {cosine:.7}"
        ));
    }
    notes.push(second_opinion::of_folder(staging.path(), &LoadOptions::default())?.line());
    staging.commit()?;
    print_report(args, &conversion, started.elapsed());
    notes.iter().for_each(|note| println!("  {note}"));
    Ok(())
}

/// Compares the vectors of a folder with those of the export that tract-onnx read. A quantized folder has other
/// vectors, so the export is converted to f32 for the comparison.
fn check_import(
    args: &Args,
    options: &ConvertOptions,
    source: &DiskFolder,
    conversion: &Conversion,
    staging: &StagingFolder,
) -> Result<f64> {
    let onnx = &conversion.weights;
    if options.dtype == Dtype::F32 {
        return second_opinion::of_export(source.path(), onnx, staging.path());
    }
    let name = args.out.file_name().unwrap_or_default().to_string_lossy();
    let name = format!(".{name}.corom-f32-{}", std::process::id());
    let mut exact = StagingFolder::new(&args.out.with_file_name(name), source.path(), false)?;
    let options = ConvertOptions { dtype: Dtype::F32, ..options.clone() };
    convert_with_tract_onnx(source, &options, &mut exact)?;
    second_opinion::of_export(source.path(), onnx, exact.path())
}

/// Runs the converted model on the texts of the self-test, and writes the manifest with the result.
fn add_self_test(conversion: &mut Conversion, staging: &mut StagingFolder) -> Result<()> {
    let mut embedder = folder::load(staging.path(), self_test_options())?;
    let mut test = self_test(&mut embedder)?;
    drop(embedder);
    measure_self_test(&mut test, |options| folder::load(staging.path(), options))?;
    conversion.manifest.self_test = Some(test);
    let manifest = conversion.manifest.to_json()?;
    staging.write(FILE_NAME, manifest.as_bytes()).map_err(|e| {
        Error::with_source(ErrorCode::FetchFailed, format!("{FILE_NAME} cannot be written: {e}"), e)
    })
}

fn print_report(args: &Args, conversion: &Conversion, elapsed: Duration) {
    let Conversion { manifest, config, weights, stored_dtype, ignored_tensors, .. } = conversion;
    let bytes: u64 = manifest.files.iter().map(|f| f.size).sum();
    println!("{}", args.out.display());
    if let Some(stored) = stored_dtype {
        println!("  from {weights} ({stored})");
        if matches!(stored.as_str(), "int8" | "int4") {
            println!("  the export is quantized: the {} weights have its error", manifest.dtype);
        }
    }
    println!(
        "  {} layers × {}, {} heads, vocabulary {}, {}",
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.vocab_size,
        manifest.dtype,
    );
    println!(
        "  pooling {}, {}normalized, up to {} tokens",
        manifest.pooling,
        if manifest.normalize { "" } else { "not " },
        manifest.max_length,
    );
    for module in &manifest.head {
        println!("  after the pooling: {module}");
    }
    if !ignored_tensors.is_empty() {
        println!("  not converted: {}", ignored_tensors.join(", "));
    }
    for (kernels, error) in manifest.self_test.iter().flat_map(|test| &test.measured) {
        println!(
            "  {kernels} kernels: cosine to f32 at least {:.5} on the texts of the self-test",
            error.cosine
        );
    }
    if manifest.self_test.as_ref().is_some_and(|test| !test.allows("relaxed")) {
        // With integer weights, `measure_self_test` has rejected a model that the exact kernels cannot run.
        if manifest.self_test.as_ref().is_some_and(|test| !test.allows("exact")) {
            println!("  the model loses too much in integers: load it with precision f32");
        }
        println!("  the relaxed kernels lose too much for this model: it will run with the exact kernels");
    }
    println!(
        "  {bytes} bytes ({:.1} MB) in {} files, {:.1} s",
        bytes as f64 / 1e6,
        manifest.files.len() + 1,
        elapsed.as_secs_f64(),
    );
}
