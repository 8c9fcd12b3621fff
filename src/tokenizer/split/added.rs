//! Added tokens and cuts. The tokenizer finds added tokens in the text before anything else: those that are not
//! `normalized` in the text itself, the others in the normalized text. A cut must not go through an occurrence, and
//! must not hide the neighbor that `single_word` looks at or the white space that `lstrip` and `rstrip` take.

use tokenizers::{AddedToken, NormalizedString, Normalizer};

use crate::tokenizer::builder::Pipeline;

/// Bytes of normalized text beside a cut that are compared with tokens, besides the longest token.
const MARGIN_BYTES: usize = 16;
/// The most bytes of a text beside a cut that are normalized. More are needed only if the normalizer removes most.
const MAX_WINDOW_BYTES: usize = 4096;

/// The added tokens of a tokenizer.
#[derive(Debug, Default)]
pub(super) struct AddedTokens {
    /// Tokens that are found in the text itself.
    plain: Vec<AddedToken>,
    /// Tokens that are found in the normalized text; `content` is normalized.
    normalized: Vec<AddedToken>,
    /// Bytes of the longest token.
    pub(super) longest: usize,
    /// True if a token takes the white space beside it.
    pub(super) strips: bool,
}

impl AddedTokens {
    /// Reads the tokens of a tokenizer.
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let mut tokens = Self::default();
        for token in pipeline.get_added_vocabulary().get_added_tokens_decoder().values() {
            let mut token = token.clone();
            if token.normalized {
                token.content = normalize(pipeline, &token.content);
            }
            tokens.longest = tokens.longest.max(token.content.len());
            if token.content.is_empty() {
                continue;
            }
            tokens.strips |= token.lstrip || token.rstrip;
            if token.normalized { &mut tokens.normalized } else { &mut tokens.plain }.push(token);
        }
        tokens
    }

    /// Returns true if a token is only white space.
    pub(super) fn has_blank(&self) -> bool {
        self.plain.iter().chain(&self.normalized).any(|token| token.content.trim().is_empty())
    }

    /// Returns true if a text can be cut between `left` and `right`: no token changes.
    pub(super) fn may_cut(&self, pipeline: &Pipeline, left: &str, right: &str) -> bool {
        self.are_unchanged(pipeline, left, right, Among::All)
    }

    /// Returns true if none of the tokens changes between `left` and `right`.
    pub(super) fn are_unchanged(&self, pipeline: &Pipeline, left: &str, right: &str, among: Among) -> bool {
        let is_changed = |token: &AddedToken, left: &str, right: &str| {
            among.has(token) && is_changed_by_cut(token, left, right)
        };
        if self.plain.iter().any(|token| is_changed(token, left, right)) {
            return false;
        }
        if self.normalized.is_empty() {
            return true;
        }
        let needed = self.longest + MARGIN_BYTES;
        let (Some(left), Some(right)) =
            (last_normalized(pipeline, left, needed), first_normalized(pipeline, right, needed))
        else {
            return false;
        };
        !self.normalized.iter().any(|token| is_changed(token, &left, &right))
    }

    /// Returns true if a token that is found in the text itself occurs in `text`.
    pub(super) fn occurs_plain(&self, text: &str, among: Among) -> bool {
        self.plain.iter().any(|token| among.has(token) && text.contains(&token.content))
    }

    /// Returns true if a token that is found in the normalized text may occur in the normalized `text`.
    pub(super) fn may_occur_normalized(&self, pipeline: &Pipeline, text: &str, among: Among) -> bool {
        if self.normalized.is_empty() {
            return false;
        }
        let occurs = |text: &str| {
            self.normalized.iter().any(|token| among.has(token) && text.contains(&token.content))
        };
        // Letters, digits and punctuation of ASCII are kept, perhaps in lower case.
        if text.bytes().all(|b| b.is_ascii_graphic()) {
            return occurs(text) || occurs(&text.to_ascii_lowercase());
        }
        let overlap = 8 * (self.longest + MARGIN_BYTES);
        let mut start = 0;
        while start < text.len() {
            let end = ceil(text, (start + MAX_WINDOW_BYTES + overlap).min(text.len()));
            if occurs(&normalize(pipeline, &text[start..end])) {
                return true;
            }
            start = ceil(text, (start + MAX_WINDOW_BYTES).min(text.len()));
        }
        false
    }
}

/// The tokens that can occur somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Among {
    All,
    /// Tokens that match inside a word: not the tokens with `single_word`.
    InsideWords,
}

impl Among {
    /// Returns the tokens that can occur in a text: none with `single_word` if it has only letters and digits.
    pub(super) fn of(text: &str) -> Self {
        let is_word = |c: char| c.is_alphabetic() || c.is_ascii_digit();
        if text.chars().all(is_word) { Self::InsideWords } else { Self::All }
    }

    fn has(self, token: &AddedToken) -> bool {
        self == Self::All || !token.single_word
    }
}

/// Returns true if the token's occurrences are others when `left` and `right` are searched apart.
fn is_changed_by_cut(token: &AddedToken, left: &str, right: &str) -> bool {
    let content = token.content.as_bytes();
    let (left_bytes, right_bytes) = (left.as_bytes(), right.as_bytes());
    let crosses = (1..content.len())
        .any(|i| left_bytes.ends_with(&content[..i]) && right_bytes.starts_with(&content[i..]));
    let before = left.chars().next_back();
    let after = right.chars().next();
    let loses_neighbor = token.single_word
        && (left.ends_with(&token.content) && after.is_some_and(may_be_word)
            || right.starts_with(&token.content) && before.is_some_and(may_be_word));
    // Normalized content has white space around Chinese characters, which may be all that stands at the cut.
    let loses_left_space = token.lstrip
        && before.is_some_and(char::is_whitespace)
        && right.trim_start().starts_with(token.content.trim_start());
    let loses_right_space = token.rstrip
        && after.is_some_and(char::is_whitespace)
        && left.trim_end().ends_with(token.content.trim_end());
    crosses || loses_neighbor || loses_left_space || loses_right_space
}

/// Returns false only for characters that are no part of a word for `single_word`.
fn may_be_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() || c == '_' } else { !c.is_whitespace() }
}

fn normalize(pipeline: &Pipeline, text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    match pipeline.get_normalizer().map(|normalizer| normalizer.normalize(&mut normalized)) {
        Some(Err(_)) => text.to_owned(),
        _ => normalized.get().to_owned(),
    }
}

/// Returns the end of the normalized `text`, at least `needed` bytes of it unless it is shorter. `None` if the
/// normalizer removes too much to tell.
fn last_normalized(pipeline: &Pipeline, text: &str, needed: usize) -> Option<String> {
    let mut window = 4 * needed;
    loop {
        let start = ceil(text, text.len().saturating_sub(window));
        let normalized = normalize(pipeline, &text[start..]);
        if start == 0 || normalized.len() >= needed {
            return Some(normalized);
        }
        if window > MAX_WINDOW_BYTES {
            return None;
        }
        window *= 4;
    }
}

/// Returns the start of the normalized `text`. See [`last_normalized`].
fn first_normalized(pipeline: &Pipeline, text: &str, needed: usize) -> Option<String> {
    let mut window = 4 * needed;
    loop {
        let end = ceil(text, window.min(text.len()));
        let normalized = normalize(pipeline, &text[..end]);
        if end == text.len() || normalized.len() >= needed {
            return Some(normalized);
        }
        if window > MAX_WINDOW_BYTES {
            return None;
        }
        window *= 4;
    }
}

/// Returns the first character boundary at or after a byte.
pub(super) fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}
