//! The arguments of a run as the other modules take them, and those that decide on the bytes of its output.

use std::path::Path;
use std::time::UNIX_EPOCH;

use corom::error::Result;
use corom::model::manifest::{FILE_NAME, sha256_hex};
use serde_json::{Map, Value, json};

use super::args::Args;
use super::input::{self, Input, InputFormat, Selection};
use super::out_files::ON_BAD_ROW;
use super::output::{self, OutputFormat, Shape};
use super::vectors::VectorType;
use crate::fail;

/// Returns the formats of input and output: as the options say, or by the files' names.
///
/// # Errors
/// `INVALID_ARGUMENT` if a format is not known, or does not fit standard output.
pub(super) fn formats(args: &Args) -> Result<(InputFormat, OutputFormat)> {
    let by_name = || input::format_of(&args.input_file);
    let both = args.format.map(OutputFormat::as_input).transpose()?;
    let Some(from) = args.input.or(both).or_else(by_name) else {
        fail!(
            InvalidArgument,
            "the format of {} is not known; add --input txt, tsv, csv, jsonl, parquet or arrow",
            input_name(args)
        )
    };
    let given = args.output.or(args.format);
    if given.is_none() && args.output_file.extension().is_some_and(|e| e.eq_ignore_ascii_case("arrow")) {
        fail!(
            InvalidArgument,
            "{}: a file with this ending has Arrow's file format, and this command writes Arrow streams; name it .arrows, \
             or add --output arrow",
            args.output_file.display()
        );
    }
    let Some(to) = given.or_else(|| output::format_of(&args.output_file)) else {
        fail!(
            InvalidArgument,
            "the format of {} is not known; add --output npy, jsonl, parquet or arrow",
            if args.output_file == Path::new("-") {
                "standard output".into()
            } else {
                args.output_file.to_string_lossy()
            }
        )
    };
    if args.output_file == Path::new("-") {
        if to == OutputFormat::Npy {
            fail!(
                InvalidArgument,
                "an array of NumPy needs a file, because its header has the number of rows; standard output takes jsonl, arrow \
                 and parquet"
            );
        }
        if args.resume {
            fail!(InvalidArgument, "--resume needs a file as OUT; standard output cannot be continued");
        }
    }
    if args.resume && args.has_own_bits() {
        fail!(
            InvalidArgument,
            "--resume needs --quality exact or float on the processor; balanced and a GPU choose their kernels by the \
             machine, so another machine has other bits"
        );
    }
    Ok((from, to))
}

/// Checks that no file of the output replaces the input. `extensions` are those of the files beside `OUT`.
///
/// # Errors
/// `INVALID_ARGUMENT` if one does.
pub(super) fn check_paths(args: &Args, extensions: &[&str]) -> Result<()> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (input, out) = (real(&args.input_file), &args.output_file);
    if args.input_file == Path::new("-") || out == Path::new("-") {
        return Ok(());
    }
    if real(out) == input {
        fail!(InvalidArgument, "IN and OUT are the same file, {}", out.display());
    }
    let beside = extensions.iter().map(|extension| out.with_extension(extension));
    if let Some(same) = beside.into_iter().find(|path| real(path) == input) {
        fail!(InvalidArgument, "{} would replace IN; give OUT another name", same.display());
    }
    Ok(())
}

/// Returns the name of the input in messages.
pub(super) fn input_name(args: &Args) -> String {
    if args.input_file == Path::new("-") {
        "standard input".into()
    } else {
        args.input_file.display().to_string()
    }
}

/// Returns which columns and fields are read.
pub(super) fn selection(args: &Args, to: OutputFormat) -> Selection {
    Selection {
        column: args.column.clone(),
        columns: args.columns.map(Into::into),
        header: args.header,
        field: args.field.clone(),
        id: args.id.clone(),
        keep: (!args.keep.is_empty()).then(|| args.keep.clone()),
        repeats: to != OutputFormat::Npy,
        reserved: match (to, args.vectors) {
            (OutputFormat::Npy, _) => &[],
            (_, VectorType::Int8) => &["embedding", "scale"],
            _ => &["embedding"],
        },
    }
}

/// Returns what an encoder is told.
pub(super) fn shape(args: &Args, input: &dyn Input, dimension: usize) -> Shape {
    Shape {
        dimension,
        vector_type: args.vectors,
        names: input.names().map(<[String]>::to_vec),
        #[cfg(feature = "columnar")]
        schema: input.schema(),
        has_ids: args.id.is_some(),
    }
}

/// Returns the settings that decide on the bytes of the output: none if the run cannot be continued, because its
/// input is no regular file or its kernels are chosen by timing.
///
/// # Errors
/// `INVALID_ARGUMENT` if the run shall be continued and cannot be.
pub(super) fn of_run(
    args: &Args,
    (from, to): (InputFormat, OutputFormat),
) -> Result<Option<Map<String, Value>>> {
    let metadata =
        args.input_file.metadata().ok().filter(|m| args.input_file != Path::new("-") && m.is_file());
    let Some(metadata) = metadata else {
        if args.resume {
            fail!(InvalidArgument, "--resume needs a file as IN; {} cannot be read again", input_name(args));
        }
        return Ok(None);
    };
    if args.has_own_bits() {
        return Ok(None);
    }
    let changed = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let settings = json!({
        "version of corom": env!("CARGO_PKG_VERSION"),
        "model": model_hash(&args.model),
        "size of IN": metadata.len(),
        "time of IN": changed.map(|time| time.as_nanos().to_string()),
        "--input": format!("{from:?}"),
        "--output": format!("{to:?}"),
        "--quality": format!("{:?}", args.quality),
        "--max-length": args.max_length,
        "--prompt": args.prompt,
        "--column": args.column,
        "--columns": args.columns,
        "--header": args.header,
        "--field": args.field,
        "--id": args.id,
        "--keep": args.keep,
        "--vectors": format!("{:?}", args.vectors),
        ON_BAD_ROW: format!("{:?}", args.on_bad_row),
        "--window": args.window,
    });
    match settings {
        Value::Object(settings) => Ok(Some(settings)),
        _ => Ok(None),
    }
}

/// Returns the hash of the manifest, which has the hashes of all files; of a folder without one, the names, sizes and
/// times of its files.
fn model_hash(folder: &Path) -> String {
    if let Ok(manifest) = std::fs::read(folder.join(FILE_NAME)) {
        return sha256_hex(&manifest);
    }
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut files: Vec<String> = entries
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            Some(format!("{:?} {} {:?}", entry.file_name(), metadata.len(), metadata.modified().ok()))
        })
        .collect();
    files.sort();
    sha256_hex(files.join("\n").as_bytes())
}
