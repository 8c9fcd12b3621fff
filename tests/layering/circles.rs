//! No circles between the files of the crate.
//!
//! A file depends on the file that defines an item it names, through `use` or a path. A re-export
//! (`pub use`) is followed to the definition and is no dependency of its own, so a `mod.rs` that only
//! re-exports is never part of a circle. Unit tests are not counted.

use std::collections::{BTreeMap, BTreeSet};

use crate::scanner::{code_lines, sources};

/// A file of the crate as a module.
struct Module {
    file: String,
    /// Names in scope and the absolute paths that they are imported from. The name `*` stands for glob
    /// imports.
    imports: Vec<Import>,
    /// Paths in the code that begin with `crate`, `self`, `super` or an imported module.
    paths: Vec<Vec<String>>,
}

struct Import {
    name: String,
    path: Vec<String>,
    is_reexport: bool,
}

type Modules = BTreeMap<Vec<String>, Module>;

#[test]
fn files_do_not_depend_on_each_other_in_circles() {
    let edges = dependencies(&modules(sources(&["src"], &["rs"])));
    assert!(edges.len() > 100, "only {} files were read", edges.len());
    let circles = circles(&edges);
    assert!(circles.is_empty(), "\n{}", circles.join("\n"));
}

#[test]
fn circles_are_found() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let files = vec![
        file("src/lib.rs", "mod a;\npub mod b;\npub use a::One;"),
        file("src/a.rs", "use crate::b::{self, two::Two};\npub struct One;\nfn f() { b::g() }"),
        file("src/b/mod.rs", "mod two;\npub use two::Two;\npub fn g() {}"),
        file("src/b/two.rs", "pub struct Two(crate::One);\n#[cfg(test)]\nmod tests { use crate::b::g; }"),
    ];
    let edges = dependencies(&modules(files));
    let found = circles(&edges);
    assert_eq!(found, ["src/a.rs → src/b/two.rs → src/a.rs"]);
    assert!(edges["src/a.rs"].contains("src/b/mod.rs"));
    assert!(edges["src/b/mod.rs"].is_empty() && edges["src/lib.rs"].is_empty());
}

/// The module path of a file: `src/a/b.rs` and `src/a/b/mod.rs` are `crate::a::b`. Binaries have a root
/// of their own.
fn module_path(file: &str) -> Vec<String> {
    let path = file.strip_prefix("src/").unwrap_or(file).trim_end_matches(".rs");
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        parts.pop();
    }
    let root = if parts.first().is_some_and(|part| part == "bin") {
        parts.drain(..2.min(parts.len()));
        "bin"
    } else {
        "crate"
    };
    parts.insert(0, root.into());
    parts
}

fn modules(files: Vec<(String, String)>) -> Modules {
    let mut modules = Modules::new();
    for (file, text) in files {
        let is_test = file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("testing.rs");
        if is_test {
            continue;
        }
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: Vec<String> = code_lines(text).map(|(_, code)| code).collect();
        let code = code.join("\n");
        let own = module_path(&file);
        let (imports, rest) = imports(&code, &own);
        let paths = paths(&rest, &own, &imports);
        modules.insert(own, Module { file, imports, paths });
    }
    modules
}

/// Returns the `use` declarations of a file, and its code without them.
fn imports(code: &str, own: &[String]) -> (Vec<Import>, String) {
    let (mut imports, mut rest) = (Vec::new(), String::new());
    let mut remaining = code;
    while let Some(at) = next_use(remaining) {
        let before = &remaining[..at];
        let declared = before.rsplit(['\n', ';', '}', '{']).next().unwrap_or_default();
        let is_reexport = declared.trim_start().starts_with("pub");
        let end = remaining[at..].find(';').map_or(remaining.len(), |end| at + end);
        expand(remaining[at + 4..end].trim(), &[], &mut |path, name| {
            if let Some(path) = absolute(&path, own) {
                imports.push(Import { name, path, is_reexport });
            }
        });
        rest.push_str(before);
        remaining = &remaining[end..];
    }
    rest.push_str(remaining);
    (imports, rest)
}

/// Returns the position of the next `use` keyword.
fn next_use(code: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = code[from..].find("use ").map(|at| from + at) {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '{' | '}')) {
            return Some(at);
        }
        from = at + 4;
    }
    None
}

