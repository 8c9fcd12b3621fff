//! The checks that a device passes before its results are trusted: ops whose results are known, and a text that is
//! embedded twice. The text is then part of each submission.

use std::collections::VecDeque;
use std::ops::Range;

use super::failure::failed;
use super::known_answers::{KnownAnswers, VariantTimer};
use super::run::{GpuModel, Runner};
use super::submission::{Cut, Readback};
use super::variants::Variants;
use crate::batch::Batch;
use crate::config::BertConfig;
use crate::encoder::plan::ValueId;
use crate::error::Result;

/// Tokens of the canary: few, because each submission computes them.
const CANARY_TOKENS: usize = 4;

/// For so few rows, reading the weights takes the time. An eighth of a BERT-base takes a slow device 20 ms.
const CANARY_PIECES: usize = 8;

/// The difference of the canary's numbers in parts of the largest one. Sums of other variants of a product differ by
/// 1e-5, and quantized activations by 1e-4.
const MAX_CANARY_ERROR: f32 = 2e-3;

/// The checks of a device. They run in steps, because a browser returns results in its event loop.
pub(super) struct Verification {
    known: VecDeque<KnownAnswers>,
    /// Chooses between variants of products whose results were right.
    timer: Option<VariantTimer>,
    /// The canary is running with products of quantized blocks.
    uses_blocks: bool,
    /// Runs of the current check that are left, and the one that is running.
    runs_left: usize,
    running: Option<Readback>,
    canary: Batch,
    /// The results of the canary so far, and those that it is known to have.
    results: Vec<Vec<Vec<f32>>>,
    expected: Expected,
    started_ms: f64,
}

/// The results of the canary in floats, and with products of quantized blocks: per output, its rows. Nothing if no
/// submission has them.
type Expected = [Vec<Vec<f32>>; 2];

/// Each check runs so many times: some drivers compute only the first or only later results right.
const RUNS: usize = 2;

impl Verification {
    /// Collects the checks of a model.
    ///
    /// # Errors
    /// The errors of the uploads.
    pub(super) fn new(model: &GpuModel, config: &BertConfig, max_tokens: usize) -> Result<Self> {
        // Different tokens, in the middle of the vocabulary.
        let tokens = CANARY_TOKENS.min(max_tokens).max(1);
        let id = |i: usize| ((config.vocab_size / 2 + 7 * i) % config.vocab_size.max(1)) as u32;
        let ids: Vec<u32> = (0..tokens).map(id).collect();
        let known: VecDeque<KnownAnswers> = KnownAnswers::of_model(model)?.into();
        Ok(Self {
            runs_left: known.front().map_or(0, runs),
            known,
            timer: VariantTimer::of_model(model)?,
            uses_blocks: false,
            running: None,
            canary: Batch::new([(&ids[..], &vec![0; tokens][..])]),
            results: Vec::new(),
            expected: Expected::default(),
            started_ms: model.gpu.clock()(),
        })
    }

    /// Continues. Returns the canary once all checks are passed, and `None` while the device is computing.
    ///
    /// # Errors
    /// `GPU_FAILED` for a wrong result.
    pub(super) fn poll(
        &mut self,
        model: &GpuModel,
        runner: &mut Runner,
        outputs: &[ValueId],
    ) -> Result<Option<Canary>> {
        loop {
            if let Some(running) = &mut self.running {
                let Some(parts) = running.poll()? else { return Ok(None) };
                self.running = None;
                match self.known.front() {
                    Some(known) => known.check(&parts)?,
                    None => self.results.push(parts),
                }
                self.runs_left -= 1;
            }
            if self.runs_left == 0 && self.known.pop_front().is_some() {
                self.runs_left = self.known.front().map_or(0, runs);
            }
            if self.known.is_empty()
                && let Some(timer) = &mut self.timer
            {
                let Some(variants) = timer.poll(model)? else { return Ok(None) };
                model.gpu.note_variants(*model.variants.get_or_init(|| variants));
                self.timer = None;
            }
            if self.runs_left == 0 && self.known.is_empty() {
                if !self.results.is_empty() {
                    self.expected[usize::from(self.uses_blocks)] =
                        result_of(std::mem::take(&mut self.results))?;
                }
                let Some(uses_blocks) = self.next_kind(model.variants()) else {
                    model.gpu.note_check_ms(model.gpu.clock()() - self.started_ms);
                    let (batch, expected) = (self.canary.clone(), std::mem::take(&mut self.expected));
                    return Ok(Some(Canary { batch, expected, submissions: 0 }));
                };
                (self.uses_blocks, self.runs_left) = (uses_blocks, RUNS);
            }
            self.running = Some(match self.known.front() {
                Some(known) => known.submit(&model.gpu, self.runs_left)?,
                None => {
                    let cut = Cut { pieces: CANARY_PIECES, ..Cut::unmeasured(&model.gpu) };
                    runner.submit(model, &self.canary, outputs, self.uses_blocks, cut)?
                }
            });
        }
    }

    /// Returns a kind of submissions whose canary has not run: with products of quantized blocks, or without them.
    fn next_kind(&self, variants: Variants) -> Option<bool> {
        let is_used = [!variants.uses_blocks(1), variants.may_use_blocks()];
        [false, true]
            .into_iter()
            .find(|of| is_used[usize::from(*of)] && self.expected[usize::from(*of)].is_empty())
    }
}

/// Returns how often a check runs: each of its submissions [`RUNS`] times.
fn runs(known: &KnownAnswers) -> usize {
    RUNS * known.submissions()
}

