//! TSV and CSV.
//!
//! A TSV file has no quotes: a line is a row, a tab ends a cell. A CSV file is read by csv-core; this module finds where
//! its rows end, and rejects quotes that csv-core would accept in silence and that swallow rows.

use corom::error::Result;
use csv_core::ReadRecordResult;

use super::lines::{Lines, NOT_UTF8, without_end};
use super::text::{ParsedRow, Parser};
use super::{Content, Id, Selection, listed};
use crate::fail;

/// A table whose columns are selected.
pub(super) struct Table {
    is_csv: bool,
    /// The most columns that a TSV line is split in.
    split: Option<usize>,
    names: Option<Vec<String>>,
    width: usize,
    text: usize,
    id: Option<usize>,
    /// The first row of a table without a header.
    first: Option<Vec<String>>,
}

impl Table {
    /// Reads the first row, and finds the selected columns.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if there is no such column, and those of [`Lines::append_next`].
    pub(super) fn open(lines: &mut Lines, is_csv: bool, select: &Selection) -> Result<Self> {
        let split = select.columns;
        let first = match read_cells(lines, is_csv, split)? {
            None => Vec::new(),
            Some(Ok(cells)) => cells,
            Some(Err(reason)) => fail!(
                InvalidArgument,
                "{}: the first row, on line {}, {reason}; it says how many columns the table has, so it cannot be skipped",
                lines.name,
                lines.position.lines
            ),
        };
        // A file of blank lines has no rows either.
        let is_empty = first.is_empty();
        let find = |option, wanted: &str| column_index(&first, &lines.name, option, wanted, select.header);
        let text = match &select.column {
            _ if is_empty => 0,
            Some(column) => find("--column", column)?,
            None if first.len() == 1 => 0,
            None => fail!(
                InvalidArgument,
                "{}: it has {} columns; choose the one with the texts: --column 1 to {}",
                lines.name,
                first.len(),
                first.len()
            ),
        };
        let id = match &select.id {
            Some(id) if !is_empty => Some(find("--id", id)?),
            _ => None,
        };
        let width = first.len();
        // A first row without a header is a row: the next call of `next` returns it.
        let (names, first) = if select.header { (Some(first), None) } else { (None, Some(first)) };
        let first = first.filter(|_| !is_empty);
        Ok(Self { is_csv, split, names, width, text, id, first })
    }

    fn row(&self, mut cells: Vec<String>) -> Result<ParsedRow, String> {
        if cells.len() != self.width {
            let whose = if self.names.is_some() { "the header" } else { "the first row" };
            let quoted = if self.is_csv || self.split.is_some() || cells.len() < self.width {
                ""
            } else {
                "; --columns splits each line at its first tabs only"
            };
            return Err(format!("has {}, but {whose} has {}{quoted}", columns(cells.len()), self.width));
        }
        let id = self.id.map(|id| cells[id].clone());
        let text = match &id {
            Some(id) if id.is_empty() => Err("has an empty id".to_owned()),
            _ => Ok(cells[self.text].clone()),
        };
        let id = id.filter(|id| !id.is_empty()).map(Id::Text);
        let content =
            if self.names.is_some() { Content::Cells(std::mem::take(&mut cells)) } else { Content::Text };
        Ok(ParsedRow { id, text, content })
    }
}

impl Parser for Table {
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Result<ParsedRow, String>>> {
        if let Some(first) = self.first.take()
            && lines.position.rows == 0
        {
            return Ok(Some(self.row(first)));
        }
        let cells = read_cells(lines, self.is_csv, self.split)?;
        Ok(cells.map(|cells| cells.and_then(|cells| self.row(cells))))
    }

    fn has_ids(&self) -> bool {
        self.id.is_some()
    }

    fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }
}

