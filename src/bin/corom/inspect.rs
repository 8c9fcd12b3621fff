//! `corom inspect`: what a model folder says of itself, and whether its files are whole.

use std::path::PathBuf;

use corom::error::{Error, ErrorCode, Result};
use corom::model::Manifest;
use corom::model::manifest::FILE_NAME;

use crate::fail;

/// Arguments of `corom inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A folder that `corom convert` wrote
    folder: PathBuf,
}

/// Prints the manifest and checks every file's size and SHA-256.
///
/// # Errors
/// `MISSING_FILE` without a manifest or a file that it lists, `INTEGRITY_MISMATCH`
/// when files are not what it says; every file is looked at first.
pub(crate) fn run(args: &Args) -> Result<()> {
    let manifest = Manifest::from_json(&read(&args.folder.join(FILE_NAME))?)?;
    println!("{}", args.folder.display());
    println!("  written by    {}", manifest.created_by);
    println!("  format        {}", manifest.format_version);
    println!("  dtype         {}", manifest.dtype);
    println!("  vector        {} numbers", manifest.hidden_size);
    println!("  pooling       {}", manifest.pooling.as_str());
    println!("  normalize     {}", manifest.normalize);
    println!("  max length    {} tokens", manifest.max_length);
    match &manifest.self_test {
        Some(test) => println!("  self-test     {} texts", test.texts.len()),
        None => println!("  self-test     none"),
    }
    let mut bad: Option<Error> = None;
    let mut total = 0;
    for file in &manifest.files {
        let checked = read(&args.folder.join(&file.path)).and_then(|bytes| file.verify(&bytes));
        let verdict = if checked.is_ok() { "ok" } else { "BAD" };
        println!("  {:>11}  {}…  {verdict:<3}  {}", file.size, &file.sha256[..12], file.path);
        total += file.size;
        if let Err(error) = checked {
            println!("               {error}");
            bad.get_or_insert(error);
        }
    }
    println!("  {total:>11}  bytes in {} files", manifest.files.len());
    match bad {
        None => Ok(()),
        Some(error) => fail_with(error),
    }
}

fn fail_with(error: Error) -> Result<()> {
    match error.code() {
        ErrorCode::MissingFile => fail!(MissingFile, "the folder is incomplete: {error}"),
        ErrorCode::IntegrityMismatch => fail!(IntegrityMismatch, "the folder is damaged: {error}"),
        _ => Err(error),
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let code = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorCode::MissingFile,
            _ => ErrorCode::FetchFailed,
        };
        Error::with_source(code, format!("{} cannot be read: {e}", path.display()), e)
    })
}
