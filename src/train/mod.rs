//! Trains BERT models for retrieval and ranking (feature `train`).
//!
//! The command `corom train` joins these parts; `docs/guides/training.md` shows it. candle computes the tensors and most
//! gradients. A trained model is a checkpoint that `corom convert` takes.
//!
//! | file | contents |
//! |---|---|
//! | `bert.rs`, `linear_layer.rs`, `dropout.rs`, `tensor_ops/` | the network, as the papers describe it |
//! | `model.rs`, `parameters.rs` | the network with its tokenizer and weights; one row per text |
//! | `random_start.rs` | a model without weights |
//! | `student_start.rs`, `subspace.rs`, `distillation.rs` | a smaller model that learns another one's vectors |
//! | `pairs.rs`, `mine.rs` | judged pairs, and negatives that a search finds |
//! | `objective.rs`, `objectives.rs`, `loss.rs` | what is minimized |
//! | `passes.rs`, `gradients.rs`, `adamw.rs` | the gradients of a step, and the update |
//! | `trainer.rs`, `state.rs`, `random.rs` | the steps; saving and resuming |
//! | `run_folder.rs`, `history.rs`, `curve.rs`, `checkpoint.rs`, `evaluation.rs` | a training in a folder |
//!
//! ```
//! use corom::eval::Texts;
//! use corom::tokenizer::TokenizerFiles;
//! use corom::train::{Model, Output, Pairs, RetrievalObjective, Shape, TrainOptions, Trainer, random_start};
//!
//! let corpus = Texts::read("d1\t阔腿裤\nd2\t耳机\nd3\t连衣裙\n".as_bytes(), "corpus.tsv")?;
//! let queries = Texts::read("q1\t裤子\nq2\t裙子\n".as_bytes(), "queries.tsv")?;
//! let pairs = Pairs::read(corpus, queries, "q1 0 d1 1\nq2 0 d3 1\n".as_bytes(), "qrels.tsv")?;
//!
//! let files = TokenizerFiles {
//!     tokenizer: Some(std::fs::read("tests/fixtures/bits/int8/tokenizer.json").unwrap()),
//!     ..TokenizerFiles::default()
//! };
//! let start = random_start("1x64".parse::<Shape>()?, &files, 16)?;
//! let model = Model::new(start, Output::Vector(corom::config::Pooling::Cls), 1)?;
//! let objective = RetrievalObjective::new(&pairs, 1);
//! let options = TrainOptions { epochs: 10, learning_rate: 1e-3, ..TrainOptions::default() };
//! let mut trainer = Trainer::new(model, &objective, options)?;
//! while trainer.step_count() < trainer.total_steps() {
//!     trainer.step()?;
//! }
//! assert_eq!(trainer.history().losses.len(), 10);
//! assert!(trainer.model().checkpoint()?.contains_key("model.safetensors"));
//! # Ok::<(), corom::error::Error>(())
//! ```

mod adamw;
mod bert;
mod checkpoint;
mod curve;
mod distillation;
mod dropout;
mod evaluation;
mod failure;
mod gradients;
mod history;
mod linear_layer;
mod loss;
mod mine;
mod model;
mod objective;
mod objectives;
mod options;
mod pairs;
mod parameters;
mod passes;
mod random;
mod random_start;
mod run_folder;
mod state;
mod student_start;
mod subspace;
mod tensor_ops;
mod trainer;

pub use crate::convert::{StartingPoint, starting_point};
pub use curve::curve;
pub use distillation::{DistillationEvaluation, distilled_checkpoint, query_vectors};
pub use evaluation::{Evaluation, embedder_of};
pub use history::{History, Measured};
pub use loss::{distillation_loss, ranking_loss, retrieval_loss};
pub use mine::mine;
pub use model::{Model, Output};
pub use objective::{Batch, Draw, Objective};
pub use objectives::{DistillationObjective, RankingObjective, RetrievalObjective};
pub use options::TrainOptions;
pub use pairs::Pairs;
pub use parameters::Numbers;
pub use random_start::{Shape, random_start};
pub use run_folder::{Evaluate, RunFolder, TrainEvent};
pub use student_start::student_start;
pub use trainer::Trainer;
