//! `corom inspect`: prints what a model folder is and checks its files.

use std::path::PathBuf;

use corom::convert::inspect;
use corom::error::Result;
use corom::model::LoadOptions;

use crate::disk_folder::DiskFolder;
use crate::{fail, second_opinion};

/// Arguments of `corom inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder that `corom convert` wrote, or another tool's folder with an ONNX export
    folder: PathBuf,
    /// Also embed texts: run the self-test, and compare with tract-onnx's reading of the graph
    #[arg(long)]
    check: bool,
}

/// Prints what the folder is, and checks its files.
///
/// # Errors
/// `MISSING_FILE` if there is no such folder; those of [`inspect`] and [`second_opinion`].
pub(crate) fn run(args: &Args) -> Result<()> {
    if !args.folder.is_dir() {
        fail!(
            MissingFile,
            "{} is not a folder; expected a model folder, with corom.json or an ONNX export",
            args.folder.display()
        );
    }
    println!("{}", args.folder.display());
    inspect(&DiskFolder::new(&args.folder), args.check, |line| println!("  {line}"))?;
    if args.check {
        println!("  {}", second_opinion::of_folder(&args.folder, &LoadOptions::default())?.line());
    }
    Ok(())
}
