//! `corom convert`: a ModelScope or Hugging Face BERT checkpoint → a model folder.

mod bert;
mod checkpoint;
mod graph;
mod names;
mod output;
mod quantize;
mod self_test;
mod settings;
mod shards;
mod source;
mod tokenizer;
mod weights;

use std::path::PathBuf;
use std::time::Instant;

use corom::config::{BertConfig, Pooling, PoolingConfig};
use corom::error::{Error, ErrorCode, Result};
use corom::model::Manifest;
use corom::model::manifest::{FILE_NAME, FORMAT, FORMAT_VERSION};
use serde_json::Value;

use checkpoint::Checkpoint;
use output::{Staging, write_file};
use settings::Settings;
use shards::Shards;
use source::Source;

/// Arguments of `corom convert`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The checkpoint's folder: config.json, pytorch_model.bin or model.safetensors,
    /// vocab.txt or tokenizer.json
    checkpoint: PathBuf,
    /// The model folder to write
    out: PathBuf,
    /// The number type of the weights
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// How a text's rows become its vector [default: what the checkpoint says, or cls]
    #[arg(long, value_parser = parse_pooling, value_name = "cls|mean|avg_top2|avg_first_last")]
    pooling: Option<Pooling>,
    /// Where texts are cut, in tokens [default: what the checkpoint says, or 128]
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    /// L2-normalise vectors [default: what the checkpoint says, or not]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "true|false")]
    normalize: Option<bool>,
    /// Convert the encoder alone where layers follow it that corom does not run
    #[arg(long)]
    ignore_head: bool,
    /// Replace the model folder if it is there already
    #[arg(long)]
    force: bool,
}

/// The number type of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Dtype {
    /// 32-bit floating point: exact
    F32,
    /// 8-bit integers with a scale for each row: a quarter of the size
    Int8,
    /// 4-bit integers with a scale and a zero point for each 32, embeddings in 8 bits: a sixth of the size
    Int4,
}

impl Dtype {
    fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}

fn parse_pooling(name: &str) -> Result<Pooling, String> {
    Pooling::parse(name).map_err(|e| e.to_string())
}

/// Converts.
///
/// # Errors
/// See [`Source`], [`Settings`], [`Checkpoint`], [`tokenizer::build`] and [`Staging`];
/// whatever happens, the model folder is written whole or not at all.
pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let source = Source::open(&args.checkpoint)?;
    let said =
        PoolingConfig { pooling: args.pooling, normalize: args.normalize, max_length: args.max_length };
    let settings = Settings::decide(&source, &said, args.ignore_head)?;
    let tokenizer = tokenizer::build(&source, settings.max_length)?;
    let checkpoint = Checkpoint::open(&source, args.ignore_head)?;

    let staging = Staging::new(&args.out, &args.checkpoint, args.force)?;
    let folder = staging.folder();
    let mut files = vec![
        write_file(folder, "config.json", config_json(&checkpoint.config)?.as_bytes())?,
        write_file(folder, "tokenizer.json", tokenizer.as_bytes())?,
    ];
    let mut shards = Shards::new(folder);
    let model = graph::build(&checkpoint, settings.pooling, args.dtype, &mut shards)?;
    files.push(write_file(folder, "model.onnx", &model)?);
    files.extend(shards.finish()?);

    let mut manifest = Manifest {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        created_by: concat!("corom ", env!("CARGO_PKG_VERSION")).into(),
        pooling: settings.pooling,
        normalize: settings.normalize,
        max_length: settings.max_length,
        dtype: args.dtype.as_str().into(),
        hidden_size: checkpoint.config.hidden_size,
        files,
        self_test: None,
    };
    write_file(folder, FILE_NAME, manifest.to_json()?.as_bytes())?;
    manifest.self_test = Some(self_test::self_test(folder)?);
    write_file(folder, FILE_NAME, manifest.to_json()?.as_bytes())?;
    staging.commit()?;
    report(args, &checkpoint, &manifest, started);
    Ok(())
}

/// Hugging Face's `config.json`, normalised: what running the model needs.
fn config_json(config: &BertConfig) -> Result<String> {
    let failed = |e| Error::with_source(ErrorCode::Internal, "config.json cannot be written", e);
    let mut value = serde_json::to_value(config).map_err(failed)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("model_type".into(), Value::from("bert"));
        object.insert("architectures".into(), Value::from(vec!["BertModel"]));
        object.insert("position_embedding_type".into(), Value::from("absolute"));
    }
    serde_json::to_string_pretty(&value).map(|text| text + "\n").map_err(failed)
}

fn report(args: &Args, checkpoint: &Checkpoint, manifest: &Manifest, started: Instant) {
    let config = &checkpoint.config;
    let bytes: u64 = manifest.files.iter().map(|f| f.size).sum();
    println!("{}", args.out.display());
    println!(
        "  {} layers × {}, {} heads, vocabulary {}, {}",
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.vocab_size,
        manifest.dtype,
    );
    println!(
        "  pooling {}, {}normalised, up to {} tokens",
        manifest.pooling.as_str(),
        if manifest.normalize { "" } else { "not " },
        manifest.max_length,
    );
    if !checkpoint.head().is_empty() {
        println!("  left out: {}", checkpoint.head().join(", "));
    }
    println!(
        "  {bytes} bytes ({:.1} MB) in {} files, {:.1} s",
        bytes as f64 / 1e6,
        manifest.files.len() + 1,
        started.elapsed().as_secs_f64(),
    );
}
