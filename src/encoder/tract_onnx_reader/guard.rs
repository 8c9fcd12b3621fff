//! Runs code that may panic. A panic becomes an error.

use std::any::Any;
use std::thread;

use crate::error::{Error, ErrorCode, Result};

/// The name of the thread, by which a panic hook can recognize it.
pub const GUARDED_THREAD: &str = "tract-onnx";
/// Bytes of stack: tract recurses along chains of nodes.
const STACK_BYTES: usize = 256 << 20;

/// Runs `work` on a thread of its own. A program that aborts on panics ends nevertheless.
///
/// # Errors
/// `UNSUPPORTED_MODEL` if `work` panics, and the errors of `work`.
pub fn guarded<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if thread::current().name() == Some(GUARDED_THREAD) {
        return work();
    }
    let joined = thread::scope(|scope| {
        let thread = thread::Builder::new().name(GUARDED_THREAD.to_owned()).stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, work).map(thread::ScopedJoinHandle::join)
    });
    match joined {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => {
            let message = format!("tract-onnx failed on this graph: {}", message_of(panic.as_ref()));
            Err(Error::new(ErrorCode::UnsupportedModel, message))
        }
        Err(e) => Err(Error::with_source(ErrorCode::Internal, format!("no thread can be started: {e}"), e)),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::resume_unwind;

    #[test]
    fn guarded_turns_a_panic_into_an_error() {
        assert_eq!(guarded(|| Ok(7)).unwrap(), 7);
        let error = guarded(|| -> Result<()> { resume_unwind(Box::new("odd shape")) }).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnsupportedModel);
        assert!(error.message().contains("odd shape"), "{error}");
        let nested = guarded(|| guarded(|| -> Result<()> { resume_unwind(Box::new("inner".to_owned())) }));
        assert!(nested.unwrap_err().message().contains("inner"));
    }
}
