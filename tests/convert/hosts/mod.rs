//! Tests that need more than this repository and its crates: a Python with onnxruntime, and m3e-small.
//! `./build.sh test hosts` sets their variables; `./build.sh test core` leaves this module out.

mod accuracy;
mod onnxruntime;

use std::env;
use std::ffi::OsString;
use std::io::Write as _;

/// Returns the value of an environment variable that names something outside the repository.
///
/// Without the variable the test cannot run and says how to run it. If `CI` is set, that is a failure.
fn from_environment(variable: &str) -> Option<OsString> {
    let script = include_str!("../../../scripts/test.sh");
    assert!(script.contains(&format!("{variable}=")), "scripts/test.sh does not set {variable}");
    let is_set = |value: &OsString| !value.is_empty();
    let value = env::var_os(variable).filter(is_set);
    if value.is_none() {
        let how = format!("{variable} is not set; `./build.sh test hosts` sets it and runs this test");
        assert!(env::var_os("CI").filter(is_set).is_none(), "{how}");
        // Written to the stream itself: the test runner hides what a passing test prints.
        let mut stderr = std::io::stderr(); // The test runner captures `eprintln!`.
        writeln!(stderr, "not run: {how}").unwrap();
    }
    value
}
