//! The best of many.

use std::cmp::Ordering;

use super::bits::Bits;
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

/// Returns the items of a set that have the best scores, best first, and of equal ones the first.
pub(crate) fn best_items(scores: &[f32], set: &Bits, count: usize) -> Vec<usize> {
    let mut best: Vec<(f32, usize)> = Vec::new();
    let limit = count.saturating_mul(2).max(64);
    let keep = |best: &mut Vec<(f32, usize)>| {
        sort_by(best, &|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        best.truncate(count);
    };
    let mut worst = None; // the score that the others have to exceed
    for (first, word) in set.words_in(0..set.len()) {
        let mut rest = match worst {
            Some(worst) => word & passing(scores, first, |score| score > worst),
            None => word,
        };
        while rest != 0 {
            let item = first + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            best.push((scores[item], item));
        }
        if best.len() >= limit {
            keep(&mut best);
            worst = best.last().map(|last| last.0);
        }
    }
    keep(&mut best);
    best.into_iter().map(|(_, item)| item).collect()
}

/// Returns the items of a set whose score is at least `least`.
pub(crate) fn items_from(scores: &[f32], set: &Bits, least: f32) -> Bits {
    let mut items = Bits::none(set.len());
    for (first, word) in set.words_in(0..set.len()) {
        if word != 0 {
            items.insert_word(first, word & passing(scores, first, |score| score >= least));
        }
    }
    items
}

/// Returns a bit for each of 64 items from `first` on: 1 if its score passes.
#[inline(always)]
fn passing(scores: &[f32], first: usize, passes: impl Fn(f32) -> bool) -> u64 {
    let end = scores.len().min(first + 64);
    scores[first..end].iter().enumerate().fold(0, |bits, (at, &score)| bits | u64::from(passes(score)) << at)
}

#[cfg(test)]
mod tests {
    use super::super::bits::Bits;
    use super::{best_items, items_from, top_k};
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
    #[test]
    fn the_best_scores_are_the_head_of_the_sorted_list() {
        let mut random = Random(2);
        for count in [0, 1, 3, 40, 100, 1000] {
            for length in [0, 1, 63, 64, 65, 700] {
                let scores: Vec<f32> = (0..length).map(|_| random.below(300) as f32).collect();
                let mut set = Bits::none(length);
                (0..length).filter(|_| random.below(4) > 0).for_each(|item| set.insert(item));
                let mut all: Vec<usize> = set.iter().collect();
                all.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
                let above: Vec<usize> = set.iter().filter(|&item| scores[item] >= 200.0).collect();
                assert_eq!(items_from(&scores, &set, 200.0).iter().collect::<Vec<_>>(), above);
                all.truncate(count);
                assert_eq!(best_items(&scores, &set, count), all, "{count} of {length}");
            }
        }
    }
}
