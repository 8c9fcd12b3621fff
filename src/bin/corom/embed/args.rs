//! The arguments of `corom embed`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use clap::ValueEnum;
#[cfg(feature = "gpu")]
use corom::encoder::gpu::{GpuDevice, GpuOptions};
use corom::encoder::{KernelChoice, Precision};
use corom::error::Result;
use corom::model::LoadOptions;
use corom::prompts::PromptChoice;

use super::input::InputFormat;
use super::output::OutputFormat;
use super::row::OnBadRow;
use super::vectors::VectorType;
use crate::fail;

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
    /// The device that runs the model; a GPU gives other bits, so its runs cannot be continued
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    pub(super) device: Device,
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

/// The device that runs the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Device {
    /// The processor
    Cpu,
    /// The GPU, also one that the processor emulates; an error without one
    Gpu,
    /// The GPU if there is one, otherwise the processor
    Auto,
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

/// Opens the GPU, or one that the processor emulates.
#[cfg(feature = "gpu")]
fn gpu() -> Result<GpuDevice> {
    let interface = match () {
        () if cfg!(windows) => "Direct3D 12",
        () if cfg!(target_vendor = "apple") => "Metal",
        () => "Vulkan",
    };
    match GpuDevice::open(GpuOptions { allow_software: true, ..GpuOptions::default() })? {
        Some(gpu) => Ok(gpu),
        None => fail!(GpuFailed, "--device gpu: this machine has no GPU with a driver for {interface}"),
    }
}

fn milliseconds() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

impl Args {
    /// Returns the options that load the model, onto the GPU if the arguments say so.
    ///
    /// # Errors
    /// `GPU_FAILED` if there is no GPU that can be used.
    pub(super) fn load_options(&self) -> Result<LoadOptions> {
        let options = self.quality.load_options(self.max_length);
        match self.device {
            Device::Cpu => Ok(options),
            #[cfg(feature = "gpu")]
            Device::Gpu => Ok(LoadOptions { gpu: Some(gpu()?), ..options }),
            #[cfg(feature = "gpu")]
            Device::Auto => {
                Ok(LoadOptions { gpu: GpuDevice::open(GpuOptions::default()).unwrap_or(None), ..options })
            }
            #[cfg(not(feature = "gpu"))]
            Device::Gpu => fail!(
                InvalidArgument,
                "--device gpu: this build of corom uses no GPU; build it with the feature gpu (cargo build --release \
                 --features cli,gpu)"
            ),
            #[cfg(not(feature = "gpu"))]
            Device::Auto => Ok(options),
        }
    }

    /// Returns true if the vectors may have other bits on another machine.
    pub(super) fn has_own_bits(&self) -> bool {
        self.quality == Quality::Balanced || self.device != Device::Cpu
    }

    /// Returns the prompt.
    pub(super) fn prompt(&self) -> PromptChoice {
        self.prompt.clone().map_or(PromptChoice::Default, PromptChoice::NameOrText)
    }
}
