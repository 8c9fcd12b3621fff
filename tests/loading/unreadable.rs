//! Folders with a subfolder that cannot be read: it must not change in silence which files are loaded, and a model that
//! needs nothing in it loads.

use corom::config::Pooling;
use corom::error::{Error, ErrorCode};
use corom::model::{LoadOptions, ModelLoader};

use super::{Files, converted};
use crate::support::{export, files};

fn cls() -> LoadOptions {
    LoadOptions { pooling: Some(Pooling::Cls.into()), ..LoadOptions::default() }
}

/// Loads a folder whose listing has `hidden`, a subfolder that cannot be listed. Returns the requested files.
fn load_beside(hidden: &str, files: &Files, options: LoadOptions) -> Result<Vec<String>, Error> {
    let mut loader = ModelLoader::new(options)?;
    loader.set_listing(files.keys().cloned().chain([hidden.to_owned()]))?;
    let mut requested = Vec::new();
    while let Some(file) = loader.pending_requests().first().cloned() {
        requested.push(file.path.clone());
        match files.get(&file.path) {
            Some(bytes) => loader.supply(&file.path, bytes)?,
            None => loader.missing(&file.path)?,
        }
    }
    loader.build()?;
    Ok(requested)
}

#[test]
fn a_hidden_folder_of_onnx_files_is_an_error_where_it_decides() {
    let foreign = files(&export("legacy-op17"));
    for hidden in ["onnx/", "0_Transformer/onnx/"] {
        let error = load_beside(hidden, &foreign, cls()).expect_err("loading succeeded");
        assert_eq!(error.code(), ErrorCode::FetchFailed);
        assert!(error.message().starts_with(hidden.trim_end_matches('/')), "{error}");
    }
    let named = LoadOptions { model: Some("model.onnx".into()), ..cls() };
    load_beside("onnx/", &foreign, named).unwrap();
    load_beside("onnx/", &converted(), LoadOptions::default()).unwrap();
    load_beside("lost+found/", &foreign, cls()).unwrap();
}

#[test]
fn files_in_a_hidden_folder_are_requested() {
    let foreign = files(&export("legacy-op17"));
    let requested = load_beside("1_Pooling/", &foreign, cls()).unwrap();
    assert!(requested.iter().any(|path| path == "1_Pooling/config.json"), "{requested:?}");
    assert!(
        requested.iter().all(|path| path == "1_Pooling/config.json" || !path.contains('/')),
        "{requested:?}"
    );
}

/// A folder on disk, read by a process that has no permission for a subfolder.
#[cfg(unix)]
#[test]
fn a_folder_without_permission_is_hidden() {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::Command;

    const TEST: &str = "unreadable::a_folder_without_permission_is_hidden";
    const FOLDER: &str = "COROM_TEST_FOLDER";
    const NOBODY: u32 = 65534;
    if let Ok(folder) = std::env::var(FOLDER) {
        let folder = PathBuf::from(folder);
        let load = |options| corom::model::folder::load(&folder, options);
        let error = load(cls()).err().expect("loading succeeded");
        assert_eq!(error.code(), ErrorCode::FetchFailed, "{error}");
        assert!(error.message().starts_with("onnx cannot be read"), "{error}");
        load(LoadOptions { model: Some("model.onnx".into()), ..cls() }).unwrap();
        return;
    }
    let scratch = std::env::temp_dir().join(format!("corom-unreadable-{}", std::process::id()));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(scratch.join("onnx")).unwrap();
    for (path, bytes) in files(&export("legacy-op17")) {
        fs::write(scratch.join(path), bytes).unwrap();
    }
    // The superuser may read every folder, so another user runs a copy of this program.
    let program = scratch.join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(scratch.join("onnx"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = Command::new(&program);
    command.args([TEST, "--exact"]).env(FOLDER, &scratch).current_dir(&scratch);
    if fs::metadata("/proc/self").map_or(0, |own| own.uid()) == 0 {
        command.uid(NOBODY);
    }
    let output = command.output().unwrap();
    fs::set_permissions(scratch.join("onnx"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::remove_dir_all(&scratch).unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
}
