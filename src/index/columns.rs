//! Columns: the values of one attribute for every item, as codes of a sorted dictionary.
//!
//! ```text
//! section := column × attributes
//! column  := width: u8          bytes per code: 1, 2 or 4
//!            values: varint, value × values       distinct and rising: f64 for numbers and booleans (0 and 1), else string
//!            [starts: u32 × (items + 1)]          tags only: the first code of each item
//!            codes                                0: no value; else 1 + the value's index. One per item; tags: any number
//! ```
//! Codes have the order of the values, so ranges and sorting compare codes.

use std::collections::BTreeMap;

use super::attribute_value::AttributeValue;
use super::bits::Bits;
use super::format::bytes::{ByteReader, ByteWriter};
use super::number;
use super::order::{sort, sort_by};
use super::schema::AttributeKind;
use super::values::Values;
use crate::error::{Result, fail};

const WHAT: &str = "columns";

/// The codes of a column in the width that they need.
#[derive(Debug, Clone, PartialEq)]
enum Codes {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Codes {
    fn new(codes: &[u32], values: usize) -> Self {
        match values {
            0..=0xFF => Self::U8(codes.iter().map(|&code| code as u8).collect()),
            0x100..=0xFFFF => Self::U16(codes.iter().map(|&code| code as u16).collect()),
            _ => Self::U32(codes.to_vec()),
        }
    }

    fn get(&self, at: usize) -> u32 {
        match self {
            Self::U8(codes) => u32::from(codes[at]),
            Self::U16(codes) => u32::from(codes[at]),
            Self::U32(codes) => codes[at],
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::U8(codes) => codes.len(),
            Self::U16(codes) => codes.len(),
            Self::U32(codes) => codes.len(),
        }
    }
}

/// The values of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) kind: AttributeKind,
    pub(crate) values: Values,
    /// Tags: the first code of each item, and the end.
    starts: Option<Vec<u32>>,
    codes: Codes,
}

impl Column {
    /// Reads the next column of the section.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the bytes are damaged.
    pub(crate) fn read(reader: &mut ByteReader, kind: AttributeKind, items: usize) -> Result<Self> {
        let width = reader.u8()? as usize;
        let count = reader.varint()? as usize;
        let values = read_values(reader, kind, count)?;
        let mut starts = None;
        let mut codes = items;
        if kind == AttributeKind::Tags {
            let bytes = reader.bytes(4 * (items + 1))?;
            let list: Vec<u32> = bytes.as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect();
            if list[0] != 0 || list.windows(2).any(|pair| pair[0] > pair[1]) {
                fail!(InvalidCatalog, "{WHAT}: the starts of tags do not rise");
            }
            codes = list[items] as usize;
            starts = Some(list);
        }
        let Some(size) = codes.checked_mul(width) else { fail!(InvalidCatalog, "{WHAT}: {codes} codes") };
        let bytes = reader.bytes(size)?;
        let codes = match width {
            1 => Codes::U8(bytes.to_vec()),
            2 => Codes::U16(bytes.as_chunks().0.iter().map(|two| u16::from_le_bytes(*two)).collect()),
            4 => Codes::U32(bytes.as_chunks().0.iter().map(|four| u32::from_le_bytes(*four)).collect()),
            _ => fail!(InvalidCatalog, "{WHAT}: codes of {width} bytes; expected 1, 2 or 4"),
        };
        let column = Self { kind, values, starts, codes };
        if (0..column.codes.len()).any(|at| column.codes.get(at) as usize > count) {
            fail!(InvalidCatalog, "{WHAT}: a code is larger than the {count} values");
        }
        Ok(column)
    }

    /// Writes the column.
    pub(crate) fn write(&self, writer: &mut ByteWriter) {
        writer.u8(match self.codes {
            Codes::U8(_) => 1,
            Codes::U16(_) => 2,
            Codes::U32(_) => 4,
        });
        writer.varint(self.values.len() as u32);
        match &self.values {
            Values::Numbers(numbers) => numbers.iter().for_each(|&number| writer.f64(number)),
            Values::Strings(strings) => strings.iter().for_each(|string| writer.string(string)),
        }
        for &start in self.starts.iter().flatten() {
            writer.u32(start);
        }
        for at in 0..self.codes.len() {
            match &self.codes {
                Codes::U8(codes) => writer.u8(codes[at]),
                Codes::U16(codes) => writer.bytes.extend(codes[at].to_le_bytes()),
                Codes::U32(codes) => writer.u32(codes[at]),
            }
        }
    }

