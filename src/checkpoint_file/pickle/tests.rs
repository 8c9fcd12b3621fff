//! Tests the pickle reader with valid, cut and malicious pickles.

use proptest::prelude::*;

use super::*;
use crate::error::ErrorCode;

fn read(bytes: &[u8]) -> Result<Pickle> {
    Pickle::read(&mut &*bytes)
}

fn rejection(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(pickle) => panic!("read as {:?}", pickle.get(pickle.root())),
        Err(e) => {
            assert_eq!(e.code(), ErrorCode::InvalidCheckpoint, "{e}");
            e.to_string()
        }
    }
}

#[test]
fn pickle_reads_plain_data_of_every_protocol() {
    // pickle.dumps({'a': [1, -2, 3.5, None, True]}, protocol=2)
    let two = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00N\x88es.";
    // Protocols 4 and 0.
    let four = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00N\x88es.";
    let zero = b"(dp0\nVa\np1\n(lp2\nI1\naI-2\naF3.5\naNaI01\nas.";
    for bytes in [&two[..], four, zero] {
        let pickle = read(bytes).unwrap();
        let PickleValue::Dict(entries) = pickle.get(pickle.root()) else { panic!() };
        assert_eq!(entries.len(), 1);
        assert_eq!(pickle.text(entries[0].0), Some("a"));
        let items: Vec<_> =
            pickle.items(entries[0].1).unwrap().iter().map(|&i| pickle.get(i).clone()).collect();
        assert_eq!(
            items,
            [
                PickleValue::Int(1),
                PickleValue::Int(-2),
                PickleValue::Float(3.5),
                PickleValue::None,
                PickleValue::Bool(true)
            ]
        );
    }
}

#[test]
fn pickle_reads_integers_of_all_widths() {
    for (bytes, value) in [
        (&b"\x8a\x00."[..], PickleValue::Int(0)),
        (b"\x8a\x01\xff.", PickleValue::Int(-1)),
        (b"\x8a\x02\xff\x00.", PickleValue::Int(255)),
        (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", PickleValue::Int(i64::MIN)),
        (b"\x8b\x01\x00\x00\x00\x07.", PickleValue::Int(7)),
        (
            b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.",
            PickleValue::Long(vec![0, 0, 0, 0, 0, 0, 0, 0x80, 0]),
        ),
    ] {
        let pickle = read(bytes).unwrap();
        assert_eq!(pickle.get(pickle.root()), &value);
    }
}

#[test]
fn pickle_rejects_code_by_name() {
    // cos\nsystem\n(S'echo harm'\ntR.
    assert!(rejection(b"cos\nsystem\n(S'echo harm'\ntR.").contains("`os.system`"));
    assert!(rejection(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.").contains("`posix.system`"));
    assert!(rejection(b"cbuiltins\neval\n.").contains("`builtins.eval`"));
    assert!(rejection(b"ctorch.hub\nload\n.").contains("`torch.hub.load`"));
    assert!(rejection(b"ctorch\nload\n.").contains("`torch.load`"));
    // INST, an old instruction for a call, is not supported.
    assert!(rejection(b"(S'id'\nios\nsystem\n.").contains("0x69"));
    assert!(rejection(b"cos\x1b[31m\nsystem\n.").contains("\\u{1b}"));
}

#[test]
fn pickle_stays_small_if_it_repeats_or_nests_values() {
    // Each step makes a tuple that has the previous tuple twice: 2^200 leaves if copied.
    let mut bomb = b"K\x01q\x00".to_vec();
    for i in 0..200u8 {
        bomb.extend([b'0', b'h', i, b'h', i, 0x86, b'q', i + 1]);
    }
    bomb.push(b'.');
    assert!(read(&bomb).is_ok());
    // Dropping a million nested tuples needs no stack of a million frames.
    let mut deep = b")".to_vec();
    deep.resize(1_000_000, 0x85);
    deep.push(b'.');
    assert!(read(&deep).is_ok());
    // A text that states a length of 4 GiB.
    assert!(rejection(b"X\xff\xff\xff\xffabc.").contains("shorter than its stated length"));
    assert!(
        rejection(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.").contains("shorter than its stated length")
    );
}

#[test]
fn pickle_reads_a_list_that_contains_itself() {
    let pickle = read(b"]q\x00h\x00a.").unwrap();
    assert_eq!(pickle.items(pickle.root()), Some(&[pickle.root()][..]));
}

proptest! {
    #[test]
    fn pickle_never_panics_on_random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn pickle_never_panics_on_random_instructions(
        codes in prop::collection::vec(prop::sample::select(&b"N\x88\x89()]}aesudltbR\x81QK\x01q\x01h\x01\x85\x86\x87012\x94ccollections\nOrderedDict\n"[..]), 0..400)
    ) {
        let _ = read(&codes);
    }
}
