//! `corom distill`: trains a small query encoder that returns the vectors of a larger model, whose catalogs it searches.

use std::path::{Path, PathBuf};

use corom::config::Pooling;
use corom::convert::ConvertOptions;
use corom::encoder::Precision;
use corom::error::{Error, ErrorCode, Result};
use corom::eval::{Qrels, Texts};
use corom::model::{LoadOptions, folder};
use corom::train::{
    DistillationEvaluation, DistillationObjective, Evaluate, Model, Output, Shape, query_vectors,
    starting_point, student_start,
};

use crate::disk_folder::DiskFolder;
use crate::fail;
use crate::file_error::file_error;
use crate::output::print_line;
use crate::train::{Defaults, SettingsArgs, read, read_texts, threads};

/// The defaults of a distillation. Dropout would only add noise: the target of a text is always the same.
const DEFAULTS: Defaults = Defaults { epochs: 10, learning_rate: 5e-4, dropout: 0.0 };

/// Arguments of `corom distill`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model folder whose vectors the student learns. With f32 weights it has no error of its own
    #[arg(long, value_name = "DIR")]
    teacher: PathBuf,
    /// Texts as customers type them: one per line, or lines of `id TAB text`. They need no judgments
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// The student: LAYERSxHIDDEN, at most the teacher's
    #[arg(long, value_name = "SHAPE", default_value = "4x256")]
    student: Shape,
    /// The number of tokens that the student cuts queries to [default: what the teacher's folder says]
    #[arg(long, value_name = "N")]
    max_length: Option<usize>,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Passages that the teacher embeds and the student searches: lines of `id TAB text`. MRR@10 is measured after each epoch
    #[arg(long, value_name = "FILE", requires = "dev_queries")]
    corpus: Option<PathBuf>,
    /// Queries that are not trained on: lines of `id TAB text`
    #[arg(long, value_name = "FILE", requires = "corpus")]
    dev_queries: Option<PathBuf>,
    /// The judgments of these queries: lines of `query 0 document grade` [default: the teacher's first result is relevant]
    #[arg(long, value_name = "FILE", requires = "dev_queries")]
    dev_qrels: Option<PathBuf>,
}

/// Distills.
///
/// # Errors
/// `INVALID_ARGUMENT` for a teacher without a lineage, a student that is larger than it and files that do not belong
/// together; `MISSING_FILE`, `FETCH_FAILED`, and the errors of loading a model and of the training.
pub(crate) fn run(args: &Args) -> Result<()> {
    let texts = read_queries(&args.queries)?;
    let options = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let mut teacher = folder::load(&args.teacher, options)?;
    teacher.set_threads(threads());
    let Some(lineage) = teacher.lineage().cloned() else {
        fail!(
            InvalidArgument,
            "--teacher {}: the folder has no lineage, by which its catalogs would know the student; write it again with \
             `corom convert`",
            args.teacher.display()
        );
    };
    let model = student(args, teacher.dimension())?;
    let corpus = args.corpus.as_deref().map(read_texts).transpose()?;
    let evaluation = match (&corpus, &args.dev_queries) {
        (Some(corpus), Some(queries)) => {
            let qrels = args.dev_qrels.as_deref().map(|path| read(path, Qrels::read)).transpose()?;
            let queries = read_texts(queries)?;
            Some(DistillationEvaluation::new(&mut teacher, corpus, &queries, qrels, threads())?)
        }
        _ => None,
    };
    let vectors = query_vectors(&mut teacher, &texts)?;
    let objective = DistillationObjective::new(&texts, &vectors, teacher.dimension())?;
    if let Some(evaluation) = &evaluation {
        let (queries, mrr) = (evaluation.query_count(), evaluation.teacher_mrr());
        print_line(format_args!("the teacher: MRR@10 {mrr:.4} over {queries} queries"));
    }
    let measure = |model: &Model| match &evaluation {
        Some(evaluation) => evaluation.mrr(model),
        None => fail!(Internal, "there are no queries to measure with"),
    };
    let evaluate: Option<Evaluate> = if evaluation.is_some() { Some(&measure) } else { None };
    let settings = format!(
        "teacher {lineage} vectors {:016x} queries {:?} student {:?} length {:?} dev {:?} {:?} {:?}",
        hash_of(&texts, &vectors),
        args.queries,
        args.student,
        args.max_length,
        args.corpus,
        args.dev_queries,
        args.dev_qrels
    );
    args.settings.train(
        model,
        &objective,
        args.settings.options(&DEFAULTS),
        &settings,
        evaluate,
        Some(lineage),
    )
}

/// Returns a number that another file of queries, or a teacher with other weights, changes: such a training cannot go on.
fn hash_of(texts: &Texts, vectors: &[f32]) -> u64 {
    let bytes = (0..texts.len()).flat_map(|row| texts.text(row).bytes().chain([0]));
    let numbers = vectors.iter().flat_map(|number| number.to_le_bytes());
    // FNV-1a (Fowler, Noll and Vo).
    bytes
        .chain(numbers)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Makes the student, whose vectors have `dimension` elements.
fn student(args: &Args, dimension: usize) -> Result<Model> {
    let (source, onnx) = DiskFolder::open(&args.teacher)?;
    let options = ConvertOptions { max_length: args.max_length, onnx, ..ConvertOptions::default() };
    let teacher = starting_point(&source, &options)?;
    // A teacher may pool otherwise. The student's pooling need not be the same.
    let pooling = if teacher.pooling == Pooling::Cls { Pooling::Cls } else { Pooling::Mean };
    let seed = args.settings.seed();
    let start = student_start(teacher, args.student, dimension, seed)?;
    Model::new(start, Output::Projected(pooling, dimension), seed)
}

/// Reads lines of text, or of `id TAB text`.
///
/// # Errors
/// `INVALID_ARGUMENT` for a file without texts and the errors of [`Texts::read`], `MISSING_FILE`, `FETCH_FAILED`.
fn read_queries(path: &Path) -> Result<Texts> {
    let bytes = std::fs::read(path).map_err(|error| file_error(path, error))?;
    let content = String::from_utf8(bytes).map_err(|error| {
        Error::with_source(
            ErrorCode::InvalidArgument,
            format!("{}: the file is not UTF-8", path.display()),
            error,
        )
    })?;
    let lines = || content.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
    let with_tab = lines().filter(|line| line.contains('\t')).count();
    if with_tab > 0 && with_tab == lines().count() {
        return read_texts(path);
    }
    if with_tab > 0 {
        let number = content.lines().position(|line| line.contains('\t')).unwrap_or(0) + 1;
        fail!(
            InvalidArgument,
            "{}, line {number}: there is a tab, and other lines have none; expected plain texts, or `id TAB text` in every \
             line",
            path.display()
        );
    }
    let mut texts = Texts::default();
    for (number, line) in lines().enumerate() {
        texts.push(&number.to_string(), line.trim());
    }
    if texts.is_empty() {
        fail!(InvalidArgument, "{}: the file has no texts", path.display());
    }
    Ok(texts)
}
