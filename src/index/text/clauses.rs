//! A query as clauses: what a text has to have, each in several alternative spellings.

use std::ops::Range;

use super::class::CharClass;
use super::folded::{Folded, Run, RunKind};
use super::terms::{numbers_before_dense, term_text};
use super::words::{Compound, parts};
use crate::index::order::sort;

/// Words of so many letters are also found with one edit.
const MIN_FUZZY_LETTERS: usize = 4;

/// One thing that a query asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Clause {
    /// Its place in the query's folded characters.
    pub(crate) chars: Range<usize>,
    /// An item has what the clause asks for if one of these matches.
    pub(crate) alternatives: Vec<Alternative>,
}

/// A way to write what a clause asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alternative {
    pub(crate) pattern: Pattern,
    /// The weight of a match, beside 1 for the spelling of the query.
    pub(crate) weight: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pattern {
    /// The term itself.
    Term(String),
    /// Any term that begins so.
    Prefix(String),
    /// All of these terms.
    All(Vec<String>),
    /// Any term of letters with at most one edit.
    OneEdit(String),
}

const PREFIX_WEIGHT: f32 = 0.8;
const PARTS_WEIGHT: f32 = 0.9;
const EDIT_WEIGHT: f32 = 0.5;
const NUMBER_WEIGHT: f32 = 0.5;

/// Returns the clauses of a query. `prefix`: the last word may be unfinished.
pub(crate) fn clauses(query: &Folded, prefix: bool) -> Vec<Clause> {
    let runs = query.runs();
    let numbers = numbers_before_dense(query, &runs);
    let mut clauses = Vec::new();
    let mut before: Option<Range<usize>> = None;
    let mut at = 0;
    while at < runs.len() {
        let run = &runs[at];
        match run.kind {
            RunKind::Separator => at += 1,
            RunKind::Dense => {
                // `寸` of `17寸` is part of the number's clause.
                let in_number = numbers.iter().any(|number| number.end == run.chars.start + 1);
                dense(&mut clauses, query, run, in_number);
                at += 1;
            }
            RunKind::Word => {
                let (compound, next) = Compound::at(query, &runs, at);
                let is_last = prefix && compound.chars().end == query.chars.len();
                let number = numbers.iter().find(|number| number.end == compound.chars().end + 1);
                clauses.push(word(query, &compound, is_last, number.cloned()));
                let chars = compound.chars();
                if let Some(before) = before.replace(chars.clone())
                    && before.end + 1 == chars.start
                {
                    add_joined(&mut clauses, query, before.start..chars.end, is_last);
                }
                at = next;
            }
        }
    }
    clauses
}

/// Lets the last two clauses also match their words written together: `air buds` matches `airbuds`.
fn add_joined(clauses: &mut [Clause], query: &Folded, chars: Range<usize>, is_last: bool) {
    let is_word = |i: &usize| query.chars[*i].class.is_word();
    let joined: String = chars.filter(is_word).map(|i| query.chars[i].c).collect();
    let first = clauses.len().saturating_sub(2);
    for clause in &mut clauses[first..] {
        let mut add = |pattern, weight| clause.alternatives.push(Alternative { pattern, weight });
        add(Pattern::Term(joined.clone()), PARTS_WEIGHT);
        if is_last {
            add(Pattern::Prefix(joined.clone()), PARTS_WEIGHT * PREFIX_WEIGHT);
        }
    }
}

fn dense(clauses: &mut Vec<Clause>, query: &Folded, run: &Run, in_number: bool) {
    let chars = run.chars.clone();
    let single = |pattern, chars| Clause { chars, alternatives: vec![Alternative { pattern, weight: 1.0 }] };
    if chars.len() == 1 {
        if !in_number {
            clauses.push(single(Pattern::Prefix(term_text(query, chars.clone())), chars));
        }
        return;
    }
    for start in chars.start..chars.end - 1 {
        let bigram = start..start + 2;
        clauses.push(single(Pattern::Term(term_text(query, bigram.clone())), bigram));
    }
}

