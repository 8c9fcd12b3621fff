//! Suggestions: the catalog's own words and phrases that begin as the customer types.

use std::collections::BTreeMap;

use super::catalog::Catalog;
use super::json::Json;
use super::order::sort_by;
use super::readings::Sound;
use super::text::folded::Folded;
use crate::error::Result;

/// A word or phrase of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The text, folded.
    pub text: String,
    /// The number of items that have it.
    pub items: u32,
}

impl Suggestion {
    /// Returns the suggestion as JSON.
    pub fn to_json(&self) -> Json {
        Json::object([("text", (&*self.text).into()), ("items", (self.items as usize).into())])
    }
}

impl Catalog {
    /// Returns the words and phrases that begin with a text, or are read so in pinyin, those of most items first.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the phrases are damaged.
    pub fn suggest(&self, prefix: &str, limit: usize) -> Result<Vec<Suggestion>> {
        let folded: String =
            Folded::new(prefix.trim(), &self.characters).chars.iter().map(|folded| folded.c).collect();
        if folded.is_empty() {
            return Ok(Vec::new());
        }
        let spellings = self.readings.spellings(&folded, true);
        let initials = match folded.bytes().all(|byte| byte.is_ascii_lowercase()) && folded.len() > 1 {
            true => self.readings.initials(&folded),
            false => Vec::new(),
        };
        let mut found: BTreeMap<String, u32> = BTreeMap::new();
        for segment in &self.segments {
            let Some(phrases) = segment.phrases()? else { continue };
            let mut visit = |phrase: &[u8], items: u32| {
                if let Ok(phrase) = std::str::from_utf8(phrase) {
                    *found.entry(phrase.to_string()).or_default() += items;
                }
            };
            phrases.with_prefix(&folded, |phrase, entry| {
                visit(phrase, entry.items);
                true
            })?;
            if !spellings.is_empty() || !initials.is_empty() {
                phrases.with_prefix("", |phrase, entry| {
                    let text = std::str::from_utf8(phrase).unwrap_or("");
                    if spellings.iter().chain([&initials]).any(|sounds| self.is_read(text, sounds)) {
                        visit(phrase, entry.items);
                    }
                    true
                })?;
            }
        }
        let mut found: Vec<Suggestion> =
            found.into_iter().map(|(text, items)| Suggestion { text, items }).collect();
        sort_by(&mut found, &|a, b| b.items.cmp(&a.items).then_with(|| a.text.cmp(&b.text)));
        found.truncate(limit);
        Ok(found)
    }

    fn is_read(&self, phrase: &str, sounds: &[Sound]) -> bool {
        let mut chars = phrase.chars();
        !sounds.is_empty()
            && sounds.iter().all(|sound| chars.next().is_some_and(|c| self.readings.has(c, sound)))
    }
}
