//! `corom inspect`: prints what a model folder is and checks its files.

use std::path::{Path, PathBuf};

use corom::error::{Error, ErrorCode, Result};
use corom::model::manifest::FILE_NAME;
use corom::model::{LoadOptions, Manifest, folder};

use crate::second_opinion;

/// Arguments of `corom inspect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder that `corom convert` wrote, or another tool's folder with an ONNX export
    folder: PathBuf,
    /// Also embed texts: run the self-test, and compare with tract-onnx's reading of the graph
    #[arg(long)]
    check: bool,
}

/// Prints the manifest, and checks the size and SHA-256 of every file. A folder without a manifest is loaded, and
/// its settings are printed, each with the file that decided it.
///
/// # Errors
/// Checks every file, then returns the first error: `MISSING_FILE` if the manifest or a listed file is
/// missing, `INTEGRITY_MISMATCH` if a file differs from the manifest, `FETCH_FAILED` if a file cannot be
/// read.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.folder.is_dir() && !args.folder.join(FILE_NAME).exists() {
        return run_foreign(args);
    }
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
    if let Some(error) = first_error {
        return Err(add_folder_state(error));
    }
    if args.check { check(&args.folder) } else { Ok(()) }
}

/// Prints what another tool's folder is.
fn run_foreign(args: &Args) -> Result<()> {
    let embedder = folder::load(&args.folder, LoadOptions::default())?;
    let (info, config) = (embedder.encoder().info(), embedder.config());
    println!("{}", args.folder.display());
    println!("  written by    another tool: there is no {FILE_NAME}");
    println!(
        "  encoder       {} layers × {}, {} heads, vocabulary {}",
        config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.vocab_size
    );
    println!("  dtype         {}", info.dtype);
    println!("  runs          {} in {}", if info.fused { "fused" } else { "unfused" }, info.precision);
    println!("  dimension     {}", embedder.dimension());
    for decision in embedder.decisions() {
        let value = decision.value.as_str().map_or_else(|| decision.value.to_string(), str::to_owned);
        println!("  {:<13} {value}  (by {})", decision.setting, decision.source);
    }
    drop(embedder);
    if args.check {
        println!("  {}", second_opinion::of_folder(&args.folder, &LoadOptions::default())?.line());
    }
    Ok(())
}

/// Runs the self-test and asks for a second opinion.
fn check(path: &Path) -> Result<()> {
    drop(folder::load(path, LoadOptions::default())?);
    println!("  self-test     passed");
    println!("  {}", second_opinion::of_folder(path, &LoadOptions::default())?.line());
    Ok(())
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
