//! Words that differ by one edit: a letter inserted, deleted, replaced, or two neighbors exchanged.

/// Returns true if the words are equal or differ by one edit.
pub(crate) fn is_within_one_edit(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let same = short.iter().zip(&long).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 => {
            let (rest_a, rest_b) = (&short[same..], &long[same..]);
            rest_a.get(1..) == rest_b.get(1..)
                || matches!((rest_a, rest_b), ([w, x, a @ ..], [y, z, b @ ..]) if w == z && x == y && a == b)
        }
        1 => short[same..] == long[same + 1..],
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_within_one_edit;

    #[test]
    fn one_edit_equals_the_definition() {
        let letters = ['a', 'b'];
        let mut words = vec![String::new()];
        for length in 1..=4 {
            for n in 0..1 << length {
                words.push((0..length).map(|i| letters[n >> i & 1]).collect());
            }
        }
        for word in &words {
            let mut edited = vec![word.clone()];
            let chars: Vec<char> = word.chars().collect();
            for i in 0..=chars.len() {
                for letter in letters {
                    let with = |end: usize| {
                        chars[..i].iter().chain([&letter]).chain(&chars[end..]).collect::<String>()
                    };
                    edited.push(with(i));
                    edited.extend((i < chars.len()).then(|| with(i + 1)));
                }
                if i < chars.len() {
                    edited.push(chars[..i].iter().chain(&chars[i + 1..]).collect());
                }
                if i + 1 < chars.len() {
                    let mut swapped = chars.clone();
                    swapped.swap(i, i + 1);
                    edited.push(swapped.into_iter().collect());
                }
            }
            for other in &words {
                assert_eq!(is_within_one_edit(word, other), edited.contains(other), "{word} {other}");
            }
        }
    }
}
