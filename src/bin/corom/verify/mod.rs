//! `corom verify`: compares a model with the numbers that its model card prints.

mod numbers;

use std::path::{Path, PathBuf};

use corom::encoder::Precision;
use corom::error::{Error, ErrorCode, Result};
use corom::model::{LoadOptions, Task};
use corom::similarity::{Metric, score};

use crate::fail;
use crate::model_outputs::Model;
use crate::output::print_line;
use numbers::{Example, Numbers};

/// Arguments of `corom verify`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A model folder that `corom convert` wrote, or another tool's folder with an ONNX export
    model: PathBuf,
    /// Numbers to compare with, in the format of docs/guides/models.md [default: those of CoROM's model cards]
    #[arg(long, value_name = "FILE")]
    numbers: Option<PathBuf>,
}

/// A printed number beside the computed one.
struct Compared {
    what: String,
    printed: f64,
    computed: f64,
}

/// Computes in f32 what the card prints, and prints which numbers agree.
///
/// # Errors
/// `SELF_TEST_FAILED` if a number does not agree, `INVALID_ARGUMENT` if there are no numbers of such a model, and the
/// errors of loading.
pub(crate) fn run(args: &Args) -> Result<()> {
    let numbers = match &args.numbers {
        Some(path) => Numbers::parse(&read(path)?, &path.display().to_string())?,
        None => Numbers::published()?,
    };
    let options = LoadOptions { precision: Precision::F32, ..LoadOptions::default() };
    let mut model = Model::load(&args.model, options)?;
    let task = match model {
        Model::Embedder(_) => Task::Embed,
        Model::Reranker(_) => Task::Rerank,
    };
    let hidden_size = model.embedder().config().hidden_size;
    let tolerance = tolerance(model.embedder().encoder().info().dtype);
    let of_model = |example: &&Example| {
        example.task == task && example.hidden_size.is_none_or(|size| size == hidden_size)
    };
    let examples: Vec<&Example> = numbers.examples.iter().filter(of_model).collect();
    if examples.is_empty() {
        return Err(no_numbers(&numbers, task, hidden_size));
    }
    print_line(args.model.display());
    let (mut agreeing, mut all) = (0, 0);
    for example in examples {
        print_line(format_args!("  {}", example.name));
        for Compared { what, printed, computed } in compare(&mut model, example)? {
            // A NaN does not agree.
            let agrees = (computed - printed).abs() <= tolerance * printed.abs().max(1.0);
            let verdict = if agrees { "agrees        " } else { "does not agree" };
            print_line(format_args!("    {verdict}  {what}: {computed:.6}, printed {printed}"));
            (agreeing, all) = (agreeing + usize::from(agrees), all + 1);
        }
    }
    if agreeing < all {
        fail!(
            SelfTestFailed,
            "{} of {all} numbers do not agree with those that are printed (a difference of {tolerance} is allowed, in parts \
             of numbers above 1): this is another model, or it was converted with other settings",
            all - agreeing
        );
    }
    print_line(format_args!("  all {all} numbers agree, within {tolerance}"));
    Ok(())
}

/// Returns the largest difference that rounded weights explain.
fn tolerance(dtype: &str) -> f64 {
    match dtype {
        "int8" => 0.05,
        "int4" => 0.2,
        _ => 1e-3,
    }
}

/// Computes the numbers of an example.
///
/// # Errors
/// `INVALID_ARGUMENT` if the example prints more numbers than a vector has, and the errors of running the model.
fn compare(model: &mut Model, example: &Example) -> Result<Vec<Compared>> {
    let mut compared = Vec::new();
    let scores: Vec<f32> = match model {
        Model::Reranker(reranker) => {
            let query = example.query.as_deref().unwrap_or_default();
            reranker.score(query, &example.texts)?.iter().map(|score| score.probability).collect()
        }
        Model::Embedder(embedder) => {
            let dimension = embedder.dimension();
            let vectors = embedder.embed(&example.texts)?;
            for (text, (ends, vector)) in
                example.vectors.iter().zip(vectors.chunks_exact(dimension)).enumerate()
            {
                if ends.first.len().max(ends.last.len()) > dimension {
                    fail!(
                        InvalidArgument,
                        "the example \"{}\" has more numbers than a vector of {dimension}",
                        example.name
                    );
                }
                let last = ends.last.iter().zip(dimension - ends.last.len()..);
                for (&printed, at) in ends.first.iter().zip(0..).chain(last) {
                    let what = format!("vector {text}, number {at}");
                    compared.push(Compared { what, printed, computed: f64::from(vector[at]) });
                }
            }
            let (first, rest) = vectors.split_at(dimension.min(vectors.len()));
            if rest.is_empty() { Vec::new() } else { score(first, rest, Metric::Dot)? }
        }
    };
    let scores = example.scores.iter().zip(scores).enumerate();
    compared.extend(scores.map(|(at, (&printed, computed))| Compared {
        what: format!("score {at}"),
        printed,
        computed: f64::from(computed),
    }));
    Ok(compared)
}

/// Returns the error for a model of which nothing is printed.
fn no_numbers(numbers: &Numbers, task: Task, hidden_size: usize) -> Error {
    let known: Vec<String> = numbers
        .examples
        .iter()
        .map(|example| {
            let size =
                example.hidden_size.map_or("any hidden size".into(), |size| format!("hidden size {size}"));
            format!("{} ({:?}, {size})", example.name, example.task)
        })
        .collect();
    Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "there are no printed numbers of a model with the task {task:?} and hidden size {hidden_size}; known are {}. \
             --numbers compares with numbers of your own",
            known.join("; ")
        ),
    )
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| {
        let is_missing = e.kind() == std::io::ErrorKind::NotFound;
        let code = if is_missing { ErrorCode::MissingFile } else { ErrorCode::FetchFailed };
        Error::with_source(code, format!("{} cannot be read: {e}", path.display()), e)
    })
}
