//! Inputs of text: lines, and a parser that makes a row of one or more of them.

use corom::error::Result;

use super::lines::Lines;
use super::{BadRow, BadRows, Content, Id, Input, MAX_WINDOW_BYTES, Position, Row, Window};

/// A row as a parser returns it. The window gives it a place, and an id if the file has none.
pub(super) struct ParsedRow {
    /// The id that the row states.
    pub(super) id: Option<Id>,
    /// The text, or the reason why the row is bad.
    pub(super) text: Result<String, String>,
    /// The fields that an output repeats.
    pub(super) content: Content,
}

/// Makes rows of lines.
pub(super) trait Parser {
    /// Parses the next row: none at the end, and the reason if nothing of the row can be read.
    ///
    /// # Errors
    /// The errors of [`Lines::append_next`].
    fn next(&mut self, lines: &mut Lines) -> Result<Option<Result<ParsedRow, String>>>;

    /// Returns true if rows state their ids.
    fn has_ids(&self) -> bool {
        false
    }

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
            let Some(parsed) = self.parser.next(&mut self.lines)? else {
                return Ok((!window.rows.is_empty()).then_some(window));
            };
            let number = self.lines.position.rows;
            self.lines.position.rows += 1;
            let place = place(self.lines.row_begin, self.lines.position.lines);
            let unread = |reason| ParsedRow { id: None, text: Err(reason), content: Content::Text };
            let ParsedRow { id, text, content } = parsed.unwrap_or_else(unread);
            let number = (!self.parser.has_ids()).then_some(Id::Number(number.into()));
            let id = id.or(number);
            match text {
                Ok(text) => window.rows.push(Row { id, text: Some(text), content, place }),
                Err(reason) => {
                    let bad_row = BadRow { place: place.clone(), reason };
                    if bad.keeps(&bad_row)? {
                        let content =
                            if matches!(content, Content::Text) { Content::Bad(bad_row) } else { content };
                        window.rows.push(Row { id, text: None, content, place });
                    }
                }
            }
        }
        // Without rows if all of them were bad: the input goes on.
        Ok(Some(window))
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
