//! `corom eval`: searches a judged collection and prints how well.

mod file_error;
mod identity;
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
use crate::output::print_line;
use file_error::file_error;
use systems::{Collection, Searches};

/// Arguments of `corom eval`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder; may be repeated. Differences are to the first model with the first quality
    #[arg(long, value_name = "DIR")]
    model: Vec<PathBuf>,
    /// The kernels of products: exact (int8, the same bits everywhere), relaxed (as the browser's relaxed kernels)
    /// or float; may be repeated
    #[arg(long, value_enum, default_values_t = [vectors::Quality::Exact])]
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
    /// The number of results that are ordered again
    #[arg(long, value_name = "N", default_value_t = 100)]
    depth: usize,
    /// A run of another system to compare with: TREC's format, or lines of `query document score`; may be repeated
    #[arg(long, value_name = "FILE")]
    run: Vec<PathBuf>,
    /// A measure, with ir-measures' names: RR@k, R@k, nDCG@k or Success@k; may be repeated
    #[arg(long, alias = "metric", value_name = "NAME", default_values = ["RR@10", "R@1000", "nDCG@10", "Success@10"])]
    measure: Vec<Measure>,
    /// The weight of the semantic score in the fused ranking, 0 to 1
    #[arg(long, value_name = "W", default_value_t = 0.5)]
    weight: f64,
    /// Fuse by reciprocal ranks, with this k, instead of by scores
    #[arg(long, value_name = "K", num_args = 0..=1, default_missing_value = "60")]
    rrf: Option<f64>,
    /// The number type of the corpus' vectors: f32, or int8, which takes a quarter of the memory
    #[arg(long, value_name = "f32|int8", default_value = "f32")]
    rows: RowType,
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
    if !(0.0..=1.0).contains(&args.weight) {
        fail!(InvalidArgument, "--weight {}: expected a number from 0 to 1", args.weight);
    }
    if let Some(k) = args.rrf.filter(|k| !(k.is_finite() && *k >= 0.0)) {
        fail!(InvalidArgument, "--rrf {k}: expected a number from 0 on");
    }
    if args.depth == 0 {
        fail!(InvalidArgument, "--depth 0: expected 1 or more");
    }
    let threads = match args.threads.map(NonZeroUsize::new) {
        Some(None) => fail!(InvalidArgument, "--threads 0: expected 1 or more"),
        Some(Some(threads)) => threads,
        None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
    };
    let corpus = read(&args.corpus, Texts::read)?;
    let queries = read(&args.queries, Texts::read)?;
    let qrels = read(&args.qrels, Qrels::read)?;
    let collection = Collection::new(corpus, queries, qrels)?;
    collection.notes().iter().for_each(print_line);
    let depth = args.measure.iter().map(|measure| measure.cutoff()).max().unwrap_or(1);
    let searches = Searches {
        models: &args.model,
        rerankers: &args.rerank,
        rerank_depth: args.depth,
        qualities: &args.quality,
        row_type: args.rows,
        cache: &args.cache,
        fusion: args
            .rrf
            .map_or(corom::eval::Fusion::Scores(args.weight), corom::eval::Fusion::ReciprocalRank),
        depth,
        threads,
    };
    let mut systems = searches.run(&collection)?;
    for path in &args.run {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        systems.push((name, read(path, Run::read)?));
    }
    if let Some(folder) = &args.save_runs {
        save(folder, &systems)?;
    }
    if let Some(path) = &args.json {
        let json = report::json(&systems, collection.qrels(), &args.measure)?;
        std::fs::write(path, json).map_err(|error| file_error(path, error))?;
    }
    let baseline = searches.baseline();
    for line in report::lines(&systems, baseline.as_deref(), collection.qrels(), &args.measure)? {
        print_line(line);
    }
    Ok(())
}

fn read<T>(path: &Path, parse: fn(BufReader<File>, &str) -> Result<T>) -> Result<T> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| file_error(path, error))?;
    parse(BufReader::with_capacity(1 << 16, file), &name)
}

/// Writes each run to `NAME.run`, with the characters of a name that file systems or TREC's format reject as `-`.
fn save(folder: &Path, systems: &[(String, Run)]) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| file_error(folder, error))?;
    for (name, run) in systems {
        let is_kept = |c: char| c.is_alphanumeric() || "._+-".contains(c);
        let tag: String = name.chars().map(|c| if is_kept(c) { c } else { '-' }).collect();
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
