//! The dictionary of a column: its distinct values.

/// The dictionary of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Numbers(Vec<f64>),
    Strings(Vec<String>),
}

impl Values {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.len(),
            Self::Strings(strings) => strings.len(),
        }
    }
}
