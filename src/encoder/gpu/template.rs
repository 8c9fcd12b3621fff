//! Expands the WGSL templates: text in, text out.
//!
//! Directives are comments of their own lines, so that a template is highlighted as WGSL:
//!
//! | directive | meaning |
//! |---|---|
//! | `//#include NAME` | the expanded template NAME |
//! | `//#if FLAG`, `//#else`, `//#end` | the lines between, if FLAG is defined or not |
//! | `//#repeat VAR COUNT`, `//#end` | the lines between, for VAR from 0 on; COUNT is a constant or a number |
//! | `//#define NAME`, `//#end` | nothing; a template that is included later uses the lines between |
//! | `//#use NAME` | the lines that NAME was defined as, expanded here |
//! | `${EXPR}` | the value of a constant, or a sum of products of constants and numbers |
//!
//! Loops are unrolled here because private arrays with variable indices are slow on many drivers.

use std::collections::BTreeMap;

use crate::encoder::plan::packing_failed;
use crate::error::Result;

/// The definitions of an expansion: constants, and flags, which are constants of any value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Definitions(BTreeMap<&'static str, u32>);

impl Definitions {
    /// Adds a constant.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: u32) -> Self {
        self.0.insert(name, value);
        self
    }

    /// Adds a flag.
    #[must_use]
    pub(super) fn flag(self, name: &'static str) -> Self {
        self.with(name, 1)
    }

    /// Returns a constant.
    pub(super) fn value(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    /// Adds a flag if `is_set`.
    #[must_use]
    pub(super) fn flag_if(self, name: &'static str, is_set: bool) -> Self {
        if is_set { self.flag(name) } else { self }
    }
}

/// Expands a template. `includes` returns the text of a template by name.
///
/// # Errors
/// `INTERNAL` for an unknown name or a directive that is not closed.
pub(super) fn expand(
    text: &str,
    definitions: &Definitions,
    includes: &dyn Fn(&str) -> Option<&'static str>,
) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let variables = definitions.0.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let mut expanded = String::with_capacity(2 * text.len());
    Expansion { includes, out: &mut expanded, defined: BTreeMap::new() }.lines(&lines, &variables)?;
    Ok(expanded)
}

type Variables = BTreeMap<String, u32>;

struct Expansion<'a> {
    includes: &'a dyn Fn(&str) -> Option<&'static str>,
    out: &'a mut String,
    /// The lines of the definitions so far.
    defined: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Expansion<'a> {
    fn lines(&mut self, lines: &[&'a str], variables: &Variables) -> Result<()> {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            let Some(directive) = line.trim_start().strip_prefix("//#") else {
                self.substitute(line, variables)?;
                at += 1;
                continue;
            };
            let words: Vec<&'a str> = directive.split_whitespace().collect();
            match words[..] {
                ["include", name] => {
                    let text = (self.includes)(name).ok_or_else(|| unknown(name))?;
                    let lines: Vec<&str> = text.lines().collect();
                    self.lines(&lines, variables)?;
                    at += 1;
                }
                ["if", flag] => {
                    let (middle, end) = block(&lines[at..])?;
                    let range = match (variables.contains_key(flag), middle) {
                        (true, middle) => at + 1..at + middle.unwrap_or(end),
                        (false, Some(middle)) => at + middle + 1..at + end,
                        (false, None) => 0..0,
                    };
                    self.lines(&lines[range], variables)?;
                    at += end + 1;
                }
                ["repeat", variable, count] => {
                    let (_, end) = block(&lines[at..])?;
                    let mut variables = variables.clone();
                    for value in 0..evaluate(count, &variables)? {
                        variables.insert(variable.to_owned(), value);
                        self.lines(&lines[at + 1..at + end], &variables)?;
                    }
                    at += end + 1;
                }
                ["define", name] => {
                    let (_, end) = block(&lines[at..])?;
                    self.defined.insert(name, lines[at + 1..at + end].to_vec());
                    at += end + 1;
                }
                ["use", name] => {
                    // Taken out meanwhile, so that lines that use themselves are an error.
                    let lines = self.defined.remove(name).ok_or_else(|| unknown(name))?;
                    self.lines(&lines, variables)?;
                    self.defined.insert(name, lines);
                    at += 1;
                }
                _ => return Err(unknown(directive)),
            }
        }
        Ok(())
    }

    /// Appends a line with its expressions replaced.
    fn substitute(&mut self, line: &str, variables: &Variables) -> Result<()> {
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("${") {
            let (expression, after) = after.split_once('}').ok_or_else(|| unknown(line))?;
            self.out.push_str(before);
            self.out.push_str(&evaluate(expression, variables)?.to_string());
            rest = after;
        }
        self.out.push_str(rest);
        self.out.push('\n');
        Ok(())
    }
}

/// Returns the positions of the `else` and the `end` that belong to the directive of the first line.
fn block(lines: &[&str]) -> Result<(Option<usize>, usize)> {
    let (mut depth, mut middle) = (0, None);
    for (at, line) in lines.iter().enumerate() {
        let Some(directive) = line.trim_start().strip_prefix("//#") else { continue };
        match directive.split_whitespace().next() {
            Some("if" | "repeat" | "define") => depth += 1,
            Some("else") if depth == 1 => middle = Some(at),
            Some("end") => {
                depth -= 1;
                if depth == 0 {
                    return Ok((middle, at));
                }
            }
            _ => {}
        }
    }
    Err(unknown(lines[0]))
}

/// Returns the value of a sum of products.
fn evaluate(expression: &str, variables: &Variables) -> Result<u32> {
    let factor = |text: &str| {
        let text = text.trim();
        text.parse().ok().or_else(|| variables.get(text).copied()).ok_or_else(|| unknown(text))
    };
    let product = |term: &str| term.split('*').try_fold(1, |product, text| Ok(product * factor(text)?));
    expression.split('+').try_fold(0, |sum, term| Ok(sum + product(term)?))
}

fn unknown(what: &str) -> crate::error::Error {
    packing_failed(&format!("a shader template has `{what}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> String {
        let definitions = Definitions::default().with("N", 2).flag("SET");
        expand(text, &definitions, &|name| (name == "part").then_some("part ${N}")).unwrap()
    }

    #[test]
    fn directives_are_expanded() {
        let repeated = "//#repeat i N\n//#repeat j 2\nx_${i*2+j}\n//#end\n//#end";
        assert_eq!(expanded(repeated), "x_0\nx_1\nx_2\nx_3\n");
        assert_eq!(expanded("//#if SET\na\n//#else\nb\n//#end\nc"), "a\nc\n");
        assert_eq!(expanded("//#if UNSET\n//#if SET\na\n//#end\n//#else\nb\n//#end"), "b\n");
        assert_eq!(expanded("//#if UNSET\na\n//#end"), "");
        assert_eq!(expanded("//#include part"), "part 2\n");
        let defined = "//#define own\n//#repeat j N\n${i+j}\n//#end\n//#end\nb\n";
        let used = "//#repeat i 2\n//#use own\n//#end";
        assert_eq!(expanded(&[defined, used].concat()), "b\n0\n1\n1\n2\n");
    }

    #[test]
    fn unknown_names_and_open_blocks_are_errors() {
        let own = "//#define own\n//#use own\n//#end\n//#use own";
        for text in [
            "${M}",
            "//#include other",
            "//#if SET\na",
            "//#repeat i M\n//#end",
            "//#other",
            "${N",
            "//#define own\na",
            "//#use own",
            own,
        ] {
            assert!(expand(text, &Definitions::default(), &|_| None).is_err(), "{text}");
        }
    }
}