    /// Returns the column of `items` items without values.
    pub(crate) fn empty(kind: AttributeKind, items: usize) -> Self {
        let values = match kind {
            AttributeKind::Number | AttributeKind::Boolean => Values::Numbers(Vec::new()),
            AttributeKind::String | AttributeKind::Tags => Values::Strings(Vec::new()),
        };
        match kind {
            AttributeKind::Tags => {
                Self { kind, values, starts: Some(vec![0; items + 1]), codes: Codes::U8(Vec::new()) }
            }
            _ => Self { kind, values, starts: None, codes: Codes::U8(vec![0; items]) },
        }
    }

    /// Returns the number of items.
    pub(crate) fn items(&self) -> usize {
        self.starts.as_ref().map_or(self.codes.len(), |starts| starts.len() - 1)
    }

    /// Returns the code of an item; of tags the first one. 0: no value.
    pub(crate) fn code(&self, item: usize) -> u32 {
        match &self.starts {
            None => self.codes.get(item),
            Some(starts) if starts[item] == starts[item + 1] => 0,
            Some(starts) => self.codes.get(starts[item] as usize),
        }
    }

    /// Passes each code of an item that is a value to `visit`.
    pub(crate) fn each_code(&self, item: usize, mut visit: impl FnMut(u32)) {
        match &self.starts {
            None => {
                if let code @ 1.. = self.codes.get(item) {
                    visit(code);
                }
            }
            Some(starts) => {
                (starts[item]..starts[item + 1]).for_each(|at| visit(self.codes.get(at as usize)));
            }
        }
    }

    /// Returns the value of an item.
    pub(crate) fn value(&self, item: usize) -> Option<AttributeValue> {
        let code = self.code(item) as usize;
        if code == 0 {
            return None;
        }
        Some(match (&self.values, self.kind) {
            (Values::Numbers(numbers), AttributeKind::Boolean) => {
                AttributeValue::Boolean(numbers[code - 1] != 0.0)
            }
            (Values::Numbers(numbers), _) => AttributeValue::Number(numbers[code - 1]),
            (Values::Strings(strings), AttributeKind::Tags) => {
                let mut tags = Vec::new();
                self.each_code(item, |code| tags.push(strings[code as usize - 1].clone()));
                AttributeValue::Tags(tags)
            }
            (Values::Strings(strings), _) => AttributeValue::String(strings[code - 1].clone()),
        })
    }

    /// Returns the value of a code as text, as facets show it.
    pub(crate) fn shown(&self, code: u32) -> String {
        match &self.values {
            Values::Strings(strings) => strings[code as usize - 1].clone(),
            Values::Numbers(numbers) if self.kind == AttributeKind::Boolean => {
                (numbers[code as usize - 1] != 0.0).to_string()
            }
            Values::Numbers(numbers) => number::text(numbers[code as usize - 1]),
        }
    }

    /// Joins columns of one kind one after the other, and sets the values of some items. `None` removes a value. Items
    /// outside `live` lose theirs, and a value that no item has is left out.
    pub(crate) fn join(
        kind: AttributeKind,
        parts: &[Self],
        set: &BTreeMap<u32, Option<AttributeValue>>,
        live: &Bits,
    ) -> Self {
        let mut merged = Dictionary::default();
        for part in parts {
            merged.add(&part.values);
        }
        set.values().flatten().for_each(|value| merged.add(&value.values()));
        let mut values = merged.finish(kind);
        let (mut codes, mut starts, mut item) = (Vec::new(), vec![0], 0);
        for part in parts {
            let new_codes = new_codes(&values, &part.values);
            for local in 0..part.items() {
                let begin = codes.len();
                match set.get(&item) {
                    _ if !live.contains(item as usize) => {}
                    Some(Some(value)) => codes.extend(self::new_codes(&values, &value.values())),
                    Some(None) => {}
                    None => part.each_code(local, |code| codes.push(new_codes[code as usize - 1])),
                }
                if kind == AttributeKind::Tags {
                    let mut own = codes.split_off(begin);
                    sort(&mut own);
                    codes.append(&mut own);
                } else if codes.len() == begin {
                    codes.push(0);
                }
                starts.push(codes.len() as u32);
                item += 1;
            }
        }
        drop_unused(&mut values, &mut codes);
        let codes = Codes::new(&codes, values.len());
        Self { kind, values, starts: (kind == AttributeKind::Tags).then_some(starts), codes }
    }
}

