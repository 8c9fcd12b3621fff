//! The arguments of `corom embed`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use clap::ValueEnum;
use corom::encoder::{KernelChoice, Precision};
use corom::model::LoadOptions;
use corom::prompts::PromptChoice;

use super::input::InputFormat;
use super::output::OutputFormat;
use super::row::OnBadRow;
use super::vectors::VectorType;

/// Arguments of `corom embed`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Texts in UTF-8: one per line (.txt), a column of a table (.tsv, .csv, .parquet, .arrow, .arrows) or records
    /// (.jsonl, .ndjson); - reads standard input
    #[arg(value_name = "IN")]
    pub(super) input_file: PathBuf,
    /// Vectors as an array of NumPy (.npy, and the ids in .ids.jsonl), or rows with a field or column `embedding`
    /// (.jsonl, .parquet, .arrows); - writes to standard output
    #[arg(value_name = "OUT")]
    pub(super) output_file: PathBuf,
    /// The model folder
    #[arg(long, short)]
    pub(super) model: PathBuf,
    /// The kernels of products
    #[arg(long, value_enum, default_value_t = Quality::Exact)]
    pub(super) quality: Quality,
    /// The number of tokens that texts are cut to [default: the model's own]
    #[arg(long, value_name = "N")]
    pub(super) max_length: Option<usize>,
    /// One of the model's prompts, or a text before each text
    #[arg(long, value_name = "NAME|TEXT")]
    pub(super) prompt: Option<String>,
    /// Tables: the column with the texts, by name, or by number in TSV and CSV [default: the only one]
    #[arg(long, value_name = "N|NAME")]
    pub(super) column: Option<String>,
    /// TSV: split each line in N columns at its first tabs, so that the last column may have tabs
    #[arg(long, value_name = "N")]
    pub(super) columns: Option<NonZeroUsize>,
    /// TSV and CSV: the first line has the names of the columns
    #[arg(long)]
    pub(super) header: bool,
    /// JSONL: the field with the text [default: text]
    #[arg(long, value_name = "NAME")]
    pub(super) field: Option<String>,
    /// The column or field with the ids [default: the number of the row, from 0 on]
    #[arg(long, value_name = "N|NAME")]
    pub(super) id: Option<String>,
    /// Parquet and Arrow: a column that OUT repeats, by name; may be repeated [default: all]
    #[arg(long, value_name = "NAME")]
    pub(super) keep: Vec<String>,
    /// The format of IN and OUT, unless --input and --output give another
    #[arg(long, value_enum)]
    pub(super) format: Option<OutputFormat>,
    /// The format of IN [default: by the file's name]
    #[arg(long, value_enum)]
    pub(super) input: Option<InputFormat>,
    /// The format of OUT [default: by the file's name]
    #[arg(long, value_enum)]
    pub(super) output: Option<OutputFormat>,
    /// The number type of vectors
    #[arg(long, value_enum, default_value_t = VectorType::F32)]
    pub(super) vectors: VectorType,
    /// The treatment of a row without a text that can be embedded
    #[arg(long, value_enum, default_value_t = OnBadRow::Stop)]
    pub(super) on_bad_row: OnBadRow,
    /// Threads that embed, and share the model in memory [default: one per core]
    #[arg(long, value_name = "N")]
    pub(super) threads: Option<NonZeroUsize>,
    /// Rows that are in memory at the same time, and sorted by length
    #[arg(long, value_name = "N", default_value = "8192")]
    pub(super) window: NonZeroUsize,
    /// Continue a run that was interrupted; without one, begin
    #[arg(long)]
    pub(super) resume: bool,
    /// Replace OUT if it exists
    #[arg(long)]
    pub(super) force: bool,
}

/// The kernels of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Quality {
    /// The fastest kernels of this machine, found by timing
    Balanced,
    /// Equal bits on every machine
    Exact,
    /// Products in f32: slower
    Float,
}

impl Quality {
    /// Returns the options that load a model with this quality.
    pub(crate) fn load_options(self, max_length: Option<usize>) -> LoadOptions {
        let (precision, kernel) = match self {
            Self::Balanced => (Precision::Auto, KernelChoice::Fastest(milliseconds)),
            Self::Exact => (Precision::Auto, KernelChoice::Exact),
            Self::Float => (Precision::F32, KernelChoice::Exact),
        };
        LoadOptions { max_length, precision, kernel, ..LoadOptions::default() }
    }
}

fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

impl Args {
    /// Returns the prompt.
    pub(super) fn prompt(&self) -> PromptChoice {
        self.prompt.clone().map_or(PromptChoice::Default, PromptChoice::NameOrText)
    }
}
