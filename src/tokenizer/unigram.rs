//! Unigram: the segmentation of a word with the highest sum of scores, as SentencePiece and the `tokenizers`
//! crate compute it.
//!
//! The pieces are one string, sorted by an array of ids; the pieces that begin at a position are found by
//! narrowing a range of that array byte by byte. 250,002 pieces take about 10 MB. The crate's trie has a hash
//! map per node and takes about 20 times as much.
//!
//! The best path to a position depends only on the text before it. So the first tokens of a long word can be
//! known before its end is read ([`Unigram::stable_tokens`]).

use serde::ser::{Serialize, SerializeStruct, Serializer};
use tokenizers::{Result, Token};

/// The cost of an unknown character beyond the rarest piece, as in SentencePiece.
const UNKNOWN_PENALTY: f64 = 10.0;
/// Stands for a position that no path reaches.
const UNREACHED: u32 = u32::MAX;

/// A vocabulary of pieces with scores.
#[derive(Debug, Clone, Default)]
pub(super) struct Unigram {
    /// All pieces, in the order of their ids.
    text: String,
    /// The end of each piece in `text`.
    ends: Vec<u32>,
    scores: Vec<f64>,
    /// Ids, sorted by piece. A piece that occurs twice has its last id.
    sorted: Vec<u32>,
    /// Bytes of the longest piece.
    longest: usize,
    /// The score of an unknown character.
    unknown_score: f64,
    unk_id: Option<usize>,
    byte_fallback: bool,
}

/// The best path that ends at a position.
#[derive(Clone, Copy)]
struct Node {
    score: f64,
    id: u32,
    start: u32,
}

