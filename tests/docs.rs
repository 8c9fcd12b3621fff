//! Checks the Markdown files: links, paths, commands, line lengths, and that the reference is complete. Uses only the
//! standard library, so that it also compiles alone with `rustc --test`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Columns of a prose line.
const MAX_COLUMNS: usize = 100;
/// Lines of the documents that are read first.
const MAX_LINES: &[(&str, usize)] = &[("README.md", 120), ("ARCHITECTURE.md", 150), ("CONTRIBUTING.md", 90)];
/// Folders that are not in the repository, or not written by hand.
const SKIPPED: &[&str] = &["target", "node_modules", ".git", ".cache", "dist"];
/// A path in backticks that begins so is a path from the root.
const TOP_FOLDERS: &[&str] =
    &["src", "pkg", "tests", "docs", "examples", "benches", "www", "scripts", "fuzz", ".ci", ".cargo"];
/// A word in backticks that ends so is the name of a file in the repository.
const SOURCE_EXTENSIONS: &[&str] = &["rs", "js", "mjs", "ts", "sh", "py", "toml", "html", "wgsl"];
/// Paths that a build writes.
const GENERATED: &[&str] = &["pkg/wasm", "models"];

#[test]
fn relative_links_lead_to_files_and_headings() {
    let mut dead = Vec::new();
    for (path, text) in documents() {
        for (line, link) in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { resolve(&path, file) };
            if !root().join(&target).exists() {
                dead.push(format!("{path}:{line}: there is no {target}"));
            } else if !heading.is_empty() && !slugs(&read(&target)).contains(heading) {
                dead.push(format!("{path}:{line}: {target} has no heading #{heading}"));
            }
        }
    }
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
}

#[test]
fn paths_in_backticks_exist() {
    let files = files();
    let mut dead = Vec::new();
    for (path, text) in documents() {
        for (line, code) in prose(&text).flat_map(|(line, text)| spans(text).map(move |code| (line, code))) {
            let from_root = if code.starts_with("../") { resolve(&path, code) } else { code.to_owned() };
            if is_path(&from_root) && !exists(&from_root, &files) {
                dead.push(format!("{path}:{line}: there is no `{code}`"));
            }
        }
    }
    assert!(dead.is_empty(), "\n{}", dead.join("\n"));
}

#[test]
fn commands_exist() {
    let scripts: String =
        files().iter().filter(|file| file.ends_with(".sh")).map(|file| read(file)).collect();
    let mut unknown = Vec::new();
    for (path, text) in documents() {
        for (number, line) in text.lines().enumerate() {
            for start in ["./build.sh ", "cargo test ", "node examples/"] {
                for words in commands(line, start) {
                    let word = words.first().copied().unwrap_or_default();
                    let target =
                        words.iter().position(|word| *word == "--test").and_then(|at| words.get(at + 1));
                    let exists = match start {
                        "./build.sh " => !is_name(word) || scripts.contains(&format!("cmd_{word}()")),
                        "cargo test " => target.is_none_or(|name| {
                            is_file(&format!("tests/{name}.rs")) || is_file(&format!("tests/{name}/main.rs"))
                        }),
                        _ => is_file(&format!("examples/{word}")),
                    };
                    if !exists {
                        unknown.push(format!("{path}:{}: {start}{}", number + 1, words.join(" ")));
                    }
                }
            }
        }
    }
    assert!(unknown.is_empty(), "\n{}", unknown.join("\n"));
}