fn word(query: &Folded, compound: &Compound, is_last: bool, number: Option<Range<usize>>) -> Clause {
    let mut chars = compound.chars();
    let mut alternatives = Vec::new();
    let mut add = |pattern, weight| alternatives.push(Alternative { pattern, weight });
    let whole = compound.compact(query).unwrap_or_else(|| term_text(query, chars.clone()));
    add(Pattern::Term(whole.clone()), 1.0);
    if is_last {
        add(Pattern::Prefix(whole.clone()), PREFIX_WEIGHT);
    }
    let pieces: Vec<_> = compound.words.iter().flat_map(|word| parts(query, word.clone())).collect();
    if pieces.len() > 1 {
        let mut terms: Vec<_> = pieces.into_iter().map(|piece| term_text(query, piece)).collect();
        sort(&mut terms);
        terms.dedup();
        add(Pattern::All(terms), PARTS_WEIGHT);
    } else if chars.len() >= MIN_FUZZY_LETTERS && is_letters(query, chars.clone()) {
        add(Pattern::OneEdit(whole), EDIT_WEIGHT);
    }
    if let Some(digits) = compound.digits(query) {
        add(Pattern::Term(digits), PARTS_WEIGHT);
    }
    if let Some(number) = number {
        for alternative in &mut alternatives {
            alternative.weight *= NUMBER_WEIGHT;
        }
        alternatives
            .insert(0, Alternative { pattern: Pattern::Term(term_text(query, number.clone())), weight: 1.0 });
        chars.end = number.end;
    }
    Clause { chars, alternatives }
}

fn is_letters(query: &Folded, chars: Range<usize>) -> bool {
    query.chars[chars].iter().all(|folded| folded.class == CharClass::Letter)
}

#[cfg(test)]
mod tests {
    use super::super::folded::{Fold, Folded};
    use super::{Pattern, clauses};

    struct NoFold;
    impl Fold for NoFold {
        fn fold(&self, c: char, emit: &mut dyn FnMut(char)) {
            emit(c);
        }
    }

    fn shown(query: &str, prefix: bool) -> Vec<String> {
        let shown = |pattern: &Pattern| match pattern {
            Pattern::Term(term) => term.clone(),
            Pattern::Prefix(term) => format!("{term}*"),
            Pattern::All(terms) => terms.join("+"),
            Pattern::OneEdit(term) => format!("~{term}"),
        };
        clauses(&Folded::new(query, &NoFold), prefix)
            .iter()
            .map(|clause| clause.alternatives.iter().map(|a| shown(&a.pattern)).collect::<Vec<_>>().join("|"))
            .collect()
    }

    #[test]
    fn dense_queries_are_bigrams_or_one_prefix() {
        assert_eq!(shown("阔腿裤", true), ["阔腿", "腿裤"]);
        assert_eq!(shown("花", true), ["花*"]);
        assert_eq!(shown("女 裤", true), ["女*", "裤*"]);
    }

    #[test]
    fn words_have_other_spellings() {
        assert_eq!(shown("nike", false), ["nike|~nike"]);
        assert_eq!(shown("nike", true), ["nike|nike*|~nike"]);
        let joined = "iphone15pro|iphone15pro*";
        let expected = [format!("iphone15|15+iphone|{joined}"), format!("pro|pro*|{joined}")];
        assert_eq!(shown("iphone15 pro", true), expected);
        assert_eq!(shown("a 裤 b", false), ["a", "裤*", "b"]);
        assert_eq!(shown("225/55R18", false), ["22555r18|18+225+55+r|2255518"]);
        assert_eq!(shown("M4x20", false), ["m420|20+4+m+x"]);
        assert_eq!(shown("5W-40", false), ["5w40|40+5+w"]);
        assert_eq!(shown("尼康z62", true), ["尼康", "z62|z62*|62+z"]);
        assert_eq!(shown("t-shirt", false), ["tshirt|shirt+t"]);
    }

    #[test]
    fn a_number_goes_with_its_unit() {
        assert_eq!(shown("17寸", true), ["17寸|17"]);
        assert_eq!(shown("17寸轮毂", true), ["17寸|17", "寸轮", "轮毂"]);
    }
}
