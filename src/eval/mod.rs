//! Measures retrieval: reads a judged collection, searches it, and computes metrics per query.
//!
//! The files are those of Multi-CPR and TREC. Metrics have the names of ir-measures. The native command
//! `corom eval` joins these parts; `docs/guides/evaluation.md` shows it.
//!
//! ```
//! use corom::eval::{Convention, Measure, Qrels, Run, evaluate};
//!
//! let qrels = Qrels::read("q1\t0\td7\t1\n".as_bytes(), "qrels.tsv")?;
//! let run = Run::read("q1 Q0 d3 1 0.9 x\nq1 Q0 d7 2 0.8 x\n".as_bytes(), "run.txt")?;
//! let measure: Measure = "RR@10".parse()?;
//! let values = evaluate(&run, &qrels, measure, Convention::MULTI_CPR)?;
//! assert_eq!(values.mean(), 0.5);
//! # Ok::<(), corom::error::Error>(())
//! ```

mod bm25;
mod bootstrap;
mod evaluate;
mod fusion;
mod lines;
mod measure;
mod qrels;
mod reorder;
mod rows;
mod run;
mod scan;
mod texts;
mod top_k;

pub use bm25::Bm25;
pub use bootstrap::{Interval, paired_bootstrap};
pub use evaluate::{Convention, Missing, QueryValues, Ties, evaluate};
pub use fusion::{Fusion, LegScores, fuse};
pub use measure::Measure;
pub use qrels::Qrels;
#[cfg(feature = "train")]
pub(crate) use qrels::for_each_judgment;
pub use reorder::reorder;
pub use rows::{RowType, Rows};
pub use run::Run;
pub use scan::{Found, scan};
pub use texts::Texts;
pub use top_k::Hit;