/// Returns the index of a column by its name, if there is a header, or by its number from 1 on.
fn column_index(first: &[String], name: &str, option: &str, wanted: &str, header: bool) -> Result<usize> {
    let mut named = first.iter().enumerate().filter(|(_, cell)| header && *cell == wanted).map(|(i, _)| i);
    if let Some(index) = named.next() {
        if named.next().is_some() {
            fail!(
                InvalidArgument,
                "{option}: the header of {name} has `{wanted}` twice; choose a column by its number"
            );
        }
        return Ok(index);
    }
    match wanted.parse::<usize>() {
        Ok(number) if (1..=first.len()).contains(&number) => Ok(number - 1),
        Ok(number) if number > 0 => {
            fail!(
                InvalidArgument,
                "{option}: got {wanted}, but the first row of {name} has {}",
                columns(first.len())
            )
        }
        _ => {
            let next = if header {
                format!("the header has {}", listed(first))
            } else {
                "with --header, a column can be chosen by its name".to_owned()
            };
            fail!(InvalidArgument, "{option}: got `{wanted}`; expected a number from 1 on; {next}")
        }
    }
}

/// Reads the cells of the next row: none at the end, a reason if the row is bad.
fn read_cells(
    lines: &mut Lines,
    is_csv: bool,
    split: Option<usize>,
) -> Result<Option<Result<Vec<String>, String>>> {
    let mut bytes = Vec::new();
    if is_csv {
        return read_record(lines, &mut bytes);
    }
    if !lines.append_next(&mut bytes)? {
        return Ok(None);
    }
    let cells = str::from_utf8(without_end(&bytes)).map_err(|_| NOT_UTF8.to_owned());
    Ok(Some(cells.map(|line| line.splitn(split.unwrap_or(usize::MAX), '\t').map(str::to_owned).collect())))
}

/// Reads the lines of a CSV record, to the one on which its last quoted cell ends. Blank lines are no records.
fn read_record(lines: &mut Lines, bytes: &mut Vec<u8>) -> Result<Option<Result<Vec<String>, String>>> {
    let mut quotes = Quotes::CellStart;
    let mut at = 0;
    loop {
        if !lines.append_next(bytes)? {
            let open = !bytes.is_empty();
            return Ok(open.then(|| Err("has a quoted cell that is not closed".to_owned())));
        }
        if without_end(bytes).is_empty() {
            bytes.clear();
            continue;
        }
        quotes = bytes[at..].iter().fold(quotes, |quotes, byte| quotes.after(*byte));
        at = bytes.len();
        if quotes == Quotes::Open {
            continue;
        }
        return Ok(Some(if quotes == Quotes::Wrong {
            Err("has a quote inside a quoted cell that is not written twice".to_owned())
        } else {
            cells_of(without_end(bytes))
        }));
    }
}

/// The place of a byte in a CSV record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    CellStart,
    Bare,
    Open,
    /// After a quote in a quoted cell: the cell ends, or the quote is doubled.
    Closed,
    Wrong,
}

impl Quotes {
    fn after(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Wrong, _) => Self::Wrong,
            (Self::Open, b'"') => Self::Closed,
            (Self::Open, _) | (Self::Closed | Self::CellStart, b'"') => Self::Open,
            (Self::CellStart | Self::Bare | Self::Closed, b',') => Self::CellStart,
            (Self::Closed, b'\r' | b'\n') => Self::Closed,
            (Self::Closed, _) => Self::Wrong,
            (Self::CellStart | Self::Bare, _) => Self::Bare,
        }
    }
}

/// Splits a record without its line end.
fn cells_of(record: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = csv_core::Reader::new();
    let mut cells = vec![0; record.len() + 1];
    let mut ends = vec![0; record.iter().filter(|b| **b == b',').count() + 2];
    let (_, read, mut written, mut count) = reader.read_record(record, &mut cells, &mut ends);
    let (result, _, more, ended) = reader.read_record(&[], &mut cells[written..], &mut ends[count..]);
    (written, count) = (written + more, count + ended);
    if read < record.len() || !matches!(result, ReadRecordResult::Record) {
        return Err("has a carriage return outside of quotes".to_owned());
    }
    let cells = str::from_utf8(&cells[..written]).map_err(|_| NOT_UTF8.to_owned())?;
    let begins = std::iter::once(0).chain(ends[..count].iter().copied());
    // Every end is between two characters, because delimiters and quotes are ASCII.
    Ok(begins.zip(&ends[..count]).map(|(begin, end)| cells[begin..*end].to_owned()).collect())
}

fn columns(count: usize) -> String {
    format!("{count} column{}", if count == 1 { "" } else { "s" })
}