impl Unigram {
    /// Appends a piece. Call [`sort`](Self::sort) after the last one.
    pub(super) fn push(&mut self, piece: &str, score: f64) -> std::result::Result<(), &'static str> {
        self.text.push_str(piece);
        let end = u32::try_from(self.text.len()).map_err(|_| "the vocabulary is larger than 4 GiB")?;
        self.ends.push(end);
        self.scores.push(score);
        self.longest = self.longest.max(piece.len());
        Ok(())
    }

    /// Sorts the pieces.
    pub(super) fn sort(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.scores.shrink_to_fit();
        let mut ids: Vec<u32> = (0..self.ends.len() as u32).collect();
        // Of equal pieces the last comes first, and `dedup` keeps the first.
        ids.sort_unstable_by(|&a, &b| self.bytes(a).cmp(self.bytes(b)).then(b.cmp(&a)));
        ids.dedup_by(|b, a| self.bytes(*a) == self.bytes(*b));
        self.sorted = ids;
        self.unknown_score = self.scores.iter().copied().fold(f64::INFINITY, f64::min) - UNKNOWN_PENALTY;
    }

    /// Sets the id of the unknown token, and whether bytes stand for unknown characters.
    pub(super) fn set_unknown(
        &mut self,
        unk_id: Option<usize>,
        byte_fallback: bool,
    ) -> std::result::Result<(), String> {
        if let Some(id) = unk_id
            && id >= self.len()
        {
            return Err(format!("unk_id is {id}, but the vocabulary has {} pieces", self.len()));
        }
        self.unk_id = unk_id;
        self.byte_fallback = byte_fallback;
        Ok(())
    }

    /// Returns the number of pieces.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the id of the unknown token.
    pub(super) fn unknown_id(&self) -> Option<u32> {
        self.unk_id.and_then(|id| u32::try_from(id).ok())
    }

    /// Returns a piece.
    pub(super) fn piece(&self, id: u32) -> Option<&str> {
        let end = *self.ends.get(id as usize)? as usize;
        let start =
            (id as usize).checked_sub(1).and_then(|i| self.ends.get(i)).copied().unwrap_or(0) as usize;
        self.text.get(start..end)
    }

    /// Returns the id of a piece.
    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        let at = self.sorted.binary_search_by(|&id| self.bytes(id).cmp(piece.as_bytes())).ok()?;
        self.sorted.get(at).copied()
    }

    fn bytes(&self, id: u32) -> &[u8] {
        self.piece(id).unwrap_or("").as_bytes()
    }

    /// Returns the tokens of a word.
    ///
    /// # Errors
    /// If a character is unknown and there is no unknown token.
    pub(super) fn tokenize(&self, word: &str) -> Result<Vec<Token>> {
        let nodes = self.best_paths(word)?;
        self.tokens(word, &pieces_to(&nodes, word.len()))
    }

    /// Returns the tokens that a word begins with, whatever follows `beginning`.
    ///
    /// Every path through the whole word ends a piece at one of the last positions of `beginning`, as far from
    /// its end as the longest piece is. The tokens that the best paths to all these positions share are certain.
    ///
    /// # Errors
    /// The errors of [`tokenize`](Self::tokenize).
    pub(super) fn stable_tokens(&self, beginning: &str) -> Result<Vec<Token>> {
        let nodes = self.best_paths(beginning)?;
        let longest = self.longest.max(char::MAX.len_utf8());
        let first = (beginning.len() + 1).saturating_sub(longest);
        let ends: Vec<usize> =
            (first..=beginning.len()).filter(|&end| end == 0 || nodes[end].start != UNREACHED).collect();
        let mut visits = vec![0u32; beginning.len() + 1];
        for &end in &ends {
            let mut at = end;
            visits[at] += 1;
            while at > 0 {
                at = nodes[at].start as usize;
                visits[at] += 1;
            }
        }
        let shared = visits.iter().rposition(|&count| count as usize == ends.len()).unwrap_or(0);
        let mut pieces = pieces_to(&nodes, shared);
        // An unknown token grows with the unknown characters that follow it.
        while pieces.last().is_some_and(|piece| Some(piece.0 as usize) == self.unk_id) {
            pieces.pop();
        }
        self.tokens(beginning, &pieces)
    }

    /// Computes the best path to every position. Scores are added in the order of the text and the first of
    /// equal paths is kept, as in the `tokenizers` crate, so that ties fall the same way.
    fn best_paths(&self, word: &str) -> Result<Vec<Node>> {
        let mut nodes = vec![Node { score: 0.0, id: 0, start: UNREACHED }; word.len() + 1];
        let bytes = word.as_bytes();
        for (start, c) in word.char_indices() {
            let score = nodes[start].score;
            let mut has_single = false;
            let mut reach = |end: usize, id: u32, piece_score: f64| {
                let node = &mut nodes[end];
                let candidate = piece_score + score;
                if node.start == UNREACHED || candidate > node.score {
                    *node = Node { score: candidate, id, start: start as u32 };
                }
            };
            let mut range = &self.sorted[..];
            for (depth, &byte) in bytes[start..].iter().enumerate() {
                // The pieces in `range` share `depth` bytes. Pieces that end here come first.
                let at = |id: u32| self.bytes(id).get(depth).copied();
                let low = range.partition_point(|&id| at(id) < Some(byte));
                let high = low + range[low..].partition_point(|&id| at(id) == Some(byte));
                range = &range[low..high];
                let Some(&id) = range.first() else { break };
                if self.bytes(id).len() == depth + 1 {
                    reach(start + depth + 1, id, self.scores[id as usize]);
                    has_single |= depth + 1 == c.len_utf8();
                }
            }
            if !has_single {
                let id = self.unknown_id().ok_or("a character is unknown and the model has no unk_id")?;
                reach(start + c.len_utf8(), id, self.unknown_score);
            }
        }
        Ok(nodes)
    }

    /// Returns the tokens of a path. Unknown characters that follow each other are one token.
    fn tokens(&self, word: &str, path: &[(u32, usize, usize)]) -> Result<Vec<Token>> {
        let mut tokens = Vec::with_capacity(path.len());
        let mut pieces = path.iter().copied().peekable();
        while let Some((id, start, mut end)) = pieces.next() {
            if Some(id as usize) != self.unk_id {
                tokens.push(Token::new(id, word[start..end].to_owned(), (start, end)));
                continue;
            }
            while let Some(next) = pieces.next_if(|next| next.0 == id) {
                end = next.2;
            }
            let piece = &word[start..end];
            match (self.id(piece), self.byte_tokens(piece, (start, end))) {
                (Some(id), _) => tokens.push(Token::new(id, piece.to_owned(), (start, end))),
                (None, Some(bytes)) => tokens.extend(bytes),
                (None, None) => tokens.push(Token::new(id, piece.to_owned(), (start, end))),
            }
        }
        Ok(tokens)
    }

    /// Returns a token per byte, if the vocabulary has all of them and the model uses them.
    fn byte_tokens(&self, piece: &str, span: (usize, usize)) -> Option<Vec<Token>> {
        if !self.byte_fallback {
            return None;
        }
        let token = |byte: u8| {
            let name = format!("<0x{byte:02X}>");
            self.id(&name).map(|id| Token::new(id, name, span))
        };
        piece.bytes().map(token).collect()
    }
}

