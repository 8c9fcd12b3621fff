//! The size of submissions: as many tokens as the device computes in a given time. A page that shares the device stays
//! responsive, and no driver takes the device for stuck. A text with more tokens is submitted in pieces, some ops each.

/// The tokens of the first submission, when nothing is known about the device.
const FIRST_TOKENS: usize = 64;
/// With fewer tokens a submission is mostly overhead. Slower devices get it in pieces.
const MIN_SUBMISSION: usize = 64;
/// The fewest tokens that a piece is as large as.
const MIN_TOKENS: usize = 8;
/// With more tokens a device computes no faster.
const MAX_TOKENS: usize = 2048;

/// Measures submissions.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    target_ms: f64,
    /// The tokens that the device computes in this time.
    limit: usize,
}

impl Pace {
    /// `target_ms`: the time that a submission should take at most.
    pub(super) fn new(target_ms: f64) -> Self {
        Self { target_ms, limit: FIRST_TOKENS }
    }

    /// Returns the most tokens of the next submission, if it has more than one text.
    pub(super) fn limit(&self) -> usize {
        self.limit.max(MIN_SUBMISSION)
    }

    /// Returns in how many pieces a submission of so many tokens should be cut.
    pub(super) fn pieces(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.limit)
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

    /// Returns the pace after many submissions on a device that takes so long per token.
    fn settled(ms_per_token: f64, target_ms: f64) -> Pace {
        let mut pace = Pace::new(target_ms);
        for _ in 0..20 {
            pace.measured(pace.limit(), pace.limit() as f64 * ms_per_token);
        }
        pace
    }

    #[test]
    fn submissions_take_the_target_time() {
        for (ms_per_token, target_ms, limit) in
            [(0.1, 20.0, 200), (0.1, 100.0, 1000), (0.001, 20.0, MAX_TOKENS), (50.0, 20.0, MIN_SUBMISSION)]
        {
            assert_eq!(settled(ms_per_token, target_ms).limit(), limit);
        }
    }

    #[test]
    fn long_texts_and_slow_devices_have_pieces() {
        let pieces = |ms_per_token| [64, 512].map(|tokens| settled(ms_per_token, 20.0).pieces(tokens));
        assert_eq!(pieces(0.01), [1, 1]);
        assert_eq!(pieces(0.1), [1, 3]);
        assert_eq!(pieces(2.0), [7, 52]);
        assert_eq!(pieces(50.0), [8, 64]);
        assert_eq!(Pace::new(20.0).pieces(512), 8);
    }

    #[test]
    fn one_wrong_time_halves_the_limit_and_small_submissions_do_not_raise_it() {
        let mut pace = settled(0.1, 25.6);
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
