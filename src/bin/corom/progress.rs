//! Progress on standard error: a bar on a terminal, otherwise a line every five seconds.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

const BAR_COLUMNS: usize = 24;
const TERMINAL_INTERVAL: Duration = Duration::from_millis(100);
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows texts, their rate and the time left.
#[derive(Debug)]
pub(crate) struct Progress {
    /// The subject of the lines.
    what: String,
    is_terminal: bool,
    is_drawn: bool,
    started: Instant,
    shown: Instant,
    /// The share of the input that was done when this run began, and now.
    share: Option<(f64, f64)>,
}

impl Progress {
    /// Begins to measure. `what` begins each line that is no bar.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        let now = Instant::now();
        let is_terminal = io::stderr().is_terminal();
        Self { what: what.into(), is_terminal, is_drawn: false, started: now, shown: now, share: None }
    }

    /// Starts the clock again, when the model is loaded.
    pub(crate) fn restart(&mut self, done: u64, total: Option<u64>) {
        self.started = Instant::now();
        self.shown = self.started;
        self.share = total.map(|total| (share(done, total), share(done, total)));
    }

    /// Shows that `texts` were embedded by this run, and that `done` of `total` of the input are behind it.
    pub(crate) fn update(&mut self, texts: u64, done: u64, total: Option<u64>) {
        if let (Some((_, now)), Some(total)) = (&mut self.share, total) {
            *now = share(done, total);
        }
        let interval = if self.is_terminal { TERMINAL_INTERVAL } else { LINE_INTERVAL };
        if self.shown.elapsed() < interval {
            return;
        }
        self.shown = Instant::now();
        let line = self.line(texts, self.started.elapsed().as_secs_f64());
        // Nobody reads standard error: no reason to stop.
        let _ = if self.is_terminal {
            self.is_drawn = true;
            write!(io::stderr(), "\r\x1b[2K{}{line}", self.bar())
        } else {
            writeln!(io::stderr(), "{}: {line}", self.what)
        };
    }

    fn line(&self, texts: u64, seconds: f64) -> String {
        let rate = texts as f64 / seconds.max(1e-3);
        let mut line = format!("{texts} texts, {rate:.0} texts/s");
        if let Some((begun, now)) = self.share {
            line = format!("{:3.0} %  {line}", (now * 100.0).floor());
            if now > begun && seconds > 0.2 {
                line += &format!(", {} left", duration((1.0 - now) / (now - begun) * seconds));
            }
        }
        line
    }

    fn bar(&self) -> String {
        let Some((_, now)) = self.share else { return String::new() };
        let filled = (now * BAR_COLUMNS as f64).round() as usize;
        format!("[{}{}] ", "#".repeat(filled), "-".repeat(BAR_COLUMNS - filled.min(BAR_COLUMNS)))
    }

    /// Removes the bar, so that other lines can be printed.
    pub(crate) fn clear(&mut self) {
        if self.is_drawn {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
        self.is_drawn = false;
    }
}

fn share(done: u64, total: u64) -> f64 {
    if total == 0 { 1.0 } else { (done as f64 / total as f64).min(1.0) }
}

/// Writes seconds as `12 s`, `3 min 5 s` or `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds.max(0.0).round() as u64 {
        whole @ 0..60 => format!("{whole} s"),
        whole @ 60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        whole => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_rate_and_time_left() {
        let mut progress = Progress::new("embedding");
        progress.restart(20, Some(100));
        progress.update(300, 40, Some(100));
        assert_eq!(progress.line(300, 10.0), " 40 %  300 texts, 30 texts/s, 30 s left");
        progress.restart(0, None);
        assert_eq!(progress.line(300, 10.0), "300 texts, 30 texts/s");
    }

    #[test]
    fn duration_has_two_units() {
        let texts = [0.4, 59.4, 59.6, 3661.0, 90_061.0].map(duration);
        assert_eq!(texts, ["0 s", "59 s", "1 min 0 s", "1 h 1 min", "25 h 1 min"]);
    }
}
