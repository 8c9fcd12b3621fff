//! Sorting, in one function for all types. The sorts of the standard library are compiled per type and order, and were a
//! fifth of the search binary.

use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Runs of so many items are sorted by insertion.
const RUN: usize = 8;

/// Sorts a list by `compare`. Equal items keep their order.
pub(crate) fn sort_by<T>(list: &mut Vec<T>, compare: &dyn Fn(&T, &T) -> Ordering) {
    let order = sorted(list.len(), &|a, b| compare(&list[a as usize], &list[b as usize]));
    let mut taken: Vec<Option<T>> = list.drain(..).map(Some).collect();
    list.extend(order.into_iter().filter_map(|at| taken[at as usize].take()));
}

/// Sorts a list in its own order.
pub(crate) fn sort<T: Ord>(list: &mut Vec<T>) {
    sort_by(list, &T::cmp);
}

/// Makes a map of pairs. Of equal keys the last one counts.
pub(crate) fn map_of<K: Ord, V>(pairs: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        map.insert(key, value);
    }
    map
}

/// Returns the numbers from 0 to `count` in the order of `compare`, by merging runs of rising length.
fn sorted(count: usize, compare: &dyn Fn(u32, u32) -> Ordering) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    for run in order.chunks_mut(RUN) {
        for end in 1..run.len() {
            let mut at = end;
            while at > 0 && compare(run[at - 1], run[at]).is_gt() {
                run.swap(at - 1, at);
                at -= 1;
            }
        }
    }
    let mut merged = vec![0; count];
    let mut length = RUN;
    while length < count {
        for (from, to) in order.chunks(2 * length).zip(merged.chunks_mut(2 * length)) {
            let (mut left, mut right) = from.split_at(length.min(from.len()));
            for slot in to {
                let takes_right = match (left.first(), right.first()) {
                    (Some(&a), Some(&b)) => compare(a, b).is_gt(),
                    (left, _) => left.is_none(),
                };
                let side = if takes_right { &mut right } else { &mut left };
                if let Some((&first, rest)) = side.split_first() {
                    (*slot, *side) = (first, rest);
                }
            }
        }
        std::mem::swap(&mut order, &mut merged);
        length *= 2;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::random::Random;

    #[test]
    fn lists_are_sorted_as_the_standard_library_sorts_them() {
        let mut random = Random(3);
        for count in (0..70).chain([255, 256, 257, 1000, 4097]) {
            for values in [2, 30, 1 << 20] {
                let list: Vec<(usize, usize)> = (0..count).map(|i| (random.below(values), i)).collect();
                let (mut ours, mut theirs) = (list.clone(), list);
                sort_by(&mut ours, &|a, b| a.0.cmp(&b.0));
                theirs.sort_by_key(|item| item.0);
                assert_eq!(ours, theirs, "{count} of {values}");
            }
        }
    }
}
