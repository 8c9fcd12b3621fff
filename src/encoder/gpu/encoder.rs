//! Runs batches on the GPU.
//!
//! The first batch waits until the device has passed its checks (`verify`). A batch is cut into submissions of bounded
//! size. Few of them are under way at a time, so that a batch that is dropped stops soon: the next one is submitted when
//! the results of an earlier one have arrived, and none waits to be sent. Each submission has one more text, whose result
//! is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use super::pace::Pace;
use super::run::{GpuModel, Runner};
use super::slots::Slots;
use super::submission::{Cut, Readback};
use super::verify::{Canary, Verification, check_finite};
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::plan::Outputs;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput};
use crate::error::{Result, fail};

/// A batch that is read back while the next one computes.
const MAX_RUNS: usize = 2;

/// The most submissions that are under way: one computes, and one waits for it.
const MAX_SUBMISSIONS: usize = 2;

/// The cosine that vectors of quantized blocks have at least: that of the CPU's relaxed kernels, which have a bit less.
const MIN_COSINE_INT8: f32 = 0.99;

/// A BERT encoder whose ops run on a GPU.
pub(super) struct GpuEncoder {
    model: Arc<GpuModel>,
    outputs: Outputs,
    info: EncoderInfo,
    config: BertConfig,
    runner: Runner,
    /// The checks that are running.
    verification: Option<Box<Verification>>,
    /// `None` until the device has passed its checks.
    canary: Option<Canary>,
    /// The batches that wait for the checks.
    waiting: VecDeque<Batch>,
    /// The batches that are running, in their order.
    runs: VecDeque<Run>,
    pace: Pace,
    /// The time at which the last results arrived.
    last_arrival_ms: f64,
}

/// A batch that is running.
struct Run {
    batch: Batch,
    /// The first text that is not submitted.
    next_text: usize,
    /// The submissions that are under way.
    submissions: VecDeque<Submission>,
    /// Per output, the rows that have arrived.
    rows: Vec<Vec<f32>>,
}

struct Submission {
    readback: Readback,
    /// Per output, the range of numbers that belongs to the canary.
    canary: Vec<std::ops::Range<usize>>,
    tokens: usize,
    uses_blocks: bool,
}

impl GpuEncoder {
    pub(super) fn new(
        model: GpuModel,
        slots: Slots,
        outputs: Outputs,
        info: EncoderInfo,
        config: BertConfig,
    ) -> Self {
        let runner = Runner::new(slots);
        let pace = Pace::new(model.gpu.submission_ms());
        Self {
            pace,
            last_arrival_ms: 0.0,
            model: Arc::new(model),
            outputs,
            info,
            config,
            runner,
            verification: None,
            canary: None,
            waiting: VecDeque::new(),
            runs: VecDeque::new(),
        }
    }

    /// Starts a batch.
    fn submit(&mut self, batch: Batch) -> Result<()> {
        let rows = vec![Vec::new(); self.outputs.values().len()];
        self.runs.push_back(Run { batch, next_text: 0, submissions: VecDeque::new(), rows });
        self.submit_more()
    }

    /// Submits parts of the batches until enough are under way.
    fn submit_more(&mut self) -> Result<()> {
        let Self { model, runner, outputs, pace, runs, canary: Some(canary), .. } = self else {
            fail!(Internal, "a batch was submitted to a GPU that is not checked")
        };
        let mut under_way: usize = runs.iter().map(|run| run.submissions.len()).sum();
        // All use the same buffers, so the next one must come after all pieces of the one before.
        let mut is_sent = runs.iter().flat_map(|run| &run.submissions).all(|of| of.readback.is_sent());
        let values = outputs.values();
        for Run { batch, next_text, submissions, .. } in runs {
            while is_sent && under_way < MAX_SUBMISSIONS && *next_text < batch.texts() {
                let first = *next_text;
                let start = batch.range(first).start;
                *next_text += 1;
                while *next_text < batch.texts() && batch.range(*next_text).end - start <= pace.limit() {
                    *next_text += 1;
                }
                let (with_canary, place) = canary.insert(batch, first..*next_text);
                let pieces = pace.pieces(batch.range(*next_text - 1).end - start);
                let uses_blocks = model.variants().uses_blocks(with_canary.tokens());
                let readback = runner.submit(model, &with_canary, values, uses_blocks, Cut::into(pieces))?;
                is_sent = readback.is_sent();
                let ranges = values.iter().map(|value| {
                    let rows =
                        if model.per_text[*value] { place.text..place.text + 1 } else { place.rows.clone() };
                    let width = model.widths[*value];
                    rows.start * width..rows.end * width
                });
                submissions.push_back(Submission {
                    readback,
                    canary: ranges.collect(),
                    tokens: with_canary.tokens(),
                    uses_blocks,
                });
                under_way += 1;
            }
        }
        Ok(())
    }

