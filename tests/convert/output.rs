//! The model folder appears complete or not at all, and no other files change.

use std::process::{Command, Stdio};

use crate::command::{Scratch, checkpoint, convert, corom};

#[test]
fn command_ends_well_when_nobody_reads_its_output() {
    let scratch = Scratch::new("unread");
    let out = scratch.join("model");
    let checkpoint = checkpoint("wide");
    for arguments in [
        &["convert", checkpoint.to_str().unwrap(), out.to_str().unwrap()][..],
        &["inspect", out.to_str().unwrap(), "--check"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_corom"));
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    corom(&["inspect", out.to_str().unwrap()]).expect_ok();
}

#[test]
fn convert_keeps_an_existing_folder_unless_forced() {
    let scratch = Scratch::new("force");
    let out = scratch.join("model");
    convert(&checkpoint("wide"), &out, &[]).expect_ok();
    let before = crate::support::files(&out);
    convert(&checkpoint("wide"), &out, &["--dtype", "int8"])
        .expect_rejected("INVALID_ARGUMENT", &["--force"]);
    assert_eq!(crate::support::files(&out), before);

    // A bad checkpoint does not delete the model that is there.
    convert(&checkpoint("bad-shape"), &out, &["--force"]).expect_rejected("INVALID_CHECKPOINT", &[]);
    assert_eq!(crate::support::files(&out), before);

    std::fs::write(out.join("stale"), "").unwrap();
    convert(&checkpoint("wide"), &out, &["--dtype", "int8", "--force"]).expect_ok();
    assert!(!out.join("stale").exists());
    corom(&["inspect", out.to_str().unwrap()]).expect_ok();
    assert_eq!(scratch.names(), ["model"]);
}

#[test]
fn convert_replaces_only_model_folders() {
    let scratch = Scratch::new("precious");
    let precious = scratch.join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("letter.txt"), "dear").unwrap();
    let words = ["no model folder"];
    convert(&checkpoint("wide"), &precious, &["--force"]).expect_rejected("INVALID_ARGUMENT", &words);
    assert_eq!(std::fs::read_to_string(precious.join("letter.txt")).unwrap(), "dear");

    let file = scratch.join("file");
    std::fs::write(&file, "").unwrap();
    convert(&checkpoint("wide"), &file, &["--force"]).expect_rejected("INVALID_ARGUMENT", &words);

    let from = scratch.copy_of("wide");
    std::fs::write(from.join("corom.json"), "{}").unwrap();
    convert(&from, &from, &["--force"]).expect_rejected("INVALID_ARGUMENT", &["checkpoint"]);
    assert!(from.join("model.safetensors").exists());

    let empty = scratch.join("empty");
    std::fs::create_dir(&empty).unwrap();
    convert(&checkpoint("wide"), &empty, &["--force"]).expect_ok();
}

#[test]
fn convert_creates_parent_folders_and_rejects_bad_targets() {
    let scratch = Scratch::new("places");
    convert(&checkpoint("wide"), &scratch.join("a/b/c"), &[]).expect_ok();
    assert!(scratch.join("a/b/c/corom.json").exists());
    std::fs::write(scratch.join("file"), "").unwrap();
    convert(&checkpoint("wide"), &scratch.join("file/out"), &[]).expect_rejected("FETCH_FAILED", &["file"]);
    convert(&checkpoint("wide"), std::path::Path::new("/"), &[]).expect_rejected("INVALID_ARGUMENT", &[]);
}
