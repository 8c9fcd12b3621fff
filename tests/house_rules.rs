//! The rules of the house that a compiler does not check: what may stand where (ARCHITECTURE.md), and how long a
//! file may be. Uses nothing but the standard library, so that `./build.sh lint` runs it without a build.

use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 400;

/// A word of the code, where it may appear (paths from the repository's root), and why nowhere else.
struct Rule {
    names: &'static [&'static str],
    scope: &'static str,
    allowed: &'static [&'static str],
    why: &'static str,
}

/// A name that ends in `*` stands for every word that begins so.
const RULES: &[Rule] = &[
    Rule {
        names: &["unsafe"],
        scope: "src/",
        allowed: &["src/encoder/cpu/kernels/"],
        why: "unsafe code lives in the CPU kernels only",
    },
    Rule {
        names: &["JsValue", "wasm_bindgen", "js_sys", "web_sys"],
        scope: "src/",
        allowed: &["src/wasm/", "src/encoder/gpu/"],
        why: "JavaScript is met in src/wasm only",
    },
    Rule { names: &["JsValue"], scope: "src/encoder/", allowed: &[], why: "no core file names JsValue" },
    Rule {
        names: &["tract_*"],
        scope: "src/",
        allowed: &["src/encoder/"],
        why: "tract stands behind the encoder",
    },
    Rule {
        names: &["wgpu"],
        scope: "src/",
        allowed: &["src/encoder/gpu/"],
        why: "the GPU stands behind its own back end",
    },
    Rule { names: &["encoder"], scope: "src/index/", allowed: &[], why: "search knows no encoder" },
    Rule { names: &["encoder"], scope: "src/rank.rs", allowed: &[], why: "ranking knows no encoder" },
    Rule {
        names: &["encoder"],
        scope: "src/similarity.rs",
        allowed: &[],
        why: "similarity knows no encoder",
    },
    Rule { names: &["encoder"], scope: "src/pooling.rs", allowed: &[], why: "pooling knows no encoder" },
];

#[test]
fn names_stand_where_they_may() {
    let mut broken = Vec::new();
    for (path, text) in sources(&["src"], &["rs"]) {
        for rule in RULES {
            let may = rule.allowed.iter().any(|allowed| path.starts_with(allowed));
            if may || !path.starts_with(rule.scope) {
                continue;
            }
            for (line, code) in code_lines(&text) {
                if let Some(word) =
                    words(&code).find(|word| rule.names.iter().any(|name| matches(name, word)))
                {
                    broken.push(format!("{path}:{line}: `{word}`: {}", rule.why));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn files_are_one_idea_long() {
    let mut long = Vec::new();
    let mut files =
        sources(&["src", "pkg", "www", "scripts"], &["rs", "js", "mjs", "ts", "wgsl", "css", "html", "sh"]);
    files.push(("build.sh".into(), read(&root().join("build.sh"))));
    for (path, text) in files {
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            long.push(format!("{path}: {lines} lines, at most {LONGEST_FILE}"));
        }
    }
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn no_file_is_a_drawer() {
    for (path, _) in sources(&["src", "pkg", "www", "tests"], &["rs", "js", "mjs", "ts", "py"]) {
        let stem = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let drawer = matches!(stem, "util" | "utils" | "helper" | "helpers" | "misc" | "common");
        assert!(!drawer, "{path}: name it after what it holds");
    }
}

#[test]
fn the_scanner_sees_code_and_only_code() {
    let text = "// unsafe\nlet a = \"unsafe \\\" unsafe\"; b(); // unsafe\n/* unsafe\nunsafe */ let c = '\"'; unsafe { d }\n\
                let e = r#\"unsafe \" unsafe\"#; fn f<'a>(g: &'a str) {}";
    let hits: Vec<usize> = code_lines(text)
        .filter(|(_, code)| words(code).any(|word| word == "unsafe"))
        .map(|(line, _)| line)
        .collect();
    assert_eq!(hits, [4]);
    assert!(words("not_unsafe").all(|word| word != "unsafe"));
    assert!(
        matches("tract_*", "tract_core") && !matches("tract_*", "extract_rows") && !matches("wgpu", "wgpu2")
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every hand-written file under `folders` with one of `extensions`: its path from the root, and its text.
fn sources(folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let relative = path.strip_prefix(root()).map(Path::to_path_buf).unwrap_or_default();
            let relative = relative.to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                if relative != "pkg/wasm" && !relative.ends_with("node_modules") {
                    open.push(path);
                }
            } else if extensions.iter().any(|wanted| path.extension().is_some_and(|own| own == *wanted)) {
                let text = read(&path);
                found.push((relative, text));
            }
        }
    }
    found.sort();
    found
}

fn matches(name: &str, word: &str) -> bool {
    name.strip_suffix('*').map_or(name == word, |start| word.starts_with(start))
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The lines of Rust in `text`, numbered, without comments and what stands in string and character literals.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skipped_length(rest);
        if skipped == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            rest = &rest[skipped..];
        }
    }
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    lines.into_iter().enumerate().map(|(index, line)| (index + 1, line))
}

/// How many bytes of comment or literal `rest` begins with; 0 where it begins with code.
fn skipped_length(rest: &str) -> usize {
    let until =
        |start: usize, end: &str| rest[start..].find(end).map_or(rest.len(), |at| start + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until(2, "*/");
    }
    if let Some(after) = rest.strip_prefix('r') {
        let hashes = after.len() - after.trim_start_matches('#').len();
        if after[hashes..].starts_with('"') {
            return until(2 + hashes, &format!("\"{}", "#".repeat(hashes)));
        }
    }
    if rest.starts_with('"') {
        return closing_quote(rest, '"').unwrap_or(rest.len());
    }
    // A quote may begin a lifetime: then no other follows after one (possibly escaped) character.
    if let Some(after) = rest.strip_prefix('\'') {
        let literal = after.starts_with('\\') || after.chars().nth(1) == Some('\'');
        return if literal { closing_quote(rest, '\'').unwrap_or(rest.len()) } else { 0 };
    }
    0
}

/// Where the literal that `rest` begins with ends, past its closing quote.
fn closing_quote(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    rest.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}