/// Returns the result of a text that ran several times.
///
/// # Errors
/// `GPU_FAILED` if the results differ, or cannot be those of a model.
fn result_of(results: Vec<Vec<Vec<f32>>>) -> Result<Vec<Vec<f32>>> {
    let bits = |parts: &Vec<Vec<f32>>| -> Vec<u32> { parts.iter().flatten().map(|x| x.to_bits()).collect() };
    let first = results.first().map(bits);
    if results.iter().any(|result| Some(bits(result)) != first) {
        return Err(failed("it computed two results for one text"));
    }
    let result = results.into_iter().next().unwrap_or_default();
    check_finite(&result)?;
    // The buffers of a submission that did not run have zeros.
    if result.iter().flatten().all(|x| *x == 0.0) {
        return Err(failed("it computed nothing but zeros"));
    }
    Ok(result)
}

/// Checks that numbers are finite. If the model is at fault, the CPU says so.
///
/// # Errors
/// `GPU_FAILED` if one is not.
pub(super) fn check_finite(parts: &[Vec<f32>]) -> Result<()> {
    match parts.iter().flatten().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err(failed("it computed a number that is not finite")),
    }
}

/// A text whose result is known.
#[derive(Debug, Clone)]
pub(super) struct Canary {
    batch: Batch,
    expected: Expected,
    /// Submissions so far.
    submissions: usize,
}

/// The place of the canary in a batch.
pub(super) struct Place {
    pub(super) text: usize,
    pub(super) rows: Range<usize>,
}

impl Canary {
    /// Returns some texts of a batch and the canary, at another place in each submission.
    pub(super) fn insert(&mut self, batch: &Batch, texts: Range<usize>) -> (Batch, Place) {
        let text = self.submissions % (texts.len() + 1);
        self.submissions += 1;
        let own = |i: usize| (&batch.input_ids[batch.range(i)], &batch.token_type_ids[batch.range(i)]);
        let canary = (&self.batch.input_ids[..], &self.batch.token_type_ids[..]);
        let before = texts.start..texts.start + text;
        let after = before.end..texts.end;
        let joined = Batch::new(before.map(own).chain([canary]).chain(after.map(own)));
        let rows = joined.range(text);
        (joined, Place { text, rows })
    }

    /// Compares the canary's numbers in the results of a submission, whose products are of quantized blocks or not.
    ///
    /// # Errors
    /// `GPU_FAILED` if they differ.
    pub(super) fn check(&self, parts: &[Vec<f32>], ranges: &[Range<usize>], uses_blocks: bool) -> Result<()> {
        let expected = &self.expected[usize::from(uses_blocks)];
        if expected.len() != ranges.len() || parts.len() < ranges.len() {
            return Err(failed("the result of a text is not known"));
        }
        for ((part, range), expected) in parts.iter().zip(ranges).zip(expected) {
            let actual = part.get(range.clone()).unwrap_or_default();
            let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            let is_close =
                |(a, b): (&f32, &f32)| (a - b).abs() <= MAX_CANARY_ERROR * largest.max(f32::MIN_POSITIVE);
            if actual.len() != expected.len() || !actual.iter().zip(expected).all(is_close) {
                return Err(failed("a text with a known result got another one"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_is_one_of_finite_numbers_that_are_not_all_zeros() {
        let runs = |second: &[f32]| result_of(vec![vec![vec![1.0, 0.0]], vec![second.to_vec()]]);
        assert_eq!(runs(&[1.0, 0.0]).unwrap(), [[1.0, 0.0]]);
        for wrong in [[1.0, 1.0], [1.0, -0.0]] {
            assert!(runs(&wrong).is_err(), "{wrong:?}");
        }
        for wrong in [0.0, f32::NAN, f32::INFINITY] {
            assert!(result_of(vec![vec![vec![wrong; 2]]; 2]).is_err(), "{wrong}");
        }
        assert!(check_finite(&[vec![0.0], vec![1.0, f32::NEG_INFINITY]]).is_err());
    }

    #[test]
    fn canary_is_found_at_every_place_and_differences_are_seen() {
        let batch = Batch::new([(&[1, 2, 3][..], &[0; 3][..]), (&[4], &[0]), (&[5, 6], &[0; 2])]);
        let mut canary = Canary {
            batch: Batch::new([(&[9, 8][..], &[0, 0][..])]),
            expected: [vec![vec![1.0, -2.0]], Vec::new()],
            submissions: 0,
        };
        for text in [0, 1, 2, 0] {
            let (joined, place) = canary.insert(&batch, 1..3);
            assert_eq!((place.text, joined.texts(), joined.tokens()), (text, 3, 5));
            assert_eq!(joined.input_ids[place.rows], [9, 8]);
            let own: Vec<u32> = joined.input_ids.iter().copied().filter(|id| *id < 8).collect();
            assert_eq!(own, [4, 5, 6]);
        }
        let range = std::slice::from_ref(&(1..3));
        let check = |values: Vec<f32>| canary.check(&[values], range, false);
        assert!(check(vec![7.0, 1.001, -2.0]).is_ok());
        for wrong in [vec![7.0, 1.01, -2.0], vec![7.0, f32::NAN, -2.0], vec![7.0, 1.0]] {
            assert!(check(wrong.clone()).is_err(), "{wrong:?}");
        }
        // Nothing is known of submissions of another kind.
        assert!(canary.check(&[vec![7.0, 1.0, -2.0]], range, true).is_err());
    }
}
