//! Damaged files must not end the command with a panic.

use std::any::Any;
use std::thread;

use corom::encoder::GUARDED_THREAD;
use corom::error::{Error, ErrorCode, Result};

use crate::fail;

/// Runs `work` on a thread whose panics become errors. `name` is the name of the input.
///
/// # Errors
/// `INVALID_ARGUMENT` if `work` panics, and the errors of `work`.
pub(in crate::embed) fn guarded<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let joined = thread::scope(|scope| {
        let thread = thread::Builder::new().name(GUARDED_THREAD.to_owned());
        thread.spawn_scoped(scope, work).map(thread::ScopedJoinHandle::join)
    });
    match joined {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => fail!(InvalidArgument, "{name} is damaged: {}", message_of(panic.as_ref())),
        Err(e) => Err(Error::with_source(ErrorCode::Internal, format!("no thread can be started: {e}"), e)),
    }
}

fn message_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it cannot be decoded")
}
