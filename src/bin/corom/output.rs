//! Standard output.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// Prints a line. A reader that is gone, such as `head`, is no reason to stop, and `println!` would panic.
pub(crate) fn print_line(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("standard output: {error}");
    }
}
