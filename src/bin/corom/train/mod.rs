//! `corom train`: trains a model for retrieval, or a reranker.

mod input;
mod watch;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use corom::convert::ConvertOptions;
use corom::error::Result;
use corom::eval::{Qrels, Texts};
use corom::lineage::Lineage;
use corom::train::{
    Evaluate, Evaluation, Model, Objective, Pairs, RankingObjective, RetrievalObjective, RunFolder, Shape,
    TrainOptions, Trainer,
};

use crate::fail;
use crate::output::print_line;

pub(crate) use input::{read, read_pairs, read_texts};
pub(crate) use watch::Watch;

/// Arguments of `corom train`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Train vectors: each query against the passages of all queries of a step
    Retrieval(Box<TaskArgs>),
    /// Train a reranker: the relevant passage of a query against others
    Ranking(Box<TaskArgs>),
}

/// Arguments of both trainings.
#[derive(clap::Args)]
struct TaskArgs {
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Negatives per query [default: 4, in a ranking 8]
    #[arg(long, value_name = "N")]
    negatives_per_query: Option<usize>,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Judged queries that are not trained on: lines of `id TAB text`. MRR@10 is measured after each epoch
    #[arg(long, value_name = "FILE", requires = "dev_qrels")]
    dev_queries: Option<PathBuf>,
    /// The judgments of these queries: lines of `query 0 document grade`
    #[arg(long, value_name = "FILE", requires = "dev_queries")]
    dev_qrels: Option<PathBuf>,
    /// The results of BM25 that a reranker orders when it is measured
    #[arg(long, value_name = "N", default_value_t = 100)]
    dev_depth: usize,
}

/// The model to begin with.
#[derive(clap::Args)]
struct StartArgs {
    /// The checkpoint, or the model folder, to train further
    #[arg(long, value_name = "DIR", required_unless_present = "random", conflicts_with = "random")]
    model: Option<PathBuf>,
    /// Begin with random weights instead: LAYERSxHIDDEN, such as 4x256
    #[arg(long, value_name = "SHAPE", requires = "tokenizer")]
    random: Option<Shape>,
    /// The folder with tokenizer.json or vocab.txt of a model with random weights
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// The pooling of a retrieval model: cls or mean [default: what the checkpoint says; cls with random weights]
    #[arg(long, value_name = "cls|mean")]
    pooling: Option<String>,
    /// The number of tokens that texts are cut to
    #[arg(long, value_name = "N", default_value_t = corom::config::DEFAULT_MAX_LENGTH)]
    max_length: usize,
}

/// The judged pairs.
#[derive(clap::Args)]
pub(crate) struct DataArgs {
    /// The passages: lines of `id TAB text`, as Multi-CPR's corpus.tsv
    #[arg(long, value_name = "FILE")]
    pub(crate) corpus: PathBuf,
    /// The queries: lines of `id TAB text`, as Multi-CPR's train.query.txt
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: PathBuf,
    /// The judgments: lines of `query 0 document grade`, as Multi-CPR's qrels.train.tsv
    #[arg(long, value_name = "FILE")]
    pub(crate) qrels: PathBuf,
    /// Negatives of `corom mine`. Without it, and where a query has too few, negatives are drawn from the corpus
    #[arg(long, value_name = "FILE")]
    pub(crate) negatives: Option<PathBuf>,
}

/// The settings that every training has.
#[derive(clap::Args)]
pub(crate) struct SettingsArgs {
    /// The folder to write the checkpoint and the state to
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Go on with the training in the folder, if there is one
    #[arg(long)]
    pub(crate) resume: bool,
    /// The number of times that each example is used [default: 3, in a ranking and in a distillation 10]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Examples per step
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// The highest learning rate [default: 5e-6, in a ranking 3e-5, in a distillation 5e-4]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// The share of the steps in which the learning rate rises
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    warm_up: f64,
    /// AdamW's weight decay
    #[arg(long, value_name = "DECAY", default_value_t = 0.01)]
    weight_decay: f64,
    /// The share of hidden states and attention weights that are dropped [default: 0.1, in a distillation 0]
    #[arg(long, value_name = "SHARE")]
    dropout: Option<f32>,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Tokens whose intermediate results are in memory at once. Larger steps take less memory and more time
    #[arg(long, value_name = "N", default_value_t = 4096)]
    max_tokens: usize,
    /// Seconds between two saves of the state
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    save_every: u64,
}

/// The defaults that differ between trainings.
pub(crate) struct Defaults {
    pub(crate) epochs: usize,
    pub(crate) learning_rate: f64,
    pub(crate) dropout: f32,
}

impl SettingsArgs {
    /// Returns the options of the library.
    pub(crate) fn options(&self, defaults: &Defaults) -> TrainOptions {
        TrainOptions {
            epochs: self.epochs.unwrap_or(defaults.epochs),
            batch: self.batch,
            learning_rate: self.learning_rate.unwrap_or(defaults.learning_rate),
            warm_up: self.warm_up,
            weight_decay: self.weight_decay,
            dropout: self.dropout.unwrap_or(defaults.dropout),
            seed: self.seed,
            max_tokens: self.max_tokens,
        }
    }

