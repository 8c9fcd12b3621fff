//! Runs jobs on all threads and gives the results in the order of the jobs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use corom::error::Result;

/// Runs the jobs `0..jobs`. Each thread loads a model and takes the next job. `each` gets the result of each job, in their
/// order.
///
/// # Errors
/// The first error of `load`, `work` or `each`.
pub(super) fn run_in_order<M, T: Send>(
    jobs: usize,
    threads: usize,
    load: impl Fn() -> Result<M> + Sync,
    work: impl Fn(&mut M, usize) -> Result<T> + Sync,
    mut each: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let threads = threads.min(jobs);
    let (sender, receiver) = sync_channel(2 * threads.max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, stop, load, work) = (sender.clone(), &next, &stop, &load, &work);
            scope.spawn(move || {
                let mut model = match load() {
                    Ok(model) => model,
                    Err(error) => return drop(sender.send((0, Err(error)))),
                };
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        return;
                    }
                    let result = work(&mut model, job);
                    if stop.load(Ordering::Relaxed) || sender.send((job, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut expected) = (BTreeMap::new(), 0);
        let mut receive = || -> Result<()> {
            for (job, result) in &receiver {
                waiting.insert(job, result?);
                while let Some(result) = waiting.remove(&expected) {
                    each(expected, result)?;
                    expected += 1;
                }
            }
            Ok(())
        };
        let result = receive();
        stop.store(true, Ordering::Relaxed);
        drop(receiver);
        result
    })
}
