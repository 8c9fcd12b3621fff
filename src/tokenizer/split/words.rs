//! Cuts and shortens texts for BERT's pre-tokenizer.
//!
//! White space, punctuation and Chinese characters separate words whatever stands beside them, and Unicode
//! normalization combines none of them with what stands before. So a text can be cut before each of them.

use std::ops::Range;

use super::added::{AddedTokens, Among, ceil};
use super::chars::{CharClass, CharClasses};
use crate::tokenizer::builder::Pipeline;

/// Bytes at each end of a long run that are kept, besides the longest added token.
const MARGIN_BYTES: usize = 64;

/// Places that an added token forbids, after which no more are tried.
const MAX_FAILED_CUTS: usize = 512;

/// A part of text without what has no influence on its tokens.
#[derive(Debug, Default)]
pub(in crate::tokenizer) struct Shortened {
    /// The shortened text, or `None` if nothing is left out.
    pub(in crate::tokenizer) text: Option<String>,
    /// Positions in the shortened text and the bytes left out there, ascending.
    cuts: Vec<(usize, usize)>,
}

impl Shortened {
    /// Returns the position in the original part of a position in the shortened text.
    pub(in crate::tokenizer) fn original(&self, position: usize) -> usize {
        let left_out: usize = self.cuts.iter().take_while(|c| c.0 <= position).map(|c| c.1).sum();
        position + left_out
    }
}

/// Returns the first place at or after byte `from` where the text can be cut, or the end of the text.
pub(super) fn next_cut(
    pipeline: &Pipeline,
    added: &AddedTokens,
    classes: &mut CharClasses,
    text: &str,
    from: usize,
) -> usize {
    let from = ceil(text, from);
    // The last character that the normalizer keeps.
    let mut before = text[..from].chars().rev().find(|&c| classes.of(pipeline, c) != CharClass::Removed);
    let mut failed = 0;
    for (i, c) in text[from..].char_indices() {
        let class = classes.of(pipeline, c);
        if class == CharClass::Removed {
            continue;
        }
        // A token that takes white space takes all of it: the cut is before the white space.
        let is_inside_space = added.strips && before.is_some_and(char::is_whitespace);
        before = Some(c);
        if is_inside_space || !matches!(class, CharClass::Space | CharClass::Single) {
            continue;
        }
        let (left, right) = text.split_at(from + i);
        if added.may_cut(pipeline, left, right) {
            return from + i;
        }
        failed += 1;
        if failed == MAX_FAILED_CUTS {
            break;
        }
    }
    text.len()
}

/// The kind of the characters of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunKind {
    Space,
    Word,
    Other,
}

/// Leaves out the middle of long runs. See [`super::Splitter::shorten`].
pub(super) fn shorten(
    pipeline: &Pipeline,
    added: &AddedTokens,
    classes: &mut CharClasses,
    part: &str,
    max_word_chars: usize,
) -> Shortened {
    let margin = MARGIN_BYTES + added.longest;
    if part.len() <= 4 * margin {
        return Shortened::default();
    }
    let mut zones = Vec::new();
    let mut run = (RunKind::Other, 0);
    let ends = part.char_indices().map(|(i, c)| (i, Some(c))).chain([(part.len(), None)]);
    for (i, c) in ends {
        let kind = c.map_or(RunKind::Other, |c| match classes.of(pipeline, c) {
            CharClass::Space => RunKind::Space,
            CharClass::Word | CharClass::Removed => RunKind::Word,
            CharClass::Single | CharClass::Other => RunKind::Other,
        });
        if kind != run.0 || c.is_none() {
            let (whole, range) = (run.0, run.1..i);
            if range.len() > 4 * margin {
                match whole {
                    RunKind::Space => zones.extend(space_zone(added, part, range, margin)),
                    RunKind::Word => {
                        word_zones(
                            pipeline,
                            added,
                            classes,
                            part,
                            range,
                            (margin, max_word_chars),
                            &mut zones,
                        );
                    }
                    RunKind::Other => {}
                }
            }
            run = (kind, i);
        }
    }
    without(part, &zones)
}

