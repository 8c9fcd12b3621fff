//! The state of a device: what has gone wrong, and faults that tests inject.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, ErrorCode, Result};

/// The first failure of a device. Everything that the device returns after it is worthless.
#[derive(Debug, Clone, Default)]
pub(super) struct FailureLog(Arc<Mutex<Option<String>>>);

impl FailureLog {
    /// Records a failure, unless one is known.
    pub(super) fn record(&self, reason: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason.into());
    }

    /// Returns the first failure.
    pub(super) fn first(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns an error if there was a failure.
    ///
    /// # Errors
    /// `GPU_FAILED`.
    pub(super) fn check(&self) -> Result<()> {
        match self.first() {
            Some(reason) => Err(failed(&reason)),
            None => Ok(()),
        }
    }
}

/// Returns a `GPU_FAILED` error.
pub(super) fn failed(reason: &str) -> Error {
    Error::new(ErrorCode::GpuFailed, format!("the GPU cannot be used: {reason}"))
}

/// A fault that a test injects into a device. Numbers count from 0.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device is destroyed before this submission.
    Destroyed(u32),
    /// This allocation of a buffer fails.
    Allocation(u32),
    /// The shader of this template is no valid WGSL.
    Shader(&'static str),
    /// In the shader of this template, the first text is replaced by the second.
    #[cfg(test)]
    Edited(&'static str, &'static str, &'static str),
    /// The products of one workgroup are wrong from this submission on.
    WrongProducts(u32),
    /// Results from this submission on are never returned.
    NoResults(u32),
}

/// The fault to inject, and what has happened so far.
#[derive(Debug, Default)]
pub(super) struct Faults {
    fault: Option<Fault>,
    submissions: AtomicU32,
    allocations: AtomicU32,
    pieces: AtomicU32,
    largest_work: AtomicU64,
}

impl Faults {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Self { fault, ..Self::default() }
    }

    /// Counts a submission. Returns true if the device is to be destroyed first.
    pub(super) fn destroys_before_submission(&self) -> bool {
        let number = self.submissions.fetch_add(1, Ordering::Relaxed);
        self.fault == Some(Fault::Destroyed(number))
    }

    /// Counts an allocation. Returns true if it is to fail.
    pub(super) fn fails_allocation(&self) -> bool {
        let number = self.allocations.fetch_add(1, Ordering::Relaxed);
        self.fault == Some(Fault::Allocation(number))
    }

    /// Returns true if the next submission is to have wrong products.
    pub(super) fn has_wrong_products(&self) -> bool {
        matches!(self.fault, Some(Fault::WrongProducts(from)) if self.submissions.load(Ordering::Relaxed) >= from)
    }

    /// Returns true if products may have to be wrong at some time.
    pub(super) fn needs_faulty_shaders(&self) -> bool {
        matches!(self.fault, Some(Fault::WrongProducts(_)))
    }

    /// Returns true if the template is to be no valid WGSL.
    pub(super) fn corrupts(&self, template: &str) -> bool {
        matches!(self.fault, Some(Fault::Shader(name)) if name == template)
    }

    /// Returns the WGSL text of a template with the fault in it.
    #[cfg(test)]
    pub(super) fn edit(&self, template: &str, wgsl: String) -> String {
        match self.fault {
            Some(Fault::Edited(name, from, to)) if name == template => wgsl.replace(from, to),
            _ => wgsl,
        }
    }

    /// Returns true if the results of the latest submission are to be withheld.
    pub(super) fn withholds_results(&self) -> bool {
        matches!(self.fault, Some(Fault::NoResults(from)) if self.submissions.load(Ordering::Relaxed) > from)
    }

    /// Counts a piece of a submission, with its work.
    pub(super) fn note_piece(&self, work: u64) {
        self.pieces.fetch_add(1, Ordering::Relaxed);
        self.largest_work.fetch_max(work, Ordering::Relaxed);
    }

    /// Returns the number of pieces, and the work of the largest one.
    #[cfg(test)]
    pub(super) fn pieces(&self) -> (u32, u64) {
        (self.pieces.load(Ordering::Relaxed), self.largest_work.load(Ordering::Relaxed))
    }

    /// Returns how often buffers were submitted and allocated.
    pub(super) fn counts(&self) -> (u32, u32) {
        (self.submissions.load(Ordering::Relaxed), self.allocations.load(Ordering::Relaxed))
    }
}