/// Calls `found` with each path of a `use` tree and the name that the path is imported as.
fn expand(tree: &str, prefix: &[String], found: &mut impl FnMut(Vec<String>, String)) {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let mut path = prefix.to_vec();
        path.extend(segments(tree[..open].trim_end_matches(':')));
        let inner = tree[open + 1..].rsplit_once('}').map_or("", |(inner, _)| inner);
        split_tree(inner).into_iter().for_each(|part| expand(part, &path, found));
        return;
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name.trim())));
    let mut full = prefix.to_vec();
    full.extend(segments(path));
    if full.last().is_some_and(|last| last == "self") {
        full.pop();
    }
    if let Some(last) = full.last().cloned() {
        found(full, name.map_or(last, str::to_owned));
    }
}

fn segments(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split("::").map(|part| part.trim().to_owned()).filter(|part| !part.is_empty())
}

/// Splits the inside of braces at its top-level commas.
fn split_tree(inner: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Returns a path from the crate's root, or `None` for a path into another crate.
fn absolute(path: &[String], own: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => vec![own[0].clone()],
        "corom" => vec!["crate".to_owned()],
        "self" => own.to_vec(),
        "super" => own.to_vec(),
        // A child module, or another crate: `resolve` tells them apart.
        _ => {
            let mut child = own.to_vec();
            child.extend(path.iter().cloned());
            return Some(child);
        }
    };
    let mut rest = path;
    while let Some(("super", tail)) = rest.split_first().map(|(first, tail)| (first.as_str(), tail)) {
        base.pop()?;
        rest = tail;
    }
    if matches!(path[0].as_str(), "crate" | "corom" | "self") {
        rest = &path[1..];
    }
    base.extend(rest.iter().cloned());
    Some(base)
}

/// Returns the paths in code outside `use` declarations, from the crate's root.
fn paths(code: &str, own: &[String], imports: &[Import]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for word in code.split(|c: char| !is_path(c)).filter(|word| word.contains("::")) {
        let path: Vec<String> = segments(word).collect();
        let Some(first) = path.first() else { continue };
        if matches!(first.as_str(), "crate" | "self" | "super" | "corom") {
            found.extend(absolute(&path, own));
        } else if let Some(import) = imports.iter().find(|import| import.name == *first) {
            let mut full = import.path.clone();
            full.extend(path[1..].iter().cloned());
            found.push(full);
        }
    }
    found
}

/// Per file, the files that it depends on.
fn dependencies(modules: &Modules) -> BTreeMap<String, BTreeSet<String>> {
    let mut edges = BTreeMap::new();
    for module in modules.values() {
        let imported = module.imports.iter().filter(|import| !import.is_reexport).map(|import| &import.path);
        let files = imported.chain(&module.paths).filter_map(|path| resolve(modules, path, 0));
        let files: BTreeSet<String> = files.filter(|file| *file != module.file).collect();
        edges.insert(module.file.clone(), files);
    }
    edges
}

/// Returns the file that defines the item of a path. A path to a module alone defines nothing: the paths
/// through it count.
fn resolve(modules: &Modules, path: &[String], depth: usize) -> Option<String> {
    let known = (1..=path.len()).rev().find(|len| modules.contains_key(&path[..*len]))?;
    let module = &modules[&path[..known]];
    let item = path.get(known)?;
    if depth > 16 {
        return None;
    }
    let reexports = || module.imports.iter().filter(|import| import.is_reexport);
    let named = reexports().find(|import| import.name == *item);
    if let Some(import) = named {
        let mut target = import.path.clone();
        target.extend(path[known + 1..].iter().cloned());
        return resolve(modules, &target, depth + 1);
    }
    // The parent of a path into another crate is the importing module itself.
    if item.chars().next().is_some_and(char::is_lowercase) && path.len() > known + 1 {
        return None;
    }
    Some(module.file.clone())
}

/// Returns one circle per group of files that depend on each other.
fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    for start in edges.keys() {
        if let Some(path) = shortest_circle(edges, start)
            && path.iter().all(|file| !seen.contains(file))
        {
            found.push(path.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(" → "));
            seen.extend(path);
        }
    }
    found
}

/// Returns the shortest path from a file back to it.
fn shortest_circle<'a>(
    edges: &'a BTreeMap<String, BTreeSet<String>>,
    start: &'a String,
) -> Option<Vec<&'a String>> {
    let mut paths: Vec<Vec<&String>> = vec![vec![start]];
    let mut visited = BTreeSet::new();
    while !paths.is_empty() {
        let mut next = Vec::new();
        for path in paths {
            for file in edges.get(*path.last()?).into_iter().flatten() {
                let mut longer = path.clone();
                longer.push(file);
                if file == start {
                    return Some(longer);
                }
                if visited.insert(file) {
                    next.push(longer);
                }
            }
        }
        paths = next;
    }
    None
}