    fn output(&self, mut rows: Vec<Vec<f32>>) -> EncoderOutput {
        match &self.outputs {
            Outputs::Hidden(_) => EncoderOutput::Hidden(rows),
            Outputs::Pooled(_) => EncoderOutput::Pooled(rows.pop().unwrap_or_default()),
            Outputs::Scores { .. } => EncoderOutput::Scores(rows.pop().unwrap_or_default()),
        }
    }

    /// Submits a batch, or lets it wait for the checks.
    fn enqueue(&mut self, batch: &Batch) -> Result<()> {
        check(batch, &self.config, self.info.max_tokens)?;
        if self.canary.is_some() {
            return self.submit(batch.clone());
        }
        if self.verification.is_none() {
            let verification = Verification::new(&self.model, &self.config, self.info.max_tokens)?;
            self.verification = Some(Box::new(verification));
        }
        self.waiting.push_back(batch.clone());
        Ok(())
    }

    /// Continues the checks. Returns false while the device is computing.
    fn verify(&mut self) -> Result<bool> {
        if let Some(verification) = &mut self.verification {
            let checked = verification.poll(&self.model, &mut self.runner, self.outputs.values())?;
            let Some(canary) = checked else { return Ok(false) };
            self.canary = Some(canary);
            if self.model.variants().may_use_blocks() {
                self.info.precision = "int8";
                self.info.kernel = "wgsl int8";
                self.info.tolerance.min_cosine = MIN_COSINE_INT8;
                self.info.tolerance.kernels = Some("relaxed");
            }
            self.verification = None;
        }
        while let Some(batch) = self.waiting.pop_front() {
            self.submit(batch)?;
        }
        Ok(true)
    }

    /// Continues. Returns the output of the first run once it has arrived.
    fn advance(&mut self) -> Result<Poll<EncoderOutput>> {
        if !self.verify()? {
            return Ok(Poll::Pending);
        }
        loop {
            let Some(run) = self.runs.front_mut() else { fail!(Internal, "no batch is running") };
            let Some(submission) = run.submissions.front_mut() else { break };
            let Some(arrived) = submission.readback.poll()? else {
                self.submit_more()?;
                return Ok(Poll::Pending);
            };
            let own = self
                .canary
                .as_ref()
                .map_or(Ok(()), |canary| canary.check(&arrived, &submission.canary, submission.uses_blocks));
            if let Err(error) = own.and_then(|()| check_finite(&arrived)) {
                self.model.gpu.failures().record("a result was wrong");
                return Err(error);
            }
            let readback = &submission.readback;
            self.pace.measured(submission.tokens, readback.duration_ms(self.last_arrival_ms));
            self.last_arrival_ms = readback.arrived_ms();
            for ((rows, part), canary) in run.rows.iter_mut().zip(&arrived).zip(&submission.canary) {
                rows.extend_from_slice(&part[..canary.start]);
                rows.extend_from_slice(&part[canary.end..]);
            }
            run.submissions.pop_front();
            self.submit_more()?;
            if let Some(next) = self.runs.iter_mut().find_map(|run| run.submissions.front_mut()) {
                next.readback.restart_clock();
            }
        }
        let rows = self.runs.pop_front().map(|run| run.rows).unwrap_or_default();
        Ok(Poll::Ready(self.output(rows)))
    }

    /// Drops what is running.
    fn stop(&mut self) {
        self.verification = None;
        self.waiting.clear();
        self.runs.clear();
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
            outputs: self.outputs.clone(),
            info: self.info.clone(),
            config: self.config.clone(),
            runner: self.runner.fork(),
            verification: None,
            canary: self.canary.clone(),
            waiting: VecDeque::new(),
            runs: VecDeque::new(),
            pace: self.pace.clone(),
            last_arrival_ms: 0.0,
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.waiting.clear();
        self.runs.clear();
        self.begin_next(batch)
    }

    fn max_runs(&self) -> usize {
        MAX_RUNS
    }

    fn begin_next(&mut self, batch: &Batch) -> Result<()> {
        let begun = self.enqueue(batch);
        if begun.is_err() {
            self.stop();
        }
        begun
    }

    #[cfg(test)]
    fn stages(&mut self, batch: &Batch) -> Result<Vec<(&'static str, Vec<f32>)>> {
        let row_quads: Vec<usize> = self.model.widths.iter().map(|width| width.div_ceil(4)).collect();
        let mut runner = Runner::new(Slots::separate(&row_quads));
        let all: Vec<usize> = (0..row_quads.len()).collect();
        // In pieces, as long texts are submitted.
        let uses_blocks = self.model.variants().uses_blocks(batch.tokens());
        let mut readback = runner.submit(&self.model, batch, &all, uses_blocks, Cut::into(5))?;
        loop {
            if let Some(values) = readback.poll()? {
                return Ok(all.iter().map(|value| self.model.own_columns(*value, &values)).collect());
            }
        }
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        let polled = self.advance();
        if polled.is_err() {
            self.stop();
        }
        polled
    }
}
