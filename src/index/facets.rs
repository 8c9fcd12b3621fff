//! Facets: how many hits have each value of an attribute.

use super::bits::Bits;
use super::columns::Column;
use super::order::sort_by;
use super::request::FacetRequest;
use super::result::{Facet, FacetCount};
use super::schema::AttributeKind;
use super::values::Values;
use crate::error::{Result, fail};

/// Checks the borders of ranges.
///
/// # Errors
/// `INVALID_ARGUMENT` if they do not rise, or the attribute is no number.
pub(crate) fn check(request: &FacetRequest, kind: AttributeKind) -> Result<()> {
    let name = &request.attribute;
    if !request.ranges.is_empty() && kind != AttributeKind::Number {
        fail!(InvalidArgument, "facets: ranges of {name:?}, a {}; expected a number", kind.name());
    }
    // A comparison with NaN is false.
    if !request.ranges.is_sorted_by(|low, high| low < high) {
        fail!(InvalidArgument, "facets: the borders of the ranges of {name:?} do not rise");
    }
    Ok(())
}

/// Counts the values of a column over a set of items.
pub(crate) fn count(column: &Column, items: &Bits, request: &FacetRequest) -> Facet {
    let mut counts = vec![0_usize; column.values.len() + 1];
    for item in items.iter() {
        column.each_code(item, |code| counts[code as usize] += 1);
    }
    let mut codes: Vec<u32> = (1..counts.len() as u32).filter(|&code| counts[code as usize] > 0).collect();
    let mut ranges = Vec::new();
    let mut bounds = None;
    if let Values::Numbers(numbers) = &column.values {
        let number = |code: u32| numbers[code as usize - 1];
        bounds = codes.first().zip(codes.last()).map(|(&first, &last)| [number(first), number(last)]);
        let (codes, counts) = (&codes, &counts);
        let in_range = |low: f64, high: f64| {
            codes
                .iter()
                .filter(move |&&code| low <= number(code) && number(code) < high)
                .map(|&code| counts[code as usize])
        };
        for (i, &low) in request.ranges.iter().enumerate() {
            let high = request.ranges.get(i + 1).copied().unwrap_or(f64::INFINITY);
            ranges.push(in_range(low, high).sum());
        }
    }
    let distinct = codes.len();
    sort_by(&mut codes, &|&a, &b| counts[b as usize].cmp(&counts[a as usize]));
    codes.truncate(request.limit);
    let shown = |code: u32| FacetCount { value: column.shown(code), count: counts[code as usize] };
    Facet { values: codes.into_iter().map(shown).collect(), distinct, ranges, bounds }
}
