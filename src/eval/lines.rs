//! Lines of a text file, with their numbers.

use std::io::BufRead;

use crate::error::{Error, ErrorCode, Result, fail};

/// Calls `each` with the number and the text of every line, without its end (`\n` or `\r\n`) and without a byte
/// order mark. Empty lines at the end of the file are left out.
///
/// # Errors
/// `FETCH_FAILED` if the file cannot be read, `INVALID_ARGUMENT` for a line that is not UTF-8 or an empty line
/// between others, and those of `each`.
pub(super) fn for_each_line(
    mut file: impl BufRead,
    name: &str,
    mut each: impl FnMut(usize, &str) -> Result<()>,
) -> Result<()> {
    let (mut bytes, mut number, mut empty) = (Vec::new(), 0, None);
    loop {
        bytes.clear();
        let read = file
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Error::with_source(ErrorCode::FetchFailed, format!("{name}: {error}"), error))?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        let Ok(line) = std::str::from_utf8(&bytes) else {
            fail!(InvalidArgument, "{name}, line {number}: not UTF-8; convert the file to UTF-8");
        };
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line };
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            empty = empty.or(Some(number));
            continue;
        }
        if let Some(number) = empty {
            fail!(InvalidArgument, "{name}, line {number} is empty; delete it");
        }
        each(number, line)?;
    }
}
