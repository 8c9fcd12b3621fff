//! The pickle reader on what is sound, what is cut and what means harm.

use proptest::prelude::*;

use corom::error::ErrorCode;

use super::*;

fn read(bytes: &[u8]) -> Result<Pickle> {
    Pickle::read(&mut &*bytes)
}

fn refusal(bytes: &[u8]) -> String {
    match read(bytes) {
        Ok(pickle) => panic!("read as {:?}", pickle.get(pickle.root())),
        Err(e) => {
            assert_eq!(e.code(), ErrorCode::InvalidCheckpoint, "{e}");
            e.to_string()
        }
    }
}

#[test]
fn plain_data_of_every_protocol() {
    // pickle.dumps({'a': [1, -2, 3.5, None, True]}, protocol=2)
    let two = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00N\x88es.";
    // The same, protocol 4 and 0.
    let four = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffG@\x0c\x00\x00\x00\x00\x00\x00N\x88es.";
    let zero = b"(dp0\nVa\np1\n(lp2\nI1\naI-2\naF3.5\naNaI01\nas.";
    for bytes in [&two[..], four, zero] {
        let pickle = read(bytes).unwrap();
        let Value::Dict(entries) = pickle.get(pickle.root()) else { panic!() };
        assert_eq!(entries.len(), 1);
        assert_eq!(pickle.text(entries[0].0), Some("a"));
        let items: Vec<_> =
            pickle.items(entries[0].1).unwrap().iter().map(|&i| pickle.get(i).clone()).collect();
        assert_eq!(items, [Value::Int(1), Value::Int(-2), Value::Float(3.5), Value::None, Value::Bool(true)]);
    }
}

#[test]
fn integers_of_all_widths() {
    for (bytes, value) in [
        (&b"\x8a\x00."[..], Value::Int(0)),
        (b"\x8a\x01\xff.", Value::Int(-1)),
        (b"\x8a\x02\xff\x00.", Value::Int(255)),
        (b"\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", Value::Int(i64::MIN)),
        (b"\x8b\x01\x00\x00\x00\x07.", Value::Int(7)),
        (b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.", Value::Long(vec![0, 0, 0, 0, 0, 0, 0, 0x80, 0])),
    ] {
        let pickle = read(bytes).unwrap();
        assert_eq!(pickle.get(pickle.root()), &value);
    }
}

#[test]
fn code_is_refused_by_name() {
    // cos\nsystem\n(S'echo harm'\ntR.
    assert!(refusal(b"cos\nsystem\n(S'echo harm'\ntR.").contains("`os.system`"));
    assert!(refusal(b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.").contains("`posix.system`"));
    assert!(refusal(b"cbuiltins\neval\n.").contains("`builtins.eval`"));
    assert!(refusal(b"ctorch.hub\nload\n.").contains("`torch.hub.load`"));
    assert!(refusal(b"ctorch\nload\n.").contains("`torch.load`"));
    // INST and OBJ, the old ways to call, are no instructions of ours.
    assert!(refusal(b"(S'id'\nios\nsystem\n.").contains("0x69"));
    assert!(refusal(b"cos\x1b[31m\nsystem\n.").contains("\\u{1b}"));
}

#[test]
fn a_small_pickle_cannot_grow_without_bounds() {
    // Each step makes a tuple of the one before, twice: 2^200 leaves if copied.
    let mut bomb = b"K\x01q\x00".to_vec();
    for i in 0..200u8 {
        bomb.extend([b'0', b'h', i, b'h', i, 0x86, b'q', i + 1]);
    }
    bomb.push(b'.');
    assert!(read(&bomb).is_ok());
    // A million nested tuples are dropped without a stack of a million frames.
    let mut deep = b")".to_vec();
    deep.resize(1_000_000, 0x85);
    deep.push(b'.');
    assert!(read(&deep).is_ok());
    // A text of 4 GiB by its own account.
    assert!(refusal(b"X\xff\xff\xff\xffabc.").contains("past its end"));
    assert!(refusal(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xffabc.").contains("past its end"));
}

#[test]
fn a_list_that_holds_itself_is_only_a_number() {
    let pickle = read(b"]q\x00h\x00a.").unwrap();
    assert_eq!(pickle.items(pickle.root()), Some(&[pickle.root()][..]));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_instructions_make_it_panic(
        codes in prop::collection::vec(prop::sample::select(&b"N\x88\x89()]}aesudltbR\x81QK\x01q\x01h\x01\x85\x86\x87012\x94ccollections\nOrderedDict\n"[..]), 0..400)
    ) {
        let _ = read(&codes);
    }
}
