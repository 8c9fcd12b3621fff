//! `corom inspect`: prints the manifest of a model folder and checks its files.

use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use corom::model::Manifest;
use corom::model::manifest::FILE_NAME;

/// Arguments of `corom inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder that `corom convert` wrote
    folder: PathBuf,
}

/// Prints the manifest, and checks the size and SHA-256 of every file.
///
/// # Errors
/// Checks every file, then returns the first error: `MISSING_FILE` if the manifest or a listed file is
/// missing, `INTEGRITY_MISMATCH` if a file differs from the manifest, `FETCH_FAILED` if a file cannot be
/// read.
pub(crate) fn run(args: &Args) -> Result<()> {
    let manifest = Manifest::from_json(&read(&args.folder.join(FILE_NAME))?)?;
    println!("{}", args.folder.display());
    println!("  written by    {}", manifest.created_by);
    println!("  format        {}", manifest.format_version);
    println!("  dtype         {}", manifest.dtype);
    println!("  dimension     {}", manifest.dimension());
    println!("  pooling       {}", manifest.pooling);
    for module in &manifest.head {
        println!("  head          {module}");
    }
    println!("  normalize     {}", manifest.normalize);
    println!("  max length    {} tokens", manifest.max_length);
    match &manifest.self_test {
        Some(test) => println!("  self-test     {} texts", test.texts.len()),
        None => println!("  self-test     none"),
    }
    let mut first_error: Option<Error> = None;
    let mut total = 0;
    for file in &manifest.files {
        let checked = read(&args.folder.join(&file.path)).and_then(|bytes| file.verify(&bytes));
        let verdict = if checked.is_ok() { "ok" } else { "BAD" };
        println!("  {:>11}  {}…  {verdict:<3}  {}", file.size, &file.sha256[..12], file.path);
        total += file.size;
        if let Err(error) = checked {
            println!("               {error}");
            first_error.get_or_insert(error);
        }
    }
    println!("  {total:>11}  bytes in {} files", manifest.files.len());
    match first_error {
        None => Ok(()),
        Some(error) => Err(add_folder_state(error)),
    }
}

/// Prefixes an error about one file with what it means for the folder.
fn add_folder_state(error: Error) -> Error {
    let state = match error.code() {
        ErrorCode::MissingFile => "the folder is incomplete",
        ErrorCode::IntegrityMismatch => "the folder is damaged",
        _ => return error,
    };
    Error::with_source(error.code(), format!("{state}: {error}"), error)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let code = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorCode::MissingFile,
            _ => ErrorCode::FetchFailed,
        };
        Error::with_source(code, format!("{} cannot be read: {e}", path.display()), e)
    })
}
