//! Inputs of text: lines, and a parser that makes a row of one or more of them.

use corom::error::Result;

use super::lines::Lines;
use super::{BadRow, BadRows, Content, Id, Input, MAX_WINDOW_BYTES, Position, Row, Window};

/// A row as a parser returns it. The window gives it a place, and an id if it has none.
pub(super) struct ParsedRow {
    /// The id that the row states.
    pub(super) id: Option<Id>,
    /// The text.
    pub(super) text: String,
    /// The fields that an output repeats.
    pub(super) content: Content,
}

/// Makes rows of lines.
pub(super) trait Parser {
    /// Parses the next row: none at the end, and the reason if the row is bad.
    ///
    /// # Errors
    /// Those of [`Lines::append_next`].
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Result<ParsedRow, String>>>;

    /// Returns the names of the columns.
    fn names(&self) -> Option<&[String]> {
        None
    }
}

/// Lines and their parser.
pub(super) struct TextInput<P> {
    lines: Lines,
    parser: P,
}

impl<P: Parser> TextInput<P> {
    /// Joins the two.
    pub(super) fn new(lines: Lines, parser: P) -> Self {
        Self { lines, parser }
    }
}

impl<P: Parser> Input for TextInput<P> {
    fn read(&mut self, rows: usize, bad: &mut BadRows) -> Result<Option<Window>> {
        let mut window = Window::default();
        let begin = self.lines.position.offset;
        while window.rows.len() < rows && self.lines.position.offset - begin < MAX_WINDOW_BYTES {
            let Some(parsed) = self.parser.next(&mut self.lines)? else { break };
            let number = self.lines.position.rows;
            self.lines.position.rows += 1;
            let place = place(self.lines.row_begin, self.lines.position.lines);
            match parsed {
                Ok(ParsedRow { id, text, content }) => {
                    let id = id.or(Some(Id::Number(number.into())));
                    window.rows.push(Row { id, text: Some(text), content, place });
                }
                Err(reason) => {
                    let bad_row = BadRow { place: place.clone(), reason };
                    if bad.keeps(&bad_row)? {
                        let content = Content::Bad(bad_row);
                        window.rows.push(Row { id: None, text: None, content, place });
                    }
                }
            }
        }
        Ok((!window.rows.is_empty()).then_some(window))
    }

    fn position(&self) -> Position {
        self.lines.position
    }

    fn resume(&mut self, position: Position) -> Result<()> {
        self.lines.seek(position)
    }

    fn total(&self) -> Option<u64> {
        self.lines.total()
    }

    fn names(&self) -> Option<&[String]> {
        self.parser.names()
    }
}

/// Returns the place of a row, for messages.
pub(super) fn place(first: u64, last: u64) -> String {
    if first >= last { format!("line {last}") } else { format!("lines {first} to {last}") }
}
