//! `corom inspect`: prints what a model folder is and checks its files.

use std::path::PathBuf;

use corom::convert::inspect;
use corom::error::Result;
use corom::model::LoadOptions;

use crate::disk_folder::DiskFolder;
use crate::output::print_line;
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
    print_line(args.folder.display());
    inspect(&DiskFolder::new(&args.folder), args.check, |line| print_line(format_args!("  {line}")))?;
    if args.check {
        let opinion = second_opinion::of_folder(&args.folder, &LoadOptions::default())?;
        print_line(format_args!("  {}", opinion.line()));
    }
    Ok(())
}
