//! Runs groups of hostile inputs in child processes, so that an abort, a stack overflow, a giant allocation or a hang
//! fails the test and is reported with the input that caused it. `catch_unwind` sees none of these.

use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::Duration;

/// The stack of a WebAssembly instance, bytes.
const STACK_BYTES: usize = 1 << 20;
/// The address space of a child process, KiB. An allocation beyond it aborts, unless the code handles the failure.
const MEMORY_KIB: usize = 2 << 20;
/// A case that takes longer counts as a hang. Cases take milliseconds; the bound is for a busy machine.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

const GROUP: &str = "COROM_TEST_GROUP";
const CASE_PREFIX: &str = "case: ";

/// Runs `run` for each group, each in a child process that runs this test alone. `test` is the test's name.
///
/// # Panics
/// In the parent process, with the last case of each group whose child failed.
pub fn for_each_group(test: &str, groups: &[String], run: fn(&str, &Cases)) {
    if let Ok(group) = std::env::var(GROUP) {
        return with_small_stack(move |cases| run(&group, cases));
    }
    let failures: Vec<String> = groups.iter().filter_map(|group| run_child(test, group)).collect();
    assert!(
        failures.is_empty(),
        "{} of {} groups fail:\n{}",
        failures.len(),
        groups.len(),
        failures.join("\n")
    );
}

/// Returns true in a child process.
pub fn is_child() -> bool {
    std::env::var_os(GROUP).is_some()
}

/// Announces cases, and ends the process when one of them hangs.
pub struct Cases(mpsc::Sender<String>);

impl Cases {
    /// Tells the parent process which case runs next.
    pub fn begin(&self, label: impl Into<String>) {
        let label = label.into();
        eprintln!("{CASE_PREFIX}{label}");
        self.0.send(label).unwrap();
    }
}

/// Runs on a thread whose stack is as large as that of a WebAssembly instance.
fn with_small_stack(run: impl FnOnce(&Cases) + Send + 'static) {
    let (sender, labels) = mpsc::channel();
    std::thread::spawn(move || watch(&labels));
    let thread = std::thread::Builder::new().name("cases".into()).stack_size(STACK_BYTES);
    let outcome = thread.spawn(move || run(&Cases(sender))).unwrap().join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn watch(labels: &mpsc::Receiver<String>) {
    let Ok(mut label) = labels.recv() else { return };
    loop {
        match labels.recv_timeout(CASE_TIMEOUT) {
            Ok(next) => label = next,
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                eprintln!("`{label}` took longer than {CASE_TIMEOUT:?}");
                std::process::exit(1);
            }
        }
    }
}

/// Runs one group in a child process and returns what went wrong.
fn run_child(test: &str, group: &str) -> Option<String> {
    let binary = std::env::current_exe().unwrap();
    let limit = format!("ulimit -v {MEMORY_KIB}; exec \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limit, "sh"])
        .arg(binary)
        .args([test, "--exact", "--nocapture", "--include-ignored"])
        .env(GROUP, group)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let ran = String::from_utf8_lossy(&output.stdout).contains("test result: ok. 1 passed");
    (!output.status.success() || !ran).then(|| describe(group, &output))
}

fn describe(group: &str, output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix(CASE_PREFIX))
        .unwrap_or("before the first case");
    let messages: Vec<&str> = stderr.lines().filter(|line| !line.starts_with(CASE_PREFIX)).collect();
    let messages = messages[messages.len().saturating_sub(12)..].join("\n    ");
    format!("{group}: {last}: {}\n    {messages}", output.status)
}