fn read_values(reader: &mut ByteReader, kind: AttributeKind, count: usize) -> Result<Values> {
    match kind {
        AttributeKind::Number | AttributeKind::Boolean => {
            let mut numbers: Vec<f64> = Vec::new();
            for _ in 0..count {
                numbers.push(reader.f64()?);
            }
            let allowed =
                |x: &f64| x.is_finite() && (kind == AttributeKind::Number || *x == 0.0 || *x == 1.0);
            if !numbers.iter().all(allowed) || numbers.windows(2).any(|pair| pair[0] >= pair[1]) {
                fail!(InvalidCatalog, "{WHAT}: the numbers of a column do not rise");
            }
            Ok(Values::Numbers(numbers))
        }
        AttributeKind::String | AttributeKind::Tags => {
            let mut strings: Vec<String> = Vec::new();
            for _ in 0..count {
                strings.push(reader.string()?.to_string());
            }
            if strings.windows(2).any(|pair| pair[0] >= pair[1]) {
                fail!(InvalidCatalog, "{WHAT}: the strings of a column do not rise");
            }
            Ok(Values::Strings(strings))
        }
    }
}

/// Collects the values of several dictionaries.
#[derive(Default)]
struct Dictionary {
    numbers: Vec<f64>,
    strings: Vec<String>,
}

impl Dictionary {
    fn add(&mut self, values: &Values) {
        match values {
            Values::Numbers(numbers) => self.numbers.extend(numbers),
            Values::Strings(strings) => self.strings.extend_from_slice(strings),
        }
    }

    fn finish(mut self, kind: AttributeKind) -> Values {
        match kind {
            AttributeKind::Number | AttributeKind::Boolean => {
                sort_by(&mut self.numbers, &f64::total_cmp);
                self.numbers.dedup();
                Values::Numbers(self.numbers)
            }
            AttributeKind::String | AttributeKind::Tags => {
                sort(&mut self.strings);
                self.strings.dedup();
                Values::Strings(self.strings)
            }
        }
    }
}

/// Removes the values that no code stands for.
fn drop_unused(values: &mut Values, codes: &mut [u32]) {
    let mut new_codes = vec![0; values.len() + 1];
    codes.iter().for_each(|&code| new_codes[code as usize] = 1);
    new_codes[0] = 0;
    let mut is_used = new_codes[1..].iter().map(|&used| used == 1).collect::<Vec<_>>().into_iter();
    let mut is_kept = || is_used.next().unwrap_or(false);
    match values {
        Values::Numbers(numbers) => numbers.retain(|_| is_kept()),
        Values::Strings(strings) => strings.retain(|_| is_kept()),
    }
    let mut last = 0;
    for code in &mut new_codes {
        last += *code;
        *code *= last;
    }
    codes.iter_mut().for_each(|code| *code = new_codes[*code as usize]);
}

/// Returns the code that each value of `old` has in `all`, which has all of them.
pub(crate) fn new_codes(all: &Values, old: &Values) -> Vec<u32> {
    match (all, old) {
        (Values::Numbers(all), Values::Numbers(old)) => {
            old.iter().map(|x| all.partition_point(|y| y < x) as u32 + 1).collect()
        }
        (Values::Strings(all), Values::Strings(old)) => {
            old.iter().map(|x| all.partition_point(|y| y < x) as u32 + 1).collect()
        }
        _ => unreachable!("columns of one attribute have one kind"),
    }
}

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
