//! Runs a model on a device, and on the CPU once the device has failed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use super::{Encoder, EncoderInfo, EncoderOutput};
use crate::batch::Batch;
use crate::error::{Error, ErrorCode, Result};

/// Returns an encoder of the same model on the CPU.
pub type Reload = dyn Fn() -> Result<Box<dyn Encoder>> + Send + Sync;

/// An encoder on a device that may fail. The batches that are running when the device fails are run again on the CPU,
/// and so are all later ones.
pub struct FallbackEncoder {
    encoder: Box<dyn Encoder>,
    info: EncoderInfo,
    cpu: Arc<Cpu>,
    /// The batches that are running on the device, or were when it failed.
    batches: VecDeque<Batch>,
    has_failed: bool,
}

/// The model on the CPU, which forks share.
struct Cpu {
    reload: Box<Reload>,
    encoder: Mutex<Option<Box<dyn Encoder>>>,
}

impl FallbackEncoder {
    /// Takes an encoder on a device. `reload` loads the model for the CPU when the device has failed.
    pub fn new(encoder: Box<dyn Encoder>, reload: Box<Reload>) -> Self {
        let info = encoder.info().clone();
        let cpu = Arc::new(Cpu { reload, encoder: Mutex::default() });
        Self { encoder, info, cpu, batches: VecDeque::new(), has_failed: false }
    }

    /// Takes an encoder on the CPU that runs instead of a device, which has failed for this reason.
    pub fn on_cpu(encoder: Box<dyn Encoder>, reason: String) -> Self {
        let failed: Box<Reload> = Box::new(|| Err(Error::new(ErrorCode::Internal, "the CPU runs the model")));
        let mut fallback = Self::new(encoder, failed);
        fallback.has_failed = true;
        fallback.info.fallback = Some(reason);
        fallback
    }

    /// Goes on without the device, which has failed with `error`. Other errors, and those of the CPU, are returned.
    fn take_over(&mut self, error: Error) -> Result<()> {
        if error.code() != ErrorCode::GpuFailed || self.has_failed {
            return Err(error);
        }
        self.encoder = self.cpu.fork().map_err(|cpu| {
            let message = format!("{error}; the CPU cannot take over: {cpu}");
            Error::with_source(ErrorCode::GpuFailed, message, cpu)
        })?;
        self.has_failed = true;
        self.info = EncoderInfo { fallback: Some(error.message().to_owned()), ..self.encoder.info().clone() };
        match self.batches.front() {
            Some(batch) => self.encoder.begin(batch),
            None => Ok(()),
        }
    }
}

impl Cpu {
    fn fork(&self) -> Result<Box<dyn Encoder>> {
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = match encoder.take() {
            Some(loaded) => loaded,
            None => (self.reload)()?,
        };
        Ok(encoder.insert(loaded).fork())
    }
}

impl Encoder for FallbackEncoder {
    fn info(&self) -> &EncoderInfo {
        // A GPU chooses its kernels after it is loaded.
        if self.has_failed { &self.info } else { self.encoder.info() }
    }

    fn fork(&self) -> Box<dyn Encoder> {
        Box::new(Self {
            encoder: self.encoder.fork(),
            info: self.info.clone(),
            cpu: Arc::clone(&self.cpu),
            batches: VecDeque::new(),
            has_failed: self.has_failed,
        })
    }

    fn begin(&mut self, batch: &Batch) -> Result<()> {
        self.batches.clear();
        if self.has_failed {
            return self.encoder.begin(batch);
        }
        self.batches.push_back(batch.clone());
        self.encoder.begin(batch).or_else(|error| self.take_over(error))
    }

    fn max_runs(&self) -> usize {
        if self.has_failed { 1 } else { self.encoder.max_runs() }
    }

    fn begin_next(&mut self, batch: &Batch) -> Result<()> {
        if self.batches.is_empty() {
            return self.begin(batch);
        }
        self.batches.push_back(batch.clone());
        self.encoder.begin_next(batch).or_else(|error| self.take_over(error))
    }

    fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
        let polled = match self.encoder.poll() {
            Err(error) => {
                self.take_over(error)?;
                self.encoder.poll()?
            }
            Ok(polled) => polled,
        };
        if polled.is_ready() {
            self.batches.pop_front();
            // The CPU runs one batch at a time.
            if let (true, Some(next)) = (self.has_failed, self.batches.front()) {
                self.encoder.begin(next)?;
            }
        }
        Ok(polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::BatchLayout;
    use crate::encoder::Tolerance;

    /// Returns the number of texts of each batch. Fails with its `fails_at`th poll.
    struct Counter {
        info: EncoderInfo,
        batches: VecDeque<usize>,
        polls: usize,
        fails_at: Option<usize>,
        max_runs: usize,
    }

    impl Counter {
        fn boxed(backend: &'static str, max_runs: usize, fails_at: Option<usize>) -> Box<dyn Encoder> {
            let info = EncoderInfo {
                hidden_size: 1,
                pooled: true,
                first_rows: false,
                dtype: "f32",
                backend,
                fused: true,
                precision: "f32",
                kernel: "none",
                weight_bytes: 0,
                static_batch: None,
                static_sequence: None,
                max_tokens: 8,
                batch_layout: BatchLayout::Ragged { max_tokens: 8 },
                tolerance: Tolerance { min_cosine: 1.0, max_norm_error: 0.0, kernels: None },
                device: None,
                fallback: None,
            };
            Box::new(Self { info, batches: VecDeque::new(), polls: 0, fails_at, max_runs })
        }
    }

    impl Encoder for Counter {
        fn info(&self) -> &EncoderInfo {
            &self.info
        }

        fn begin(&mut self, batch: &Batch) -> Result<()> {
            self.batches = [batch.texts()].into();
            Ok(())
        }

        fn max_runs(&self) -> usize {
            self.max_runs
        }

        fn begin_next(&mut self, batch: &Batch) -> Result<()> {
            assert!(self.batches.len() < self.max_runs);
            self.batches.push_back(batch.texts());
            Ok(())
        }

        fn poll(&mut self) -> Result<Poll<EncoderOutput>> {
            self.polls += 1;
            if self.fails_at == Some(self.polls) {
                return Err(Error::new(ErrorCode::GpuFailed, "lost"));
            }
            let texts = self.batches.pop_front().unwrap();
            Ok(Poll::Ready(EncoderOutput::Pooled(vec![texts as f32])))
        }

        fn fork(&self) -> Box<dyn Encoder> {
            Self::boxed(self.info.backend, self.max_runs, self.fails_at)
        }
    }

    fn batch(texts: usize) -> Batch {
        Batch::new(vec![(&[1u32, 2][..], &[0u32, 0][..]); texts])
    }

    #[test]
    fn batches_under_way_are_run_again_in_their_order() {
        for fails_at in [None, Some(1), Some(2), Some(3)] {
            let cpu: Box<Reload> = Box::new(|| Ok(Counter::boxed("cpu", 1, None)));
            let mut encoder = FallbackEncoder::new(Counter::boxed("gpu", 2, fails_at), cpu);
            let mut outputs = Vec::new();
            encoder.begin(&batch(1)).unwrap();
            for next in 2..=4 {
                if encoder.max_runs() > 1 {
                    encoder.begin_next(&batch(next)).unwrap();
                    outputs.push(encoder.poll().unwrap());
                } else {
                    outputs.push(encoder.poll().unwrap());
                    // The batch that was under way behind it has begun by itself.
                    if outputs.len() + 1 == next {
                        encoder.begin(&batch(next)).unwrap();
                    }
                }
            }
            let texts = |output: &Poll<EncoderOutput>| match output {
                Poll::Ready(EncoderOutput::Pooled(rows)) => rows[0] as usize,
                other => panic!("{other:?}"),
            };
            let texts: Vec<usize> = outputs.iter().map(texts).collect();
            assert_eq!(texts, [1, 2, 3], "{fails_at:?}");
            assert_eq!(encoder.info().fallback.is_some(), fails_at.is_some(), "{fails_at:?}");
        }
    }
}
