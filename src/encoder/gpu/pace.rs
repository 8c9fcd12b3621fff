//! The size of submissions: as many tokens as the device computes in a given time. A page that shares the device stays
//! responsive, and no driver takes the device for stuck.

/// The most tokens of the first submission, when nothing is known about the device.
const FIRST_TOKENS: usize = 256;
/// With fewer tokens a submission is mostly overhead.
const MIN_TOKENS: usize = 64;
/// With more tokens a device computes no faster.
const MAX_TOKENS: usize = 2048;

/// Measures submissions. Its limit is a bound only for several texts: a text that is longer is not cut.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    target_ms: f64,
    limit: usize,
}

impl Pace {
    /// `target_ms`: the time that a submission should take at most.
    pub(super) fn new(target_ms: f64) -> Self {
        Self { target_ms, limit: FIRST_TOKENS }
    }

    /// Returns the most tokens of the next submission.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the size and the time of a submission. The limit changes by a factor of 2 at most, because a single time
    /// may be wrong: the device has other work, or the page looked late.
    pub(super) fn measured(&mut self, tokens: usize, ms: f64) {
        // A small submission that was quick says little about a large one.
        if tokens < self.limit / 2 && ms <= self.target_ms {
            return;
        }
        let fitting = (tokens as f64 * self.target_ms / ms.max(0.1)) as usize;
        self.limit = fitting.clamp(self.limit / 2, self.limit * 2).clamp(MIN_TOKENS, MAX_TOKENS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the limit after many submissions on a device that takes so long per token.
    fn settled(ms_per_token: f64, target_ms: f64) -> usize {
        let mut pace = Pace::new(target_ms);
        for _ in 0..20 {
            pace.measured(pace.limit(), pace.limit() as f64 * ms_per_token);
        }
        pace.limit()
    }

    #[test]
    fn submissions_take_the_target_time() {
        assert_eq!(settled(0.1, 20.0), 200);
        assert_eq!(settled(0.1, 100.0), 1000);
        assert_eq!(settled(0.001, 20.0), MAX_TOKENS);
        assert_eq!(settled(50.0, 20.0), MIN_TOKENS);
    }

    #[test]
    fn one_wrong_time_halves_the_limit_and_small_submissions_do_not_raise_it() {
        let mut pace = Pace::new(20.0);
        pace.measured(256, 1e9);
        assert_eq!(pace.limit(), 128);
        pace.measured(10, 0.0);
        assert_eq!(pace.limit(), 128);
        pace.measured(10, 40.0);
        assert_eq!(pace.limit(), 64);
        pace.measured(64, 0.0);
        assert_eq!(pace.limit(), 128);
    }
}
