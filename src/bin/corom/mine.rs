//! `corom mine`: finds hard negatives for a second stage of training.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use corom::error::Result;
use corom::eval::RowType;
use corom::train::{embedder_of, mine};

use crate::disk_folder::DiskFolder;
use crate::file_error::file_error;
use crate::output::print_line;
use crate::train::{DataArgs, read_pairs, threads};

/// Arguments of `corom mine`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model of the first stage: a checkpoint or a model folder
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Negatives per query
    #[arg(long, value_name = "N", default_value_t = 200)]
    depth: usize,
    /// The number type of the corpus' vectors: f32, or int8, which takes a quarter of the memory
    #[arg(long, value_name = "f32|int8", default_value = "f32")]
    rows: RowType,
    /// The file to write, in TREC's format
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Searches with the model and writes the results without the relevant passages.
///
/// # Errors
/// The errors of reading the files, of the model and of the search; `FETCH_FAILED` if the file cannot be written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let pairs = read_pairs(&args.data)?;
    let (source, _) = DiskFolder::open(&args.model)?;
    let mut embedder = embedder_of(&source, threads())?;
    let run = mine(&mut embedder, &pairs, args.depth, args.rows, threads())?;
    let write = || {
        let mut file = BufWriter::new(File::create(&args.out)?);
        run.write(&mut file, "mined")?;
        file.flush()
    };
    write().map_err(|error| file_error(&args.out, error))?;
    print_line(format_args!("{}: {} queries", args.out.display(), run.queries().len()));
    Ok(())
}
