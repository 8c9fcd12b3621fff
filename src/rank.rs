//! Sorts documents by score, best first. Slices in, slices out.
//!
//! ```
//! use corom::rank::rank;
//! use corom::similarity::Metric;
//!
//! let scores = [0.1, 0.9, 0.5];
//! assert_eq!(rank(&scores, None, Metric::Cosine), [1, 2, 0]);
//! assert_eq!(rank(&scores, Some(1), Metric::L2), [0]); // a distance: smaller is better
//! ```

use std::cmp::Ordering;

use crate::similarity::Metric;

/// Returns the indices of the `top_k` best scores, or of all scores for `None`, best first.
/// Equal scores keep the order of the documents; NaN comes last. The [module](self) has an example.
pub fn rank(scores: &[f32], top_k: Option<usize>, metric: Metric) -> Vec<usize> {
    let better_first = |&a: &usize, &b: &usize| -> Ordering {
        let (x, y) = (scores[a], scores[b]);
        let order = if metric.more_is_nearer() { y.total_cmp(&x) } else { x.total_cmp(&y) };
        // total_cmp orders -0 before 0, which are equal scores, and sorts NaN by its sign.
        let order = if x == y { Ordering::Equal } else { order };
        x.is_nan().cmp(&y.is_nan()).then(order).then(a.cmp(&b))
    };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let top_k = top_k.unwrap_or(order.len()).min(order.len());
    if top_k == 0 {
        return Vec::new();
    }
    if top_k < order.len() {
        order.select_nth_unstable_by(top_k - 1, better_first);
        order.truncate(top_k);
    }
    order.sort_unstable_by(better_first);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn best_first_ties_by_index_nan_last() {
        let scores = [1.0, f32::NAN, 3.0, 1.0, -0.0, 0.0];
        assert_eq!(rank(&scores, None, Metric::Dot), [2, 0, 3, 4, 5, 1]);
        assert_eq!(rank(&scores, None, Metric::L2), [4, 5, 0, 3, 2, 1]);
        assert_eq!(rank(&scores, Some(2), Metric::Dot), [2, 0]);
        assert!(rank(&scores, Some(0), Metric::Dot).is_empty());
        assert!(rank(&[], Some(3), Metric::Dot).is_empty());
    }

    proptest! {
        #[test]
        fn top_k_is_the_head_of_the_whole(scores in prop::collection::vec(-3i8..3, 0..60), k in 0usize..70) {
            let scores: Vec<f32> = scores.into_iter().map(f32::from).collect();
            let all = rank(&scores, None, Metric::Cosine);
            let head = rank(&scores, Some(k), Metric::Cosine);
            prop_assert_eq!(&head[..], &all[..k.min(all.len())]);
        }
    }
}
