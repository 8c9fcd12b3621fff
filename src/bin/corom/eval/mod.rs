//! `corom eval`: searches a judged collection and prints how well.

mod identity;
mod names;
mod pairs;
mod report;
mod systems;
mod vectors;

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use corom::error::Result;
use corom::eval::{Measure, Qrels, RowType, Run, Texts};

use crate::fail;
use crate::file_error::file_error;
use crate::output::print_line;
use names::Named;
use systems::{Collection, Searches};

/// Arguments of `corom eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder; may be repeated. Differences are to the first model with the first quality, or to BM25 if there
    /// is no model
    #[arg(long, value_name = "DIR")]
    model: Vec<PathBuf>,
    /// The kernels of products: exact (int8, the same bits everywhere), relaxed (as the browser's relaxed kernels)
    /// or float; may be repeated [default: exact]
    #[arg(long, value_enum)]
    quality: Vec<vectors::Quality>,
    /// The passages: lines of `id TAB text`, as Multi-CPR's corpus.tsv
    #[arg(long, value_name = "FILE")]
    corpus: PathBuf,
    /// The queries: lines of `id TAB text`, as Multi-CPR's dev.query.txt
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// The judgments: lines of `query 0 document grade`, as Multi-CPR's qrels.dev.tsv
    #[arg(long, value_name = "FILE")]
    qrels: PathBuf,
    /// A reranker's folder, which orders the best results of the first model, or of BM25 if there is no model, again; may
    /// be repeated
    #[arg(long, value_name = "DIR")]
    rerank: Vec<PathBuf>,
    /// The number of results that are ordered again [default: 100]
    #[arg(long, value_name = "N")]
    depth: Option<usize>,
    /// A run of another system to compare with: TREC's format, or lines of `query document score`; may be repeated
    #[arg(long, value_name = "FILE")]
    run: Vec<PathBuf>,
    /// A measure, with ir-measures' names: RR@k, R@k, nDCG@k or Success@k; may be repeated
    #[arg(long, alias = "metric", value_name = "NAME", default_values = ["RR@10", "R@1000", "nDCG@10", "Success@10"])]
    measure: Vec<Measure>,
    /// The weight of the semantic score in the fused ranking, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "W")]
    weight: Option<f64>,
    /// Fuse by reciprocal ranks, with this k, instead of by scores
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "60")]
    rrf: Option<f64>,
    /// The number type of the corpus' vectors: f32, or int8, which takes a quarter of the memory [default: f32]
    #[arg(long, value_name = "f32|int8")]
    rows: Option<RowType>,
    /// The number of threads [default: one per processor]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// The folder that keeps vectors, and logits of pairs, between runs
    #[arg(long, value_name = "DIR", default_value = ".corom-eval")]
    cache: PathBuf,
    /// Write the runs to this folder, in TREC's format
    #[arg(long, value_name = "DIR")]
    save_runs: Option<PathBuf>,
    /// Write the numbers to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Searches the collection by each system and prints the table.
