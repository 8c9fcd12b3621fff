//! Rows between an input and an output, and what happens to bad ones.

use std::fmt;

use corom::error::Result;
use serde::{Deserialize, Serialize};

use crate::fail;
use crate::progress::Progress;

/// The identity of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Id {
    /// A number: of the column that `--id` names, or else the number of the row, from 0 on.
    Number(i128),
    /// A text.
    Text(String),
}

impl Id {
    /// Returns the id as JSON.
    pub(super) fn json(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => json_string(text),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The fields of a row that an output repeats.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Nothing but the text.
    Text,
    /// The cells of a table with a header, as many as its names.
    Cells(Vec<String>),
    /// A JSON object, as the input has it.
    Json(String),
    /// A row of the window's columns.
    #[cfg(feature = "columnar")]
    Columns,
    /// A bad row that is kept: where it is, and what is wrong with it.
    Bad(BadRow),
}

/// A row of the input.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The identity: none for a bad row whose id cannot be read.
    pub(super) id: Option<Id>,
    /// The text: none for a bad row.
    pub(super) text: Option<String>,
    /// The fields that an output repeats.
    pub(super) content: Content,
    /// The place in the input, such as `line 7`.
    pub(super) place: String,
}

/// A row without a text that can be embedded.
#[derive(Debug, Clone)]
pub(super) struct BadRow {
    /// The place in the input, such as `line 7`.
    pub(super) place: String,
    /// The fault, as a predicate: `is not JSON`.
    pub(super) reason: String,
}

/// Rows that are embedded together.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// The rows, in the order of the input.
    pub(super) rows: Vec<Row>,
    /// The columns that an output repeats, if the input has columns: a row per row.
    #[cfg(feature = "columnar")]
    pub(super) batch: Option<arrow_array::RecordBatch>,
}

impl Window {
    /// Removes rows, whose indices ascend.
    ///
    /// # Errors
    /// `INTERNAL` if columns cannot be filtered.
    pub(super) fn remove(&mut self, removed: &[usize]) -> Result<()> {
        let flags: Vec<bool> = (0..self.rows.len()).map(|row| removed.binary_search(&row).is_err()).collect();
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            flags[index - 1]
        });
        #[cfg(feature = "columnar")]
        if let Some(batch) = &mut self.batch
            && !removed.is_empty()
        {
            *batch = super::columnar::filter(batch, flags)?;
        }
        Ok(())
    }
}

/// The position up to which an input is read. Windows depend on `rows` alone where the input has columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Bytes that are read, or rows of a Parquet file.
    pub(super) offset: u64,
    /// Lines that are read.
    pub(super) lines: u64,
    /// Rows that are read, bad ones included.
    pub(super) rows: u64,
}

/// The treatment of a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OnBadRow {
    /// End with an error that names the row
    Stop,
    /// Report the row and leave it out
    Skip,
    /// Report the row and write it without a vector: null, or zeros in a .npy file
    Keep,
}

/// Reports bad rows and counts them.
#[derive(Debug)]
pub(super) struct BadRows {
    /// The name of the input, for messages.
    pub(super) input: String,
    /// The treatment of a bad row.
    pub(super) choice: OnBadRow,
    /// The number of bad rows so far.
    pub(super) count: u64,
    /// Cleared before a line is printed.
    pub(super) progress: Progress,
}

impl BadRows {
    /// Reports a bad row. Returns true if it is kept.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` with the place, unless bad rows are skipped or kept.
    pub(super) fn keeps(&mut self, bad: &BadRow) -> Result<bool> {
        let (input, BadRow { place, reason }) = (&self.input, bad);
        let done = match self.choice {
            OnBadRow::Stop => fail!(
                InvalidArgument,
                "{input}: {place} {reason}; --on-bad-row skip leaves such rows out, --on-bad-row keep writes them \
                 without a vector"
            ),
            OnBadRow::Skip => "skipped",
            OnBadRow::Keep => "kept without a vector",
        };
        self.count += 1;
        self.progress.clear();
        eprintln!("warning: {input}: {place} {reason}; {done}");
        Ok(self.choice == OnBadRow::Keep)
    }
}

/// Returns a text as JSON.
pub(super) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