#[test]
fn prose_wraps_and_first_documents_are_short() {
    let mut long = Vec::new();
    // Results are written by programs.
    for (path, text) in documents().into_iter().filter(|(path, _)| !path.starts_with("benches/results/")) {
        for (line, text) in prose(&text) {
            let is_table_or_link = text.trim_start().starts_with(['|', '[']);
            if text.chars().count() > MAX_COLUMNS && !is_table_or_link {
                long.push(format!("{path}:{line}: {} columns", text.chars().count()));
            }
        }
    }
    for (path, max) in MAX_LINES {
        let lines = read(path).lines().count();
        if lines > *max {
            long.push(format!("{path}: {lines} lines; at most {max}"));
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn the_reference_names_every_option_property_and_code() {
    let types: String = files()
        .iter()
        .filter(|file| file.starts_with("pkg/") && file.ends_with(".d.ts"))
        .map(|file| read(file))
        .collect();
    let api = read("docs/reference/api.md");
    let mut missing = Vec::new();
    for interface in [
        "LoadOptions",
        "RerankerLoadOptions",
        "CallOptions",
        "ScoreOptions",
        "RankOptions",
        "RerankOptions",
        "PipelineOptions",
        "Info",
        "RerankerInfo",
    ] {
        let properties = properties(&types, interface);
        assert!(!properties.is_empty(), "no .d.ts file in pkg/ has the interface {interface}");
        let absent = properties.iter().filter(|name| !api.contains(&format!("`{name}`")));
        missing.extend(absent.map(|name| format!("docs/reference/api.md: `{name}` of {interface}")));
    }
    let (errors, rust) = (read("docs/reference/errors.md"), read("src/error.rs"));
    let codes: Vec<&str> = rust.split('"').filter(|word| is_code(word)).collect();
    assert!(codes.len() > 15, "src/error.rs has only the codes {codes:?}");
    for code in codes {
        if !errors.contains(&format!("`{code}`")) {
            missing.push(format!("docs/reference/errors.md: `{code}`"));
        }
    }
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn the_parser_sees_links_spans_and_code() {
    let text = "# A `b`: C\n[x](y.md#z) `src/a.rs` [p](q)\n\n```js\n[no](no)\n```\n\n    [no](no)\n";
    assert_eq!(links(text), [(2, "y.md#z".to_owned()), (2, "q".to_owned())]);
    assert_eq!(prose(text).flat_map(|(_, line)| spans(line)).collect::<Vec<_>>(), ["b", "src/a.rs"]);
    assert!(slugs(text).contains("a-b-c"));
    assert!(is_path("src/x") && is_path("x.rs") && !is_path("https://a/b.js") && !is_path("a b.rs"));
    assert!(!is_path("pkg/NAME.js") && is_path("src/config.rs"));
    let files = BTreeSet::from(["src/a/one.rs".to_owned()]);
    for (path, expected) in [("src/a/", true), ("src/*/one.rs", true), ("a/one.rs", true), ("ne.rs", false)] {
        assert_eq!(exists(path, &files), expected, "{path}");
    }
    assert_eq!(resolve("docs/a/b.md", "../c.md#d"), "docs/c.md#d");
    assert_eq!(commands("`./build.sh test core` x", "./build.sh "), [["test", "core"]]);
    let types = "interface A {\n  /** x */\n  readonly one: X;\n  two?: { x: Y };\n}\n";
    assert_eq!(properties(types, "A"), ["one", "two"]);
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn is_file(path: &str) -> bool {
    root().join(path).is_file()
}

/// Returns the paths of all files of the repository.
fn files() -> BTreeSet<String> {
    let (mut found, mut open) = (BTreeSet::new(), vec![root()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let relative = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if !path.is_dir() {
                found.insert(relative);
            } else if !SKIPPED.contains(&name.as_str()) && !GENERATED.contains(&relative.as_str()) {
                open.push(path);
            }
        }
    }
    found
}

/// Returns path and text of every Markdown file.
fn documents() -> Vec<(String, String)> {
    let found: Vec<_> = files().into_iter().filter(|file| file.ends_with(".md")).collect();
    assert!(found.len() > 20, "found only {found:?}");
    found.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// Returns the numbered lines outside code blocks, fenced or indented by four spaces.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        (!fenced && !is_fence && !line.starts_with("    ")).then_some((index + 1, line))
    })
}

/// Returns the code spans of a line.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Returns the targets of the inline links, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        found.extend(targets.map(|(target, _)| (number, target.to_owned())));
    }
    found
}

/// Returns the anchors of the headings, as GitHub makes them.
fn slugs(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    let slug = |line: &str| -> String {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(|(_, line)| slug(line)).collect()
}

/// Returns true if a code span is a path into the repository. `NAME` in a path stands for any name.
fn is_path(code: &str) -> bool {
    let is_word = code.chars().all(|c| c.is_ascii_alphanumeric() || "/._-*".contains(c));
    let is_from_root = !code.starts_with(['/', '*', '-']) && !code.starts_with("./");
    if !is_word || !is_from_root || code.contains("NAME") {
        return false;
    }
    let top = code.split('/').next().unwrap_or_default();
    let extension = code.rsplit_once('.').map_or("", |(_, extension)| extension);
    code.contains('/') && TOP_FOLDERS.contains(&top) || SOURCE_EXTENSIONS.contains(&extension)
}

/// Returns true if a file or folder has this path, or, where the path does not begin at the root, ends so.
fn exists(code: &str, files: &BTreeSet<String>) -> bool {
    let code = code.trim_end_matches('/');
    if GENERATED.iter().any(|generated| code.starts_with(generated)) {
        return true;
    }
    let parts: Vec<&str> = code.split('/').collect();
    files.iter().any(|file| {
        let own: Vec<&str> = file.split('/').collect();
        let starts = own.len() >= parts.len() && own.iter().zip(&parts).all(|(name, part)| fits(name, part));
        let at_root = TOP_FOLDERS.contains(&parts[0]);
        starts
            || !at_root && own.len() >= parts.len() && {
                own[own.len() - parts.len()..].iter().zip(&parts).all(|(name, part)| fits(name, part))
            }
    })
}

/// Returns true if a name fits a pattern with at most one `*`.
fn fits(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

/// Returns the path from the root of a path that is relative to a document.
fn resolve(document: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Returns the words of each command in a line that begins with `start`, up to the end of its code span.
fn commands<'a>(line: &'a str, start: &str) -> Vec<Vec<&'a str>> {
    let ends = |c: char| "`'\"#;&|)".contains(c);
    line.split(start)
        .skip(1)
        .map(|rest| rest.split(ends).next().unwrap_or_default().split_whitespace().collect())
        .collect()
}

/// Returns true if a word is a command's name, not an option or a placeholder.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
}

/// Returns the property names of a TypeScript interface.
fn properties(types: &str, interface: &str) -> Vec<String> {
    let Some((_, rest)) = types.split_once(&format!("interface {interface} ")) else { return Vec::new() };
    let body = rest.split("\n}").next().unwrap_or_default();
    let lines = body.lines().filter_map(|line| line.strip_prefix("  "));
    let names = lines.filter_map(|line| line.trim_start_matches("readonly ").split([':', '?']).next());
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
    names.filter(is_name).map(str::to_owned).collect()
}

/// Returns true if a word is spelled like an error code.
fn is_code(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}
