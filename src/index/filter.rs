//! Filters: conditions on attributes, applied before anything is ranked.
//!
//! ```text
//! filter    := { attribute: condition, …, "and": [filter, …], "or": [filter, …], "not": filter }      all of them
//! condition := value                       equal
//!            | [value, …]                  one of them
//!            | { "eq", "in", "nin", "gt", "gte", "lt", "lte", "between": [low, high], "exists": boolean,
//!                "containsAll": [value, …], "containsAny": [value, …] }                                  all of them
//! ```
//! An item without a value meets `nin` and `exists: false` only.

use super::attribute_value::AttributeValue;
use super::bits::Bits;
use super::columns::{Column, new_codes};
use super::json::Json;
use super::schema::{AttributeKind, Schema};
use super::values::Values;
use crate::error::{Result, fail};

const MAX_DEPTH: usize = 32;

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Is { attribute: usize, test: Test },
}

/// A condition on an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// One of the values.
    In(Vec<AttributeValue>),
    /// Every value.
    ContainsAll(Vec<AttributeValue>),
    /// From `low` to `high`; each with true if it is included.
    Range {
        low: Option<(AttributeValue, bool)>,
        high: Option<(AttributeValue, bool)>,
    },
    Exists,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the place of what is wrong.
    pub(crate) fn read(value: &Json, schema: &Schema) -> Result<Self> {
        read(value, schema, "filter", 0)
    }

    /// Returns the conjuncts of the filter.
    pub(crate) fn conjuncts(self) -> Vec<Self> {
        match self {
            Self::All(all) => all.into_iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// Returns true if the filter names this attribute and no other one. A filter without attributes, such as
    /// `{ "or": [] }`, is about none.
    pub(crate) fn is_about(&self, wanted: usize) -> bool {
        self.names(&|attribute| attribute == wanted) && !self.names(&|attribute| attribute != wanted)
    }

    /// Returns true if the filter names an attribute that `is_meant`.
    fn names(&self, is_meant: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().any(|filter| filter.names(is_meant)),
            Self::Not(filter) => filter.names(is_meant),
            Self::Is { attribute, .. } => is_meant(*attribute),
        }
    }

    /// Returns the items that the filter keeps.
    pub(crate) fn items(&self, columns: &[Column], items: usize) -> Bits {
        match self {
            Self::All(list) => {
                let mut kept = Bits::all(items);
                list.iter().for_each(|filter| kept.intersect(&filter.items(columns, items)));
                kept
            }
            Self::Any(list) => {
                let mut kept = Bits::none(items);
                list.iter().for_each(|filter| kept.unite(&filter.items(columns, items)));
                kept
            }
            Self::Not(filter) => {
                let mut kept = filter.items(columns, items);
                kept.invert();
                kept
            }
            Self::Is { attribute, test } => test.items(&columns[*attribute], items),
        }
    }
}

impl Test {
    fn items(&self, column: &Column, items: usize) -> Bits {
        let mut kept = Bits::none(items);
        match self {
            Self::ContainsAll(values) => {
                kept = Bits::all(items);
                for value in values {
                    kept.intersect(&Self::In(vec![value.clone()]).items(column, items));
                }
            }
            _ => {
                let wanted = self.wanted_codes(column);
                for item in 0..items {
                    let mut is_kept = false;
                    column.each_code(item, |code| is_kept |= wanted[code as usize]);
                    if is_kept {
                        kept.insert(item);
                    }
                }
            }
        }
        kept
    }

    /// Returns for each code whether the test keeps it.
    fn wanted_codes(&self, column: &Column) -> Vec<bool> {
        let mut wanted = vec![false; column.values.len() + 1];
        match self {
            Self::In(values) | Self::ContainsAll(values) => {
                for value in values {
                    for code in new_codes(&column.values, &value.values()) {
                        if column.has_value(code, value) {
                            wanted[code as usize] = true;
                        }
                    }
                }
            }
            Self::Range { low, high } => {
                let first = low.as_ref().map_or(0, |(value, is_in)| column.first_code(value, *is_in));
                let end = high
                    .as_ref()
                    .map_or(column.values.len(), |(value, is_in)| column.first_code(value, !is_in));
                if first < end {
                    wanted[first + 1..=end].fill(true);
                }
            }
            Self::Exists => wanted[1..].fill(true),
        }
        wanted
    }
}

impl Column {
    /// Returns true if the code is the value's.
    fn has_value(&self, code: u32, value: &AttributeValue) -> bool {
        let at = code as usize - 1;
        match (&self.values, &value.values()) {
            (Values::Numbers(all), Values::Numbers(one)) => all.get(at) == one.first(),
            (Values::Strings(all), Values::Strings(one)) => all.get(at) == one.first(),
            _ => false,
        }
    }

    /// Returns the index of the first value that is at least `value`, or more than it.
    fn first_code(&self, value: &AttributeValue, is_in: bool) -> usize {
        match (&self.values, &value.values()) {
            (Values::Numbers(all), Values::Numbers(one)) => {
                all.partition_point(|x| if is_in { x < &one[0] } else { x <= &one[0] })
            }
            (Values::Strings(all), Values::Strings(one)) => {
                all.partition_point(|x| if is_in { x < &one[0] } else { x <= &one[0] })
            }
            _ => 0,
        }
    }
}

