//! Converts byte offsets to UTF-16 code units, the indices of JavaScript's strings.

/// Converts byte spans of `text` to UTF-16 spans. The spans may be in any order.
pub(super) fn bytes_to_utf16(text: &str, spans: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut positions: Vec<usize> = spans.iter().flat_map(|&(start, end)| [start, end]).collect();
    positions.sort_unstable();
    positions.dedup();
    let mut units = Vec::with_capacity(positions.len());
    let (mut byte, mut unit) = (0, 0);
    for &position in &positions {
        // A position inside a character counts as that character's start.
        let mut stop = position.min(text.len());
        while !text.is_char_boundary(stop) {
            stop -= 1;
        }
        unit += text.get(byte..stop).map_or(0, |part| part.encode_utf16().count());
        byte = stop.max(byte);
        units.push(unit);
    }
    let at = |position: usize| positions.binary_search(&position).ok().and_then(|i| units.get(i)).copied();
    spans.iter().map(|&(start, end)| (at(start).unwrap_or(0), at(end).unwrap_or(0))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_utf16_code_units() {
        let text = "a裤𠮷b";
        assert_eq!(
            bytes_to_utf16(text, &[(0, 1), (1, 4), (4, 8), (8, 9), (0, 0)]),
            [(0, 1), (1, 2), (2, 4), (4, 5), (0, 0)]
        );
    }
}
