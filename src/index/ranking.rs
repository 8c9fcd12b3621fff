//! The order of the hits: pinned ones first, then by the keys of `sort`, then by score. Of each page it gives the same
//! hits as one page that is large enough, so pages join without gaps and repeats.

use std::cmp::Ordering;

use super::bits::Bits;
use super::catalog::Catalog;
use super::columns::Column;
use super::diversify::diversify;
use super::fusion::Scorer;
use super::request::SearchRequest;
use super::schema::AttributeKind;
use super::top_k::top_k;
use crate::error::{Result, fail};

/// The order that a request asks for.
#[derive(Debug)]
pub(crate) struct Ranking<'a> {
    catalog: &'a Catalog,
    request: &'a SearchRequest,
    sort: Vec<(&'a Column, bool)>,
    distinct: Option<&'a Column>,
    pinned: Vec<usize>,
}

impl<'a> Ranking<'a> {
    /// Reads the order of a request.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for attributes that do not exist or have no order, and for what cannot be had together.
    pub(crate) fn new(catalog: &'a Catalog, request: &'a SearchRequest) -> Result<Self> {
        let column = |option: &str, name: &str| -> Result<&'a Column> {
            let column = &catalog.columns[catalog.attribute(option, name)?];
            if column.kind == AttributeKind::Tags {
                fail!(InvalidArgument, "{option}: {name:?} has several values per item; expected one");
            }
            Ok(column)
        };
        let mut sort = Vec::new();
        for key in &request.sort {
            sort.push((column("sort", &key.attribute)?, key.descending));
        }
        let distinct = request.distinct.as_ref().map(|name| column("distinct", name)).transpose()?;
        if request.diversity > 0.0 && !sort.is_empty() {
            fail!(
                InvalidArgument,
                "diversity: it changes the order, and so does sort; leave one of them out"
            );
        }
        if is_reordered(request) && !catalog.has_vectors() {
            fail!(
                InvalidArgument,
                "diversity, collapse: the catalog has no vectors, or they have not arrived"
            );
        }
        let mut pinned = Vec::new();
        for id in &request.pinned {
            pinned.extend(catalog.find(id)?.filter(|item| !pinned.contains(item)));
        }
        Ok(Self { catalog, request, sort, distinct, pinned })
    }

    /// Returns the items of the page that is wanted, and the number of all hits.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if rows are damaged.
    pub(crate) fn page(&self, scorer: &Scorer, set: &Bits) -> Result<(Vec<usize>, usize)> {
        let request = self.request;
        let mut items: Vec<(f32, usize)> = Vec::with_capacity(set.count());
        for item in set.iter() {
            items.push((scorer.score(item), item));
        }
        if let Some(column) = self.distinct {
            items = self.best_per_value(column, items);
        }
        let total = items.len();
        let wanted = request.top_k + request.offset;
        let first = |count: usize| -> Vec<usize> {
            let best = top_k(items.iter().copied(), count, |a, b| self.compare(a, b));
            best.into_iter().map(|(_, item)| item).collect()
        };
        let ranked = match is_reordered(request) {
            true => {
                // A pinned item that is no hit does not get around the filter.
                let mut hits = Bits::none(set.len());
                items.iter().for_each(|&(_, item)| hits.insert(item));
                let pins = self.pinned.iter().filter(|&&item| hits.contains(item)).count();
                diversify(self.catalog, request, pins, wanted, &first)?
            }
            false => first(wanted),
        };
        Ok((ranked.into_iter().skip(request.offset).take(request.top_k).collect(), total))
    }

    fn compare(&self, a: &(f32, usize), b: &(f32, usize)) -> Ordering {
        let pin = |item: usize| self.pinned.iter().position(|&pin| pin == item).unwrap_or(usize::MAX);
        let mut order = if self.pinned.is_empty() { Ordering::Equal } else { pin(a.1).cmp(&pin(b.1)) };
        for (column, is_descending) in &self.sort {
            let codes = [a, b].map(|&(_, item)| column.code(item));
            // Items without a value come last, whatever the direction is.
            let by = match codes {
                [0, 0] => Ordering::Equal,
                [0, _] => Ordering::Greater,
                [_, 0] => Ordering::Less,
                [x, y] if *is_descending => y.cmp(&x),
                [x, y] => x.cmp(&y),
            };
            order = order.then(by);
        }
        order.then(b.0.total_cmp(&a.0)).then(a.1.cmp(&b.1))
    }

    /// Returns the first item of each value, and the items without a value.
    fn best_per_value(&self, column: &Column, items: Vec<(f32, usize)>) -> Vec<(f32, usize)> {
        let mut best: Vec<Option<(f32, usize)>> = vec![None; column.values.len() + 1];
        let mut without = Vec::new();
        for item in items {
            let slot = &mut best[column.code(item.1) as usize];
            match slot {
                _ if column.code(item.1) == 0 => without.push(item),
                Some(other) if self.compare(other, &item).is_lt() => {}
                _ => *slot = Some(item),
            }
        }
        best.into_iter().flatten().chain(without).collect()
    }
}

/// Returns true if vectors take part in the order of the hits.
pub(crate) fn is_reordered(request: &SearchRequest) -> bool {
    request.diversity > 0.0 || request.collapse.is_some()
}