/// Returns the pieces of the best path to `end`: id, start and end of each.
fn pieces_to(nodes: &[Node], end: usize) -> Vec<(u32, usize, usize)> {
    let mut pieces = Vec::new();
    let mut at = end;
    while at > 0 {
        let Node { id, start, .. } = nodes[at];
        pieces.push((id, start as usize, at));
        at = start as usize;
    }
    pieces.reverse();
    pieces
}

impl Serialize for Unigram {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        struct Pieces<'a>(&'a Unigram);
        impl Serialize for Pieces<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                let ids = 0..self.0.len() as u32;
                serializer
                    .collect_seq(ids.map(|id| (self.0.piece(id).unwrap_or(""), self.0.scores[id as usize])))
            }
        }
        let mut model = serializer.serialize_struct("Unigram", 4)?;
        model.serialize_field("type", "Unigram")?;
        model.serialize_field("unk_id", &self.unk_id)?;
        model.serialize_field("vocab", &Pieces(self))?;
        model.serialize_field("byte_fallback", &self.byte_fallback)?;
        model.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokenizers::Model;
    use tokenizers::models::unigram::Unigram as Reference;

    fn both(pieces: &[(String, f64)], byte_fallback: bool) -> (Unigram, Reference) {
        let mut ours = Unigram::default();
        for (piece, score) in pieces {
            ours.push(piece, *score).unwrap();
        }
        ours.sort();
        ours.set_unknown(Some(0), byte_fallback).unwrap();
        (ours, Reference::from(pieces.to_vec(), Some(0), byte_fallback).unwrap())
    }

    fn shape(tokens: &[Token]) -> Vec<(u32, &str, (usize, usize))> {
        tokens.iter().map(|t| (t.id, t.value.as_str(), t.offsets)).collect()
    }

    proptest! {
        #[test]
        fn tokens_equal_those_of_the_tokenizers_crate(
            pieces in prop::collection::vec(("[ab裤▁x]{1,4}|<0x61>|<0xE8>", -12i32..0), 1..60),
            word in "[ab裤▁xyz👗]{0,40}",
            byte_fallback: bool,
        ) {
            let mut list = vec![("<unk>".to_owned(), 0.0)];
            list.extend(pieces.into_iter().map(|(piece, score)| (piece, f64::from(score) / 3.0)));
            let (ours, reference) = both(&list, byte_fallback);
            let whole = ours.tokenize(&word).unwrap();
            let expected = reference.tokenize(&word).unwrap();
            prop_assert_eq!(shape(&whole), shape(&expected));
            for (end, _) in word.char_indices() {
                let stable = ours.stable_tokens(&word[..end]).unwrap();
                prop_assert_eq!(shape(&stable), shape(&whole[..stable.len()]), "beginning of {} bytes", end);
            }
        }
    }

    #[test]
    fn stable_tokens_grow_with_the_text() {
        let list = ["<unk>", "a", "b", "ab", "aab"].map(|piece| (piece.to_owned(), -1.0));
        let (ours, _) = both(&list, false);
        assert!(ours.stable_tokens(&"ab".repeat(100)).unwrap().len() > 95);
        assert!(ours.stable_tokens(&"?".repeat(100)).unwrap().is_empty());
    }
}
