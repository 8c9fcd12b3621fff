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
        &self.info
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
