//! The best of many.

use std::cmp::Ordering;

use super::bits::Bits;
use super::kernels::at_least::at_least;
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

/// Returns the items of a set that have the best scores, in rising order. Of equal ones the first are taken.
pub(crate) fn best_items(scores: &[f32], set: &Bits, count: usize) -> Vec<usize> {
    let mut best: Vec<(f32, usize)> = Vec::new();
    let limit = count.saturating_mul(2).max(64);
    let mut worst = None; // the score that others need; of those that equal it none is kept
    for (first, word) in set.words_in(0..set.len()) {
        let mut rest = match worst {
            Some(worst) => word & at_least(of_word(scores, first), worst),
            None => word,
        };
        while rest != 0 {
            let item = first + rest.trailing_zeros() as usize;
            rest &= rest - 1;
            best.push((scores[item], item));
        }
        if best.len() >= limit {
            worst = keep_best(&mut best, count);
        }
    }
    keep_best(&mut best, count);
    best.into_iter().map(|(_, item)| item).collect()
}

/// Keeps the `count` entries of the highest scores in their order, and of equal ones the first. Returns the lowest score that
/// is kept, if entries were left out. The score is found digit by digit of its bits, so the time is linear.
fn keep_best(entries: &mut Vec<(f32, usize)>, count: usize) -> Option<f32> {
    const DIGIT_BITS: u32 = 8;
    if entries.len() <= count {
        return None;
    }
    let mut prefix = 0_u32; // the leading digits of the lowest key that is kept
    let mut left = count; // the entries with these digits that are kept
    for shift in [24, 16, 8, 0] {
        let mut numbers = [0_usize; 1 << DIGIT_BITS];
        for &(score, _) in entries.iter() {
            let digits = order_key(score) >> shift;
            if digits >> DIGIT_BITS == prefix {
                numbers[digits as usize % numbers.len()] += 1;
            }
        }
        let mut digit = numbers.len() - 1;
        while numbers[digit] < left && digit > 0 {
            left -= numbers[digit];
            digit -= 1;
        }
        prefix = prefix << DIGIT_BITS | digit as u32;
    }
    let mut kept = 0;
    let mut lowest = None;
    for at in 0..entries.len() {
        let key = order_key(entries[at].0);
        if key > prefix || key == prefix && left > 0 {
            if key == prefix {
                left -= 1;
                lowest = Some(entries[at].0);
            }
            entries[kept] = entries[at];
            kept += 1;
        }
    }
    entries.truncate(kept);
    lowest
}

/// Returns a number that orders scores as `f32::total_cmp` does.
fn order_key(score: f32) -> u32 {
    let bits = score.to_bits();
    bits ^ if bits >> 31 == 1 { u32::MAX } else { 1 << 31 }
}

/// Returns the items of a set whose score is at least `least`.
pub(crate) fn items_from(scores: &[f32], set: &Bits, least: f32) -> Bits {
    let mut items = Bits::none(set.len());
    for (first, word) in set.words_in(0..set.len()) {
        if word != 0 {
            items.insert_word(first, word & at_least(of_word(scores, first), least));
        }
    }
    items
}

/// Returns the scores of up to 64 items from `first` on.
fn of_word(scores: &[f32], first: usize) -> &[f32] {
    &scores[first..scores.len().min(first + 64)]
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
    fn the_best_scores_may_be_zeros_and_infinities() {
        let values = [f32::NEG_INFINITY, -1.0, -0.0, 0.0, 2.0, f32::INFINITY];
        let mut random = Random(6);
        let scores: Vec<f32> = (0..700).map(|_| values[random.below(6)]).collect();
        let set = Bits::all(700);
        let mut all: Vec<usize> = (0..700).collect();
        // Both zeros are one score for the limit, but not for the order.
        all.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        for count in [1, 10, 120, 350, 600] {
            let mut best = all[..count].to_vec();
            best.sort_unstable();
            assert_eq!(best_items(&scores, &set, count), best, "{count}");
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
                all.sort_unstable();
                assert_eq!(best_items(&scores, &set, count), all, "{count} of {length}");
            }
        }
    }
}