/// Returns the middle of white space. A token with other characters reaches at most `longest` bytes into it.
fn space_zone(added: &AddedTokens, part: &str, run: Range<usize>, margin: usize) -> Option<Range<usize>> {
    let zone = ceil(part, run.start + margin)..ceil(part, run.end - margin);
    (!added.has_blank() && zone.start < zone.end).then_some(zone)
}

/// Adds what can be left out of a word: its middle if the word is too long for the vocabulary, otherwise the middle
/// of each long run of removed characters.
fn word_zones(
    pipeline: &Pipeline,
    added: &AddedTokens,
    classes: &mut CharClasses,
    part: &str,
    run: Range<usize>,
    (margin, max_word_chars): (usize, usize),
    zones: &mut Vec<Range<usize>>,
) {
    let first_zone = zones.len();
    // Runs of removed characters: without them the normalized text is the same.
    let mut removed = run.start;
    let mut kept_chars = 0usize;
    // An added token in the run ends the word before it. So what stays of the word has a stretch without tokens, from
    // `free` to the middle, that alone is too long for the vocabulary.
    let mut free: Option<(usize, usize)> = None;
    let mut middle: Option<Range<usize>> = None;
    let is_long = |chars: usize| chars > max_word_chars.saturating_add(1);
    let ends =
        part[run.clone()].char_indices().map(|(i, c)| (run.start + i, Some(c))).chain([(run.end, None)]);
    for (i, c) in ends {
        if c.is_some_and(|c| classes.of(pipeline, c) == CharClass::Removed) {
            continue;
        }
        if i - removed > 4 * margin {
            let zone = ceil(part, removed + margin)..ceil(part, i - margin);
            if !added.occurs_plain(&part[around(part, &zone, added.longest)], Among::All) {
                zones.push(zone);
            }
        }
        let Some(c) = c else { break };
        removed = i + c.len_utf8();
        kept_chars += 1;
        // The middle begins and ends before a character that stays, so no combining mark changes its place.
        match (&mut middle, free) {
            (None, None) if is_long(kept_chars) && i >= run.start + margin => free = Some((i, kept_chars)),
            (None, Some((_, before))) if is_long(kept_chars - before) => middle = Some(i..i),
            (Some(middle), _) if i + margin < run.end => middle.end = i,
            _ => {}
        }
    }
    let (Some(middle), Some((free, _))) = (middle.filter(|zone| zone.len() > margin), free) else { return };
    // One character more than the longest token, which is the neighbor that `single_word` looks at.
    let surroundings = &part[around(part, &(free..middle.end), added.longest + char::MAX.len_utf8())];
    let among = Among::of(surroundings);
    let (left, right) = (&part[..middle.start], &part[middle.end..]);
    if !added.occurs_plain(surroundings, among)
        && !added.may_occur_normalized(pipeline, surroundings, among)
        && added.are_unchanged(pipeline, left, right, among)
    {
        // Runs of removed characters outside the middle stay zones.
        let outside = |zone: &Range<usize>| zone.end <= middle.start || zone.start >= middle.end;
        let mut kept: Vec<_> = zones.drain(first_zone..).filter(outside).collect();
        kept.push(middle);
        kept.sort_by_key(|zone| zone.start);
        zones.append(&mut kept);
    }
}

/// Returns a range with `bytes` more at each end.
fn around(part: &str, zone: &Range<usize>, bytes: usize) -> Range<usize> {
    ceil(part, zone.start.saturating_sub(bytes))..ceil(part, (zone.end + bytes).min(part.len()))
}

/// Returns the part without the zones, which are in order.
fn without(part: &str, zones: &[Range<usize>]) -> Shortened {
    if zones.is_empty() {
        return Shortened::default();
    }
    let mut text = String::new();
    let mut cuts = Vec::new();
    let mut start = 0;
    for zone in zones {
        text.push_str(&part[start..zone.start]);
        cuts.push((text.len(), zone.len()));
        start = zone.end;
    }
    text.push_str(&part[start..]);
    Shortened { text: Some(text), cuts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_positions_map_back_to_the_part() {
        let part = "abcdefghij";
        let shortened = without(part, &[2..4, 5..9]);
        assert_eq!(shortened.text.as_deref(), Some("abej"));
        let back: Vec<usize> = (0..=4).map(|i| shortened.original(i)).collect();
        assert_eq!(back, [0, 1, 4, 9, 10]);
    }
}
