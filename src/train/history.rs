//! The losses of a training, and the measures of its evaluations.

use serde::{Deserialize, Serialize};

/// The steps of a training so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The loss of each step.
    pub losses: Vec<f32>,
    /// The examples of all steps.
    pub examples: u64,
    /// The seconds that the steps took, over all runs.
    pub seconds: f64,
    /// The evaluations.
    pub measures: Vec<Measured>,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The epochs that were done.
    pub epoch: usize,
    /// The steps that were done.
    pub step: usize,
    /// The mean of RR@10 over the queries: MRR@10.
    pub mrr: f64,
}

impl History {
    /// Returns lines of `step TAB loss`, with a header.
    pub fn losses_tsv(&self) -> String {
        let lines = self.losses.iter().enumerate().map(|(at, loss)| format!("{}\t{loss}\n", at + 1));
        "step\tloss\n".to_owned() + &lines.collect::<String>()
    }

    /// Returns lines of `epoch TAB step TAB MRR@10`, with a header.
    pub fn measures_tsv(&self) -> String {
        let lines = self.measures.iter().map(|m| format!("{}\t{}\t{}\n", m.epoch, m.step, m.mrr));
        "epoch\tstep\tMRR@10\n".to_owned() + &lines.collect::<String>()
    }
}
