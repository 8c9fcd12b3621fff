use std::collections::BTreeMap;

use super::super::attribute_value::AttributeValue;
use super::super::bits::Bits;
use super::super::format::bytes::{ByteReader, ByteWriter};
use super::super::schema::AttributeKind;
use super::Column;
use crate::index::random::Random;

const KINDS: [AttributeKind; 4] =
    [AttributeKind::Number, AttributeKind::String, AttributeKind::Boolean, AttributeKind::Tags];

fn random_value(random: &mut Random, kind: AttributeKind, distinct: usize) -> Option<AttributeValue> {
    let n = random.below(distinct);
    match (random.below(5), kind) {
        (0, _) => None,
        (_, AttributeKind::Number) => Some(AttributeValue::Number(n as f64 / 4.0 - 3.0)),
        (_, AttributeKind::String) => Some(AttributeValue::String(format!("牌{n}"))),
        (_, AttributeKind::Boolean) => Some(AttributeValue::Boolean(n.is_multiple_of(2))),
        (_, AttributeKind::Tags) => Some(AttributeValue::Tags(
            (n..n + 1 + random.below(3)).map(|tag| format!("标{tag:05}")).collect(),
        )),
    }
}

fn column(kind: AttributeKind, values: &[Option<AttributeValue>]) -> Column {
    let set: BTreeMap<u32, _> =
        values.iter().cloned().enumerate().map(|(i, value)| (i as u32, value)).collect();
    let all = Bits::all(values.len());
    Column::join(kind, &[Column::empty(kind, values.len())], &set, &all)
}

fn bytes(column: &Column) -> Vec<u8> {
    let mut writer = ByteWriter::default();
    column.write(&mut writer);
    writer.bytes
}

#[test]
fn columns_have_the_values_that_were_put_in() {
    let mut random = Random(1);
    for kind in KINDS {
        for distinct in [1, 3, 300, 70_000] {
            let values: Vec<_> =
                (0..distinct + 9).map(|_| random_value(&mut random, kind, distinct)).collect();
            let column = column(kind, &values);
            let written = bytes(&column);
            let read = Column::read(&mut ByteReader::new(&written, "test"), kind, values.len()).unwrap();
            assert_eq!(read, column);
            assert!((0..values.len()).all(|item| read.value(item) == values[item]), "{kind:?} {distinct}");
        }
    }
}

#[test]
fn joined_columns_equal_the_column_of_all_values() {
    let mut random = Random(2);
    for kind in KINDS {
        let mut all: Vec<_> = (0..60).map(|_| random_value(&mut random, kind, 20)).collect();
        let parts = [column(kind, &all[..25]), column(kind, &all[25..25]), column(kind, &all[25..])];
        let set: BTreeMap<u32, _> =
            (0..60).step_by(7).map(|item| (item, random_value(&mut random, kind, 30))).collect();
        let mut live = Bits::all(60);
        (0..60).step_by(3).for_each(|item| live.remove(item));
        let joined = Column::join(kind, &parts, &set, &live);
        for (item, value) in set {
            all[item as usize] = value;
        }
        // Items that are not live have no value, and no value is left that no item has.
        (0..60).step_by(3).for_each(|item| all[item] = None);
        assert_eq!(joined, column(kind, &all), "{kind:?}");
    }
}

#[test]
fn codes_have_the_order_of_values() {
    let values = [Some(3.5), None, Some(-1.0), Some(20.0)].map(|value| value.map(AttributeValue::Number));
    let column = column(AttributeKind::Number, &values);
    assert_eq!((0..4).map(|item| column.code(item)).collect::<Vec<_>>(), [2, 0, 1, 3]);
}

#[test]
fn damaged_columns_are_errors_or_other_values_but_no_panic() {
    let mut random = Random(3);
    for kind in KINDS {
        let values: Vec<_> = (0..20).map(|_| random_value(&mut random, kind, 9)).collect();
        let whole = bytes(&column(kind, &values));
        let read = |bytes: &[u8]| Column::read(&mut ByteReader::new(bytes, "test"), kind, 20);
        assert!((0..whole.len()).all(|cut| read(&whole[..cut]).is_err()));
        for at in 0..whole.len() {
            for change in [1, 0x80, 0xFF] {
                let mut damaged = whole.clone();
                damaged[at] ^= change;
                if let Ok(column) = read(&damaged) {
                    assert_eq!(column.items(), 20);
                    (0..20).for_each(|item| drop(column.value(item)));
                }
            }
        }
    }
}
