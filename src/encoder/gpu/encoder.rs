//! Runs batches on the GPU.
//!
//! The first batch waits until the device has passed its checks (`verify`). A batch is cut into submissions of bounded
//! size, which run one after the other while the results of earlier ones are read back. Each submission has one more
//! text, whose result is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use super::run::{GpuModel, Readback, Runner};
use super::slots::Slots;
use super::verify::{Canary, Verification};
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::plan::Outputs;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput};
use crate::error::{Result, fail};

/// The most tokens of a submission, except for a longer text. A driver resets a device that computes for two seconds.
const MAX_SUBMISSION_TOKENS: usize = 1024;

/// A BERT encoder whose ops run on a GPU.
pub(super) struct GpuEncoder {
    model: Arc<GpuModel>,
    slots: Slots,
    outputs: Outputs,
    info: EncoderInfo,
    config: BertConfig,
    runner: Runner,
    /// `None` until the device has passed its checks.
    canary: Option<Canary>,
    state: State,
}

enum State {
    Idle,
    Verifying { verification: Box<Verification>, batch: Batch },
    Running(Run),
}

/// A batch whose submissions are running.
#[derive(Default)]
struct Run {
    submissions: VecDeque<Submission>,
    /// Per output, the rows that have arrived.
    rows: Vec<Vec<f32>>,
}

struct Submission {
    readback: Readback,
    /// Per output, the range of numbers that belongs to the canary.
    canary: Vec<std::ops::Range<usize>>,
}

impl GpuEncoder {
    pub(super) fn new(
        model: GpuModel,
        slots: Slots,
        outputs: Outputs,
        info: EncoderInfo,
        config: BertConfig,
    ) -> Self {
        let runner = Runner::new(slots.clone());
        Self {
            model: Arc::new(model),
            slots,
            outputs,
            info,
            config,
            runner,
            canary: None,
            state: State::Idle,
        }
    }

    /// Submits a batch in parts.
    fn submit(&mut self, canary: &mut Canary, batch: &Batch) -> Result<Run> {
        let values = self.outputs.values();
        let mut run = Run { submissions: VecDeque::new(), rows: vec![Vec::new(); values.len()] };
        let mut first = 0;
        while first < batch.texts() {
            let mut end = first + 1;
            let start = batch.range(first).start;
            while end < batch.texts() && batch.range(end).end - start <= MAX_SUBMISSION_TOKENS {
                end += 1;
            }
            let (with_canary, place) = canary.insert(batch, first..end);
            let readback = self.runner.submit(&self.model, &with_canary, values)?;
            let ranges = values.iter().map(|value| {
                let rows =
                    if self.model.per_text[*value] { place.text..place.text + 1 } else { place.rows.clone() };
                let width = self.model.widths[*value];
                rows.start * width..rows.end * width
            });
            run.submissions.push_back(Submission { readback, canary: ranges.collect() });
            first = end;
        }
        Ok(run)
    }

    fn output(&self, mut rows: Vec<Vec<f32>>) -> EncoderOutput {
        match &self.outputs {
            Outputs::Hidden(_) => EncoderOutput::Hidden(rows),
            Outputs::Pooled(_) => EncoderOutput::Pooled(rows.pop().unwrap_or_default()),
            Outputs::Scores { .. } => EncoderOutput::Scores(rows.pop().unwrap_or_default()),
        }
    }

    /// Continues the checks. Returns false while the device is computing.
    fn verify(&mut self) -> Result<bool> {
        let State::Verifying { verification, .. } = &mut self.state else { return Ok(true) };
        let Some(mut canary) = verification.poll(&self.model, &mut self.runner, self.outputs.values())?
        else {
            return Ok(false);
        };
        let State::Verifying { batch, .. } = std::mem::replace(&mut self.state, State::Idle) else {
            return Ok(true);
        };
        self.state = State::Running(self.submit(&mut canary, &batch)?);
        self.canary = Some(canary);
        Ok(true)
    }
}

impl Encoder for GpuEncoder {
    fn info(&self) -> &EncoderInfo {
        &self.info
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            model: Arc::clone(&self.model),
            slots: self.slots.clone(),
            outputs: self.outputs.clone(),
            info: self.info.clone(),
            config: self.config.clone(),
            runner: Runner::new(self.slots.clone()),
            canary: self.canary.clone(),
            state: State::Idle,
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.state = State::Idle;
        check(batch, &self.config, self.info.max_tokens)?;
        self.state = match self.canary.take() {
            Some(mut canary) => {
                let run = self.submit(&mut canary, batch)?;
                self.canary = Some(canary);
                State::Running(run)
            }
            None => State::Verifying {
                verification: Box::new(Verification::new(&self.model, &self.config, self.info.max_tokens)?),
                batch: batch.clone(),
            },
        };
        Ok(())
    }

    #[cfg(test)]
    fn stages(&mut self, batch: &Batch) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let row_quads: Vec<usize> = self.model.widths.iter().map(|width| width.div_ceil(4)).collect();
        let mut runner = Runner::new(Slots::separate(&row_quads));
        let all: Vec<usize> = (0..row_quads.len()).collect();
        let readback = runner.submit(&self.model, batch, &all)?;
        loop {
            if let Some(values) = readback.poll()? {
                return Ok(values.into_iter().map(|value| ("", value)).collect());
            }
        }
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        match self.verify() {
            Ok(true) => {}
            Ok(false) => return Ok(Poll::Pending),
            Err(error) => {
                self.state = State::Idle;
                return Err(error);
            }
        }
        let State::Running(run) = &mut self.state else { fail!(Internal, "no batch is running") };
        while let Some(submission) = run.submissions.front() {
            let arrived = match submission.readback.poll() {
                Ok(Some(parts)) => parts,
                Ok(None) => return Ok(Poll::Pending),
                Err(error) => {
                    self.state = State::Idle;
                    return Err(error);
                }
            };
            let checked = match &self.canary {
                Some(canary) => canary.check(&arrived, &submission.canary),
                None => Ok(()),
            };
            if let Err(error) = checked {
                self.model.gpu.failures().record("a result was wrong");
                self.state = State::Idle;
                return Err(error);
            }
            for ((rows, part), canary) in run.rows.iter_mut().zip(&arrived).zip(&submission.canary) {
                rows.extend_from_slice(&part[..canary.start]);
                rows.extend_from_slice(&part[canary.end..]);
            }
            run.submissions.pop_front();
            if let Some(next) = run.submissions.front_mut() {
                next.readback.restart_clock();
            }
        }
        let rows = std::mem::take(&mut run.rows);
        self.state = State::Idle;
        Ok(Poll::Ready(self.output(rows)))
    }
}
