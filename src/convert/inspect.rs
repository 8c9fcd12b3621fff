//! Says in words what a model folder is, and checks its files.

use sha2::{Digest, Sha256};

use super::files::FileSource;
use super::folder_files::{cannot_read, file_size, found};
use super::load_folder::{load_folder, load_reranker_folder, read_chunks};
use crate::error::{Error, ErrorCode, Result, fail};
use crate::model::manifest::{FILE_NAME, FileEntry, Manifest, hex};
use crate::model::{LoadOptions, Task};

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;
/// The largest manifest that is read.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// Prints the manifest of a folder, and checks the size and SHA-256 of every file. A folder without a manifest is
/// loaded, and its settings are printed, each with the file that decided it. With `run_self_test`, the self-test of a
/// folder with a manifest is run.
///
/// `print` is called with each line of the report.
///
/// # Errors
/// Checks every file, then returns the first error: `MISSING_FILE` if a listed file is missing, `INTEGRITY_MISMATCH`
/// if a file differs from the manifest, `FETCH_FAILED` if a file cannot be read. The errors of loading the folder.
pub fn inspect(folder: &dyn FileSource, run_self_test: bool, mut print: impl FnMut(&str)) -> Result<()> {
    let Some(length) = file_size(folder, FILE_NAME)? else { return inspect_foreign(folder, print) };
    if length > MAX_MANIFEST_BYTES {
        fail!(InvalidConfig, "{FILE_NAME} has {length} bytes; at most {MAX_MANIFEST_BYTES} are expected");
    }
    let mut json = vec![0; length as usize];
    folder.read_at(FILE_NAME, 0, &mut json).map_err(|e| cannot_read(FILE_NAME, e))?;
    let manifest = Manifest::from_json(&json)?;
    print(&format!("written by    {}", manifest.created_by));
    print(&format!("format        {}", manifest.format_version));
    print(&format!("dtype         {}", manifest.dtype));
    if manifest.task == Task::Rerank {
        print("task          rerank: load it with CoromReranker");
        print(&format!("labels        {}", manifest.dimension()));
    } else {
        print(&format!("dimension     {}", manifest.dimension()));
        print(&format!("pooling       {}", manifest.pooling));
    }
    if let Some(full) = manifest.full_vocab_size {
        print(&format!("vocabulary    cut: the model has {full} tokens elsewhere"));
    }
    if let Some(teacher) = &manifest.distilled_from {
        print(&format!("distilled     from {teacher}: queries for the catalogs of that model"));
    }
    for module in &manifest.head {
        print(&format!("head          {module}"));
    }
    if manifest.task == Task::Embed {
        print(&format!("normalize     {}", manifest.normalize));
        print(&format!("metric        {}", manifest.metric().as_str()));
    }
    print(&format!("max length    {} tokens", manifest.max_length));
    match &manifest.self_test {
        Some(test) => print(&format!("self-test     {} texts", test.texts.len())),
        None => print("self-test     none"),
    }
    let mut first_error: Option<Error> = None;
    let mut total = 0;
    for file in &manifest.files {
        let checked = verify(folder, file);
        let verdict = if checked.is_ok() { "ok" } else { "BAD" };
        print(&format!("{:>11}  {}…  {verdict:<3}  {}", file.size, &file.sha256[..12], file.path));
        total += file.size;
        if let Err(error) = checked {
            print(&format!("             {error}"));
            first_error.get_or_insert(error);
        }
    }
    print(&format!("{total:>11}  bytes in {} files", manifest.files.len()));
    if let Some(error) = first_error {
        return Err(add_folder_state(error));
    }
    if run_self_test {
        match manifest.task {
            Task::Embed => drop(load_folder(folder, LoadOptions::default())?),
            Task::Rerank => drop(load_reranker_folder(folder, LoadOptions::default())?),
        }
        print("self-test     passed");
    }
    Ok(())
}

/// Checks a file's size and SHA-256.
fn verify(folder: &dyn FileSource, file: &FileEntry) -> Result<()> {
    let Some(length) = file_size(folder, &file.path)? else {
        fail!(MissingFile, "the folder has no {}{}", file.path, found(folder));
    };
    file.verify_size(length)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    read_chunks(folder, &file.path, length, &mut chunk, |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    file.verify_hash(&hex(&hash.finalize()))
}

/// Prints what another tool's folder is.
fn inspect_foreign(folder: &dyn FileSource, mut print: impl FnMut(&str)) -> Result<()> {
    let reranker;
    let embedder;
    let mut is_reranker = false;
    let model = match load_folder(folder, LoadOptions::default()) {
        Ok(loaded) => {
            embedder = loaded;
            &embedder
        }
        // A graph with logits alone.
        Err(error) if error.code() == ErrorCode::UnsupportedModel => {
            reranker = match load_reranker_folder(folder, LoadOptions::default()) {
                // Neither: the first error says more.
                Err(other) if other.code() == ErrorCode::UnsupportedModel => return Err(error),
                loaded => loaded?,
            };
            print("task          rerank: load it with CoromReranker");
            is_reranker = true;
            reranker.model()
        }
        Err(error) => return Err(error),
    };
    let (info, config) = (model.encoder().info(), model.config());
    print(&format!("written by    another tool: there is no {FILE_NAME}"));
    print(&format!(
        "encoder       {} layers × {}, {} heads, vocabulary {}",
        config.num_hidden_layers, config.hidden_size, config.num_attention_heads, config.vocab_size
    ));
    print(&format!("dtype         {}", info.dtype));
    print(&format!("runs          {} in {}", if info.fused { "fused" } else { "unfused" }, info.precision));
    let kind = if is_reranker { "labels   " } else { "dimension" };
    print(&format!("{kind}     {}", model.dimension()));
    for decision in model.decisions() {
        let value = decision.value.as_str().map_or_else(|| decision.value.to_string(), str::to_owned);
        print(&format!("{:<13} {value}  (by {})", decision.setting, decision.source));
    }
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
