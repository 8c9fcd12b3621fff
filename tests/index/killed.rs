//! A process that is killed during a change leaves the old or the new state.

use std::fs;
use std::process::Stdio;
use std::time::Instant;

use super::{Folder, command, succeeds};

/// Processes that are killed at work.
const KILLED: u32 = 100;
const MAX_ROUNDS: u32 = 100;
/// Moments of a change at which it is killed.
const MOMENTS: u32 = 37;

#[test]
fn a_change_that_is_killed_leaves_the_old_or_the_new_state() {
    let folder = Folder::new("killed");
    let catalog = folder.catalog(&[]);
    let fresh: Vec<(std::ffi::OsString, Vec<u8>)> = fs::read_dir(&catalog)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect();
    let text: String = (0..300).map(|i| format!("{{\"id\":\"n{i}\",\"title\":\"新款 {i}\"}}\n")).collect();
    let more = folder.write("more.jsonl", &text);
    let patch = folder.write("patch.json", r#"{"a":{"price":7}}"#);
    let changes: [&[&str]; 3] =
        [&["add", &catalog, &more], &["patch", &catalog, &patch], &["compact", &catalog]];
    let mut states = vec![succeeds(&["export", &catalog])];
    let mut times = Vec::new();
    for change in changes {
        let started = Instant::now();
        succeeds(change);
        times.push(started.elapsed());
        states.push(succeeds(&["export", &catalog]));
    }
    assert!(states[0] != states[1] && states[1] != states[2] && states[2] == states[3]);
    let mut killed = 0;
    for round in 0..MAX_ROUNDS {
        if killed >= KILLED {
            break;
        }
        fs::remove_dir_all(&catalog).unwrap();
        fs::create_dir(&catalog).unwrap();
        let path = |name: &std::ffi::OsString| std::path::Path::new(&catalog).join(name);
        fresh.iter().for_each(|(name, bytes)| fs::write(path(name), bytes).unwrap());
        for ((change, pair), time) in changes.into_iter().zip(states.windows(2)).zip(&mut times) {
            let mut child =
                command().args(change).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(*time * (round * 13 % MOMENTS) / MOMENTS);
            match child.try_wait().unwrap() {
                None => killed += 1,
                Some(_) => *time = *time * 9 / 10, // the machine is less busy than it was
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let after = succeeds(&["export", &catalog]);
            assert!(pair.contains(&after), "{change:?} in round {round}: {after}");
            if after != pair[1] {
                succeeds(change);
            }
        }
        assert_eq!(succeeds(&["export", &catalog]), states[3]);
    }
    assert!(killed >= KILLED, "only {killed} processes were still at work");
}
