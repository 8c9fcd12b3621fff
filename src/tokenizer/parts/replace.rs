//! `Replace` without a regular expression: of a literal text, and of several spaces, which XLM-RoBERTa's files have.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizers::pattern::Pattern;
use tokenizers::{NormalizedString, Normalizer, Offsets};

/// The expression that XLM-RoBERTa's converter writes: two or more spaces.
const SPACES: &str = " {2,}";

/// A `Replace` normalizer of `tokenizer.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub(in crate::tokenizer) struct Replace {
    pattern: ReplacePattern,
    content: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum ReplacePattern {
    String(String),
    Regex(String),
}

impl Replace {
    /// Parses a `Replace`. Returns `None` if its pattern needs a regular expression.
    pub(super) fn deserialize_simple(value: &Value) -> Option<Self> {
        let replace = Self::deserialize(value).ok()?;
        let is_simple = match &replace.pattern {
            ReplacePattern::String(text) => !text.is_empty(),
            ReplacePattern::Regex(expression) => expression == SPACES,
        };
        is_simple.then_some(replace)
    }
}

impl Normalizer for Replace {
    fn normalize(&self, text: &mut NormalizedString) -> tokenizers::Result<()> {
        match &self.pattern {
            ReplacePattern::String(literal) => text.replace(Literal(literal), &self.content),
            ReplacePattern::Regex(_) => text.replace(Spaces, &self.content),
        }
    }
}

/// A text that is not empty.
struct Literal<'a>(&'a str);

impl Pattern for Literal<'_> {
    fn find_matches(&self, inside: &str) -> tokenizers::Result<Vec<(Offsets, bool)>> {
        Ok(cover(inside, inside.match_indices(self.0).map(|(start, found)| (start, start + found.len()))))
    }
}

/// Two or more spaces.
struct Spaces;

impl Pattern for Spaces {
    fn find_matches(&self, inside: &str) -> tokenizers::Result<Vec<(Offsets, bool)>> {
        let bytes = inside.as_bytes();
        let mut at = 0;
        let matches = std::iter::from_fn(|| {
            while let Some(found) = inside.get(at..)?.find(' ') {
                let start = at + found;
                let length = bytes[start..].iter().take_while(|&&byte| byte == b' ').count();
                at = start + length;
                if length >= 2 {
                    return Some((start, at));
                }
            }
            None
        });
        Ok(cover(inside, matches))
    }
}

/// Returns the matches, and the text between them, which is no match.
fn cover(inside: &str, matches: impl Iterator<Item = Offsets>) -> Vec<(Offsets, bool)> {
    if inside.is_empty() {
        return vec![((0, 0), false)];
    }
    let (mut parts, mut end) = (Vec::new(), 0);
    for (start, stop) in matches {
        if end != start {
            parts.push(((end, start), false));
        }
        parts.push(((start, stop), true));
        end = stop;
    }
    if end != inside.len() {
        parts.push(((end, inside.len()), false));
    }
    parts
}