    /// Trains `model` in the folder of the arguments. `settings` has what the numbers depend on beside the options;
    /// `teacher` is that of a distillation.
    ///
    /// # Errors
    /// The errors of [`RunFolder`].
    pub(crate) fn train(
        &self,
        model: Model,
        objective: &dyn Objective,
        options: TrainOptions,
        settings: &str,
        evaluate: Option<Evaluate>,
        teacher: Option<Lineage>,
    ) -> Result<()> {
        let settings = format!("{} {options:?} {settings}", objective.name());
        let mut folder = RunFolder::new(&self.out, settings);
        if let Some(teacher) = teacher {
            folder.set_teacher(teacher);
        }
        folder.set_save_interval(std::time::Duration::from_secs(self.save_every));
        print_line(format_args!(
            "{}: {} examples, {} weights, {} threads",
            objective.name(),
            objective.examples(),
            model.parameter_count(),
            threads()
        ));
        let mut trainer = Trainer::new(model, objective, options)?;
        let done = folder.open(&mut trainer, self.resume)?;
        if done > 0 {
            print_line(format_args!("resumed after step {done} of {}", trainer.total_steps()));
        }
        let mut watch = Watch::new(trainer.options().batch);
        folder.run(&mut trainer, evaluate, &mut |event| watch.show(event))?;
        watch.clear();
        let history = trainer.history();
        print_line(format_args!(
            "{}: {} steps, {} examples, {}",
            self.out.display(),
            history.losses.len(),
            history.examples,
            crate::progress::duration(history.seconds)
        ));
        Ok(())
    }
}

/// Returns the number of threads: RAYON_NUM_THREADS, which candle reads too, or one per processor.
pub(crate) fn threads() -> NonZeroUsize {
    let stated = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    stated.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Trains.
///
/// # Errors
/// `INVALID_ARGUMENT` for files that do not belong together, `MISSING_FILE`, `FETCH_FAILED`, and the errors of reading
/// a checkpoint and of the training.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (args, is_ranking) = match &args.command {
        Command::Retrieval(args) => (args, false),
        Command::Ranking(args) => (args, true),
    };
    let pairs = read_pairs(&args.data)?;
    let model = args.start.model(is_ranking, args.settings.seed())?;
    let defaults = Defaults {
        epochs: if is_ranking { 10 } else { 3 },
        learning_rate: if is_ranking { 3e-5 } else { 5e-6 },
        dropout: 0.1,
    };
    let options = args.settings.options(&defaults);
    let negatives = args.negatives_per_query.unwrap_or(if is_ranking { 8 } else { 4 });
    if is_ranking && negatives == 0 {
        fail!(InvalidArgument, "--negatives-per-query 0: a ranking needs 1 or more");
    }
    let settings = format!(
        "model {:?} random {:?} tokenizer {:?} pooling {:?} length {} data {:?} {:?} {:?} {:?} negatives {negatives}",
        args.start.model,
        args.start.random,
        args.start.tokenizer,
        args.start.pooling,
        args.start.max_length,
        args.data.corpus,
        args.data.queries,
        args.data.qrels,
        args.data.negatives,
    );
    let evaluation = args.evaluation(&pairs)?;
    let measure = |model: &Model| match &evaluation {
        Some(evaluation) => evaluation.mrr(model),
        None => fail!(Internal, "there are no judged queries"),
    };
    let evaluate: Option<Evaluate> = if evaluation.is_some() { Some(&measure) } else { None };
    if is_ranking {
        let objective = RankingObjective::new(&pairs, negatives);
        args.settings.train(model, &objective, options, &settings, evaluate, None)
    } else {
        let objective = RetrievalObjective::new(&pairs, negatives);
        args.settings.train(model, &objective, options, &settings, evaluate, None)
    }
}

impl TaskArgs {
    fn evaluation<'a>(&self, pairs: &'a Pairs) -> Result<Option<Evaluation<'a>>> {
        let (Some(queries), Some(qrels)) = (&self.dev_queries, &self.dev_qrels) else { return Ok(None) };
        let queries: Texts = read_texts(queries)?;
        let qrels = read(qrels, Qrels::read)?;
        let evaluation = Evaluation::new(pairs.corpus(), &queries, qrels, self.dev_depth, threads());
        if evaluation.query_count() == 0 {
            fail!(InvalidArgument, "none of the --dev-queries is judged; do the two files belong together?");
        }
        Ok(Some(evaluation))
    }
}

impl StartArgs {
    fn model(&self, is_ranking: bool, seed: u64) -> Result<Model> {
        let options = ConvertOptions { max_length: Some(self.max_length), ..ConvertOptions::default() };
        input::start_model(
            self.model.as_deref(),
            self.random,
            self.tokenizer.as_deref(),
            self.pooling.as_deref(),
            options,
            is_ranking,
            seed,
        )
    }
}

impl SettingsArgs {
    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }
}