///
/// # Errors
/// `INVALID_ARGUMENT` for files that cannot be read as what they should be or do not belong together, `FETCH_FAILED`
/// for files that cannot be read or written, and the errors of loading and embedding.
pub(crate) fn run(args: &Args) -> Result<()> {
    check_options(args)?;
    let threads = match args.threads.map(NonZeroUsize::new) {
        Some(None) => fail!(InvalidArgument, "--threads 0: expected 1 or more"),
        Some(Some(threads)) => threads,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let (models, rerankers) = (Named::all("--model", &args.model)?, Named::all("--rerank", &args.rerank)?);
    let runs = Named::all("--run", &args.run)?;
    let depth = args.measure.iter().map(|measure| measure.cutoff()).max().unwrap_or(1);
    let weight = corom::eval::Fusion::Scores(args.weight.unwrap_or(0.5));
    let searches = Searches {
        models: &models,
        rerankers: &rerankers,
        rerank_depth: args.depth.unwrap_or(100),
        qualities: if args.quality.is_empty() { &[vectors::Quality::Exact] } else { &args.quality },
        row_type: args.rows.unwrap_or_default(),
        cache: &args.cache,
        fusion: args.rrf.map_or(weight, corom::eval::Fusion::ReciprocalRank),
        depth,
        threads,
    };
    let names = searches.names();
    let all_names = names.iter().map(String::as_str).chain(runs.iter().map(|run| run.name.as_str()));
    names::check_unique(all_names)?;
    // A fault that would end the command after hours of embedding ends it now.
    let mut others = Vec::new();
    for Named { path, name } in runs {
        others.push((name, read(&path, Run::read)?));
    }
    check_outputs(args)?;
    searches.check_models()?;
    let corpus = read(&args.corpus, Texts::read)?;
    let queries = read(&args.queries, Texts::read)?;
    let qrels = read(&args.qrels, Qrels::read)?;
    let collection = Collection::new(corpus, queries, qrels)?;
    collection.notes().iter().for_each(print_line);
    let mut systems = searches.run(&collection)?;
    systems.extend(others);
    if let Some(folder) = &args.save_runs {
        save(folder, &systems)?;
    }
    if let Some(path) = &args.json {
        let json = report::json(&systems, collection.qrels(), &args.measure)?;
        std::fs::write(path, json).map_err(|error| file_error(path, error))?;
    }
    let baseline = searches.baseline();
    for line in report::lines(&systems, &baseline, collection.qrels(), &args.measure)? {
        print_line(line);
    }
    Ok(())
}

/// Checks the options that do not depend on files.
///
/// # Errors
/// `INVALID_ARGUMENT` for a value out of its range, and for an option that would have no effect.
fn check_options(args: &Args) -> Result<()> {
    if let Some(weight) = args.weight.filter(|weight| !(0.0..=1.0).contains(weight)) {
        fail!(InvalidArgument, "--weight {weight}: expected a number from 0 to 1");
    }
    if let Some(k) = args.rrf.filter(|k| !(k.is_finite() && *k >= 0.0)) {
        fail!(InvalidArgument, "--rrf {k}: expected a number from 0 on");
    }
    if args.depth == Some(0) {
        fail!(InvalidArgument, "--depth 0: expected 1 or more");
    }
    if args.weight.is_some() && args.rrf.is_some() {
        fail!(InvalidArgument, "--weight has no effect with --rrf; give one of them");
    }
    let fused =
        [("--weight", args.weight.is_some()), ("--rrf", args.rrf.is_some()), ("--rows", args.rows.is_some())];
    if let Some((option, _)) = fused.iter().find(|(_, is_given)| *is_given && args.model.is_empty()) {
        fail!(InvalidArgument, "{option} has no effect without --model");
    }
    if args.depth.is_some() && args.rerank.is_empty() {
        fail!(InvalidArgument, "--depth has no effect without --rerank");
    }
    if !args.quality.is_empty() && args.model.is_empty() && args.rerank.is_empty() {
        fail!(InvalidArgument, "--quality has no effect without --model or --rerank");
    }
    for (at, quality) in args.quality.iter().enumerate() {
        if args.quality[..at].contains(quality) {
            fail!(InvalidArgument, "--quality {}: given twice", quality.name());
        }
    }
    for (at, measure) in args.measure.iter().enumerate() {
        if args.measure[..at].contains(measure) {
            fail!(InvalidArgument, "--measure {measure}: given twice");
        }
    }
    Ok(())
}

/// Checks that the outputs can be written.
///
/// # Errors
/// `FETCH_FAILED` if a folder cannot be made, `INVALID_ARGUMENT` if the path of a file is a folder.
fn check_outputs(args: &Args) -> Result<()> {
    if let Some(folder) = &args.save_runs {
        std::fs::create_dir_all(folder).map_err(|error| file_error(folder, error))?;
    }
    if let Some(path) = &args.json {
        if path.is_dir() {
            fail!(InvalidArgument, "--json {}: is a folder; expected a file", path.display());
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        parent.metadata().map_err(|error| file_error(parent, error))?;
    }
    Ok(())
}

fn read<T>(path: &Path, parse: fn(BufReader<File>, &str) -> Result<T>) -> Result<T> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| file_error(path, error))?;
    parse(BufReader::with_capacity(1 << 16, file), &name)
}

/// Writes each run to `TAG.run`.
fn save(folder: &Path, systems: &[(String, Run)]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| file_error(folder, error))?;
    for (name, run) in systems {
        let tag = names::tag(name);
        let path = folder.join(format!("{tag}.run"));
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(File::create(&path)?);
            run.write(&mut file, &tag)?;
            std::io::Write::flush(&mut file)
        };
        write().map_err(|error| file_error(&path, error))?;
    }
    Ok(())
}
