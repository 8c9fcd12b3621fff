//! `corom`, the native command: converts a BERT checkpoint to a model folder, inspects model folders, embeds files,
//! evaluates models on judged collections, compares them with their cards, and builds search catalogs. With the feature
//! `train` it trains models.

mod convert;
mod disk_folder;
#[cfg(feature = "train")]
mod distill;
mod embed;
mod engine;
mod eval;
mod file_error;
mod index;
mod inspect;
#[cfg(feature = "train")]
mod mine;
mod model_outputs;
mod output;
mod progress;
mod second_opinion;
mod staging_folder;
#[cfg(feature = "train")]
mod train;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use corom::encoder::GUARDED_THREAD;

/// Fails with one of corom's error codes and a formatted message.
macro_rules! fail {
    ($code:ident, $($arg:tt)*) => {
        return Err(corom::error::Error::new(corom::error::ErrorCode::$code, format!($($arg)*)))
    };
}
pub(crate) use fail;

/// CoROM, a Chinese e-commerce text embedding model: prepare it for the client.
#[derive(Parser)]
#[command(name = "corom", version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Convert a ModelScope or Hugging Face checkpoint to a model folder
    Convert(convert::Args),
    /// Train a small query encoder that returns the vectors of a larger model
    #[cfg(feature = "train")]
    Distill(Box<distill::Args>),
    /// Search a judged collection and measure the results
    Eval(Box<eval::Args>),
    /// Show the manifest of a model folder and check its files
    Inspect(inspect::Args),
    /// Embed a file of texts of any size
    Embed(Box<embed::Args>),
    /// Build, change and search product catalogs
    Index(index::Args),
    /// Find hard negatives for a second stage of training
    #[cfg(feature = "train")]
    Mine(mine::Args),
    /// Train a model for retrieval, or a reranker
    #[cfg(feature = "train")]
    Train(train::Args),
    /// Compare a model with the numbers that its model card prints
    Verify(verify::Args),
}

/// Prints no message for a panic that becomes an error.
fn silence_guarded_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(GUARDED_THREAD) {
            print(panic);
        }
    }));
}

fn main() -> ExitCode {
    silence_guarded_panics();
    let result = match Cli::parse().command {
        Command::Convert(args) => convert::run(&args),
        #[cfg(feature = "train")]
        Command::Distill(args) => distill::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Embed(args) => embed::run(&args),
        Command::Index(args) => index::run(&args),
        #[cfg(feature = "train")]
        Command::Mine(args) => mine::run(&args),
        #[cfg(feature = "train")]
        Command::Train(args) => train::run(&args),
        Command::Verify(args) => verify::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error[{}]: {error}", error.code());
            print_causes(&error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the causes of an error that its message does not repeat.
fn print_causes(error: &dyn std::error::Error) {
    let mut printed = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !printed.contains(&message) {
            eprintln!("  because: {message}");
        }
        printed = message;
        cause = error.source();
    }
}
