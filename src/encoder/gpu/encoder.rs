//! Runs batches on the GPU.
//!
//! The first batch waits until the device has passed its checks (`verify`). A batch is cut into submissions of bounded
//! size, which run one after the other while the results of earlier ones are read back, and so is the next batch. Each
//! submission has one more text, whose result is known.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use super::pace::Pace;
use super::run::{GpuModel, Readback, Runner};
use super::slots::Slots;
use super::verify::{Canary, Verification, check_finite};
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::check::check;
use crate::encoder::plan::Outputs;
use crate::encoder::{Encoder, EncoderInfo, EncoderOutput};
use crate::error::{Result, fail};

/// A batch that is read back while the next one computes.
const MAX_RUNS: usize = 2;

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
    tokens: usize,
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

    /// Submits a batch in parts.
    fn submit(&mut self, batch: &Batch) -> Result<()> {
        let Self { model, runner, outputs, pace, canary: Some(canary), .. } = self else {
            fail!(Internal, "a batch was submitted to a GPU that is not checked")
        };
        let values = outputs.values();
        let mut run = Run { submissions: VecDeque::new(), rows: vec![Vec::new(); values.len()] };
        let mut first = 0;
        while first < batch.texts() {
            let mut end = first + 1;
            let start = batch.range(first).start;
            while end < batch.texts() && batch.range(end).end - start <= pace.limit() {
                end += 1;
            }
            let (with_canary, place) = canary.insert(batch, first..end);
            let readback = runner.submit(model, &with_canary, values)?;
            let ranges = values.iter().map(|value| {
                let rows =
                    if model.per_text[*value] { place.text..place.text + 1 } else { place.rows.clone() };
                let width = model.widths[*value];
                rows.start * width..rows.end * width
            });
            let canary = ranges.collect();
            run.submissions.push_back(Submission { readback, canary, tokens: with_canary.tokens() });
            first = end;
        }
        self.runs.push_back(run);
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
            return self.submit(batch);
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
            self.verification = None;
        }
        while let Some(batch) = self.waiting.pop_front() {
            self.submit(&batch)?;
        }
        Ok(true)
    }

    /// Continues. Returns the output of the first run once it has arrived.
    fn advance(&mut self) -> Result<Poll<EncoderOutput>> {
        if !self.verify()? {
            return Ok(Poll::Pending);
        }
        let Some(run) = self.runs.front_mut() else { fail!(Internal, "no batch is running") };
        while let Some(submission) = run.submissions.front() {
            let Some(arrived) = submission.readback.poll()? else { return Ok(Poll::Pending) };
            let own =
                self.canary.as_ref().map_or(Ok(()), |canary| canary.check(&arrived, &submission.canary));
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
            if let Some(next) = run.submissions.front_mut() {
                next.readback.restart_clock();
            }
        }
        let rows = std::mem::take(&mut run.rows);
        self.runs.pop_front();
        if let Some(next) = self.runs.front_mut().and_then(|run| run.submissions.front_mut()) {
            next.readback.restart_clock();
        }
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
        let readback = runner.submit(&self.model, batch, &all)?;
        loop {
            if let Some(values) = readback.poll()? {
                return Ok(values.into_iter().map(|value| ("", value)).collect());
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
