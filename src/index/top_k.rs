//! The best of many.

use std::cmp::Ordering;

use super::order::sort_by;

/// Returns the `count` first of the items in the order of `compare`, sorted. `compare` has no ties.
pub(crate) fn top_k<T>(
    items: impl Iterator<Item = T>,
    count: usize,
    compare: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut best: Vec<T> = Vec::new();
    let limit = count.saturating_mul(2).max(64);
    let keep = |best: &mut Vec<T>| {
        sort_by(best, &compare);
        best.truncate(count);
    };
    let mut is_full = false;
    for item in items {
        // After the first cut the last one kept is the worst one.
        if is_full && best.get(count.wrapping_sub(1)).is_none_or(|worst| compare(&item, worst).is_gt()) {
            continue;
        }
        best.push(item);
        if best.len() >= limit {
            keep(&mut best);
            is_full = best.len() == count;
        }
    }
    keep(&mut best);
    best
}

#[cfg(test)]
mod tests {
    use super::top_k;
    use crate::index::random::Random;

    #[test]
    fn the_best_are_the_head_of_the_sorted_list() {
        let mut random = Random(1);
        for count in [0, 1, 3, 40, 100, 1000] {
            for length in [0, 1, 2, 63, 64, 65, 500] {
                let mut all: Vec<(usize, usize)> = (0..length).map(|i| (random.below(50), i)).collect();
                let best = top_k(all.iter().copied(), count, Ord::cmp);
                all.sort_unstable();
                all.truncate(count);
                assert_eq!(best, all, "{count} of {length}");
            }
        }
    }
}
