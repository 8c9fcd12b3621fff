//! Classes of characters: what a run of characters means for search.

/// The class of a folded character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CharClass {
    /// A character of a script that is written without spaces between words: Han, kana, Hangul, Thai and relatives.
    Dense,
    /// A letter of a script with spaces between words.
    Letter,
    /// A decimal digit, `0` to `9`. Folding turns other scripts' compatibility digits into these.
    Digit,
    /// Everything else: spaces, punctuation, symbols. It separates runs.
    Separator,
}

/// Ranges of scripts without spaces between words, sorted: first and last code point.
const DENSE: &[(u32, u32)] = &[
    (0x0E00, 0x0EFF),   // Thai, Lao
    (0x1000, 0x109F),   // Myanmar
    (0x1100, 0x11FF),   // Hangul Jamo: what folding makes of syllables
    (0x1780, 0x17FF),   // Khmer
    (0x2E80, 0x2FDF),   // radicals
    (0x3005, 0x3007),   // iteration mark, 〇
    (0x3031, 0x3035),   // kana repeat marks
    (0x3041, 0x30FF),   // kana, with the marks U+3099 and U+309A
    (0x3105, 0x312F),   // Bopomofo
    (0x31A0, 0x31BF),   // Bopomofo, extended
    (0x31F0, 0x31FF),   // kana, extended
    (0x3400, 0x4DBF),   // Han, extension A
    (0x4E00, 0x9FFF),   // Han
    (0xAC00, 0xD7FF),   // Hangul syllables and Jamo, extended B
    (0xF900, 0xFAFF),   // Han, compatibility
    (0x1AFF0, 0x1B16F), // kana, supplements
    (0x20000, 0x323AF), // Han, extensions B to H
];

impl CharClass {
    /// Returns the class of a folded character.
    pub(crate) fn of(c: char) -> Self {
        match c {
            '0'..='9' => return Self::Digit,
            'a'..='z' => return Self::Letter,
            '\0'..='\x7f' => return Self::Separator,
            _ => {}
        }
        let code = u32::from(c);
        let after = DENSE.partition_point(|&(first, _)| first <= code);
        match after.checked_sub(1).map(|i| DENSE[i].1) {
            Some(last) if code <= last && c != '\u{30FB}' => Self::Dense, // U+30FB is a middle dot
            _ if c.is_alphanumeric() => Self::Letter,
            _ => Self::Separator,
        }
    }

    /// Returns true for letters and digits: the characters of a word.
    pub(crate) fn is_word(self) -> bool {
        matches!(self, Self::Letter | Self::Digit)
    }
}

/// Ranges of characters that texts are searched without, sorted: first and last code point.
const IGNORED: &[(u32, u32)] = &[
    (0x00AD, 0x00AD),   // soft hyphen
    (0x0300, 0x036F),   // combining accents
    (0x180B, 0x180F),   // Mongolian variation selectors
    (0x200B, 0x200F),   // zero-width characters and direction marks
    (0x202A, 0x202E),   // direction marks
    (0x2060, 0x2064),   // word joiner, invisible operators
    (0xFE00, 0xFE0F),   // variation selectors
    (0xFEFF, 0xFEFF),   // byte order mark
    (0xE0100, 0xE01EF), // variation selectors of Han characters
];

/// Returns true for a character that a text is searched without: an accent, a variation selector, a zero-width mark.
pub(crate) fn is_ignored(c: char) -> bool {
    IGNORED.iter().any(|&(first, last)| (first..=last).contains(&u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::CharClass::{self, Dense, Digit, Letter, Separator};

    #[test]
    fn classes_of_shop_texts() {
        let expected = [
            ('裤', Dense),
            ('ｱ', Letter),
            ('の', Dense),
            ('〇', Dense),
            ('々', Dense),
            ('한', Dense),
            ('ก', Dense),
            ('a', Letter),
            ('я', Letter),
            ('ß', Letter),
            ('7', Digit),
            ('-', Separator),
            (' ', Separator),
            ('，', Separator),
            ('×', Separator),
            ('・', Separator),
            ('👗', Separator),
            ('°', Separator),
            ('𩸽', Dense),
        ];
        for (c, class) in expected {
            assert_eq!(CharClass::of(c), class, "{c}");
        }
    }

    #[test]
    fn ranges_are_sorted() {
        assert!(super::DENSE.windows(2).all(|pair| pair[0].1 < pair[1].0));
        assert!(super::DENSE.iter().all(|(first, last)| first <= last));
    }
}