fn read(value: &Json, schema: &Schema, at: &str, depth: usize) -> Result<Filter> {
    let Json::Object(object) = value else {
        fail!(InvalidArgument, "{at}: found {value}; expected an object")
    };
    if depth > MAX_DEPTH {
        fail!(InvalidArgument, "{at}: nested more than {MAX_DEPTH} deep");
    }
    let list = |name: &str, value: &Json| -> Result<Vec<Filter>> {
        let at = format!("{at}.{name}");
        let Json::Array(list) = value else { fail!(InvalidArgument, "{at}: found {value}; expected a list") };
        list.iter()
            .enumerate()
            .map(|(i, value)| read(value, schema, &format!("{at}[{i}]"), depth + 1))
            .collect()
    };
    let mut all = Vec::new();
    for (name, value) in object {
        match (schema.attribute(name), name.as_str()) {
            (Some(attribute), _) => {
                condition(
                    &mut all,
                    value,
                    attribute,
                    schema.attributes[attribute].kind,
                    &format!("{at}.{name}"),
                )?;
            }
            (None, "and") => all.push(Filter::All(list(name, value)?)),
            (None, "or") => all.push(Filter::Any(list(name, value)?)),
            (None, "not") => {
                all.push(Filter::Not(Box::new(read(value, schema, &format!("{at}.not"), depth + 1)?)));
            }
            _ => {
                let names: Vec<_> =
                    schema.attributes.iter().map(|attribute| attribute.name.as_str()).collect();
                fail!(
                    InvalidArgument,
                    "{at}: there is no attribute {name:?}; there are {}",
                    names.join(", ")
                );
            }
        }
    }
    Ok(Filter::All(all))
}

fn condition(
    all: &mut Vec<Filter>,
    value: &Json,
    attribute: usize,
    kind: AttributeKind,
    at: &str,
) -> Result<()> {
    let one = |value: &Json, at: &str| single(value, kind, at);
    let many = |value: &Json, at: &str| -> Result<Vec<AttributeValue>> {
        let Json::Array(list) = value else { fail!(InvalidArgument, "{at}: found {value}; expected a list") };
        list.iter().enumerate().map(|(i, value)| one(value, &format!("{at}[{i}]"))).collect()
    };
    let is = |test| Filter::Is { attribute, test };
    match value {
        Json::Array(_) => all.push(is(Test::In(many(value, at)?))),
        Json::Object(operators) => {
            range(all, operators, attribute, kind, at)?;
            for (operator, value) in operators {
                let at = &format!("{at}.{operator}");
                all.push(match (operator.as_str(), value) {
                    ("gt" | "gte" | "lt" | "lte" | "between", _) => continue,
                    ("eq", _) => is(Test::In(vec![one(value, at)?])),
                    ("in" | "containsAny", _) => is(Test::In(many(value, at)?)),
                    ("nin", _) => Filter::Not(Box::new(is(Test::In(many(value, at)?)))),
                    ("containsAll", _) => is(Test::ContainsAll(many(value, at)?)),
                    ("exists", Json::Bool(true)) => is(Test::Exists),
                    ("exists", Json::Bool(false)) => Filter::Not(Box::new(is(Test::Exists))),
                    ("exists", _) => fail!(InvalidArgument, "{at}: found {value}; expected true or false"),
                    _ => fail!(
                        InvalidArgument,
                        "{at}: unknown; expected eq, in, nin, gt, gte, lt, lte, between, exists, containsAll or containsAny"
                    ),
                });
            }
        }
        _ => all.push(is(Test::In(vec![one(value, at)?]))),
    }
    Ok(())
}

/// Reads the operators of ranges.
fn range(
    all: &mut Vec<Filter>,
    operators: &[(String, Json)],
    attribute: usize,
    kind: AttributeKind,
    at: &str,
) -> Result<()> {
    for (operator, value) in operators {
        let at = &format!("{at}.{operator}");
        let (mut low, mut high) = (None, None);
        match (operator.as_str(), value) {
            ("gt" | "gte", _) => low = Some((single(value, kind, at)?, operator == "gte")),
            ("lt" | "lte", _) => high = Some((single(value, kind, at)?, operator == "lte")),
            ("between", Json::Array(pair)) if pair.len() == 2 => {
                low = Some((single(&pair[0], kind, at)?, true));
                high = Some((single(&pair[1], kind, at)?, true));
            }
            ("between", _) => fail!(InvalidArgument, "{at}: found {value}; expected [low, high]"),
            _ => continue,
        }
        if !matches!(kind, AttributeKind::Number | AttributeKind::String) {
            fail!(InvalidArgument, "{at}: a {} has no order", kind.name());
        }
        all.push(Filter::Is { attribute, test: Test::Range { low, high } });
    }
    Ok(())
}

/// Reads one value; of tags one tag.
fn single(value: &Json, kind: AttributeKind, at: &str) -> Result<AttributeValue> {
    let kind = if kind == AttributeKind::Tags { AttributeKind::String } else { kind };
    match AttributeValue::from_json(kind, value) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => fail!(
            InvalidArgument,
            "{at}: found null; expected {}; for no value use exists: false",
            kind.expected()
        ),
        Err(problem) => fail!(InvalidArgument, "{at}: {problem}"),
    }
}
