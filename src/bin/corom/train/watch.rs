//! Shows a training: a line on a terminal that is redrawn, otherwise a line every ten seconds.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use corom::train::TrainEvent;

use crate::output::print_line;
use crate::progress::duration;

const TERMINAL_INTERVAL: Duration = Duration::from_millis(200);
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The weight of a new loss in the mean that is shown.
const NEW_LOSS: f64 = 0.05;

/// Shows the events of a training on standard error, and measures on standard output.
pub(crate) struct Watch {
    batch: usize,
    is_terminal: bool,
    is_drawn: bool,
    shown: Option<Instant>,
    loss: Option<f64>,
}

impl Watch {
    /// Begins. `batch` is the number of examples per step.
    pub(crate) fn new(batch: usize) -> Self {
        Self { batch, is_terminal: io::stderr().is_terminal(), is_drawn: false, shown: None, loss: None }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Measured(measured) => {
                self.clear();
                print_line(format_args!(
                    "epoch {}, step {}: MRR@10 {:.4}",
                    measured.epoch, measured.step, measured.mrr
                ));
            }
            TrainEvent::Step { done, of, loss, seconds, own } => {
                let loss = f64::from(*loss);
                let mean = self.loss.map_or(loss, |mean| mean + NEW_LOSS * (loss - mean));
                self.loss = Some(mean);
                let interval = if self.is_terminal { TERMINAL_INTERVAL } else { LINE_INTERVAL };
                if self.shown.is_some_and(|shown| shown.elapsed() < interval) && done < of {
                    return;
                }
                self.shown = Some(Instant::now());
                let rate = *own as f64 / seconds.max(1e-9);
                let left = duration((of - done) as f64 / rate);
                let line = format!(
                    "step {done} of {of}, loss {mean:.4}, {:.1} examples/s, {left} left",
                    rate * self.batch as f64
                );
                // Nobody reads standard error: no reason to stop.
                let _ = if self.is_terminal {
                    self.is_drawn = true;
                    write!(io::stderr(), "\r\x1b[2K{line}")
                } else {
                    writeln!(io::stderr(), "{line}")
                };
            }
        }
    }

    /// Removes the line, so that others can be printed.
    pub(crate) fn clear(&mut self) {
        if self.is_drawn {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
        self.is_drawn = false;
    }
}
