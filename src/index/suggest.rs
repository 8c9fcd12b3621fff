//! Suggestions: the catalog's own words and phrases that begin as the customer types.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::catalog::Catalog;
use super::json::Json;
use super::keyword::expand::all_of;
use super::order::sort_by;
use super::readings::Sound;
use super::text::folded::Folded;
use crate::error::Result;

/// The phrases of a changed catalog are counted again, so many for each one that is wanted.
const COUNTED: usize = 2;

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
        let by_items =
            |a: &Suggestion, b: &Suggestion| b.items.cmp(&a.items).then_with(|| a.text.cmp(&b.text));
        sort_by(&mut found, &by_items);
        if self.segments.len() > 1 || self.live.count() < self.items() {
            // Each file counts its own items, and those that were removed or replaced since.
            let mut counted = Vec::new();
            for mut suggestion in found {
                if counted.len() >= limit.saturating_mul(COUNTED) {
                    break;
                }
                suggestion.items = self.items_with(&suggestion.text)?;
                if suggestion.items > 0 {
                    counted.push(suggestion);
                }
            }
            sort_by(&mut counted, &by_items);
            found = counted;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Returns the number of live items that have every term of a phrase.
    fn items_with(&self, phrase: &str) -> Result<u32> {
        let mut with_all = self.live.clone();
        for source in all_of(&Folded::new(phrase, &self.characters)) {
            let mut with = Bits::none(self.items());
            for segment in &self.segments {
                source.each_item(segment, self, &mut |item| with.insert(item))?;
            }
            with_all.intersect(&with);
        }
        Ok(with_all.count() as u32)
    }

    fn is_read(&self, phrase: &str, sounds: &[Sound]) -> bool {
        let mut chars = phrase.chars();
        !sounds.is_empty()
            && sounds.iter().all(|sound| chars.next().is_some_and(|c| self.readings.has(c, sound)))
    }
}
