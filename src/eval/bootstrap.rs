//! The paired bootstrap: an interval for the difference of two systems' means over the same queries.

/// A difference of means with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The difference over the queries themselves.
    pub difference: f64,
    /// The 2.5 % quantile over the resamples.
    pub low: f64,
    /// The 97.5 % quantile over the resamples.
    pub high: f64,
}

/// Returns the mean of `b - a` with its 95 % percentile interval (Efron's paired bootstrap): the queries are
/// drawn with replacement `resamples` times. The same `seed` gives the same interval.
///
/// # Panics
/// If the slices are empty or differ in length, or `resamples` is 0.
pub fn paired_bootstrap(a: &[f64], b: &[f64], resamples: usize, seed: u64) -> Interval {
    assert!(!a.is_empty() && a.len() == b.len() && resamples > 0, "one value per query in both lists");
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    let count = differences.len();
    let mut state = seed;
    let mut means: Vec<f64> = (0..resamples)
        .map(|_| {
            let sum: f64 = (0..count).map(|_| differences[below(count, &mut state)]).sum();
            sum / count as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let quantile = |q: f64| means[(q * (resamples - 1) as f64).round() as usize];
    Interval {
        difference: differences.iter().sum::<f64>() / count as f64,
        low: quantile(0.025),
        high: quantile(0.975),
    }
}

/// Returns a number below `count`, by SplitMix64 and a multiplication instead of a remainder.
fn below(count: usize, state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    ((u128::from(z) * count as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_that_of_the_normal_distribution() {
        // 1,000 differences of ±1: the mean of a resample has the standard deviation 1 / sqrt(1000).
        let a = vec![0.0; 1000];
        let b: Vec<f64> = (0..1000).map(|i| if i % 2 == 0 { 1.0 } else { -1.0 }).collect();
        let interval = paired_bootstrap(&a, &b, 10_000, 1);
        let expected = 1.96 / 1000f64.sqrt();
        assert_eq!(interval.difference, 0.0);
        assert!(
            (interval.high - expected).abs() < 0.004 && (interval.low + expected).abs() < 0.004,
            "{interval:?}"
        );
        assert_eq!(interval, paired_bootstrap(&a, &b, 10_000, 1));
        let c: Vec<f64> = (0..1000).map(|i| f64::from(i).sin()).collect();
        assert_ne!(paired_bootstrap(&a, &c, 1000, 1), paired_bootstrap(&a, &c, 1000, 2));
    }

    #[test]
    fn equal_systems_have_no_difference() {
        let values = [0.5, 0.25, 1.0];
        let interval = paired_bootstrap(&values, &values, 100, 7);
        assert_eq!(interval, Interval { difference: 0.0, low: 0.0, high: 0.0 });
    }
}
