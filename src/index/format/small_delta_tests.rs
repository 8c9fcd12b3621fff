//! Small deltas: what is written is read, and nothing else.

use sha2::{Digest, Sha256};

use super::container::Header;
use super::parts::SectionKind;
use super::receiver::FileReceiver;
use super::small_delta::{HALF_HASH_BYTES, MAX_BYTES, PREFIX_BYTES, written};

fn file() -> Vec<u8> {
    let sections = [(SectionKind::Removals, b"\x01a".to_vec()), (SectionKind::Patches, vec![b'x'; 300])];
    written(&[7; 32], &sections).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let file = file();
    let header = Header::read(&[&file[..], &[9; 3]].concat()).unwrap();
    assert_eq!(header.file_bytes(), file.len());
    assert_eq!(&file[header.section(SectionKind::Removals).unwrap()], b"\x01a");
    assert_eq!(&file[header.section(SectionKind::Patches).unwrap()], [b'x'; 300]);
    assert_eq!(header.section(SectionKind::Schema), None);
    let other = [[7; 16], [8; 16]].concat().try_into().unwrap();
    assert!(header.continues(&[7; 32]) && header.continues(&other) && !header.continues(&[8; 32]));
    assert_ne!(header.hash[16..], [0; 16], "the hash that identifies it is a whole one");
    for size in [1, 7, file.len()] {
        let mut receiver = FileReceiver::new(0);
        file.chunks(size).for_each(|piece| receiver.feed(piece).unwrap());
        assert_eq!((receiver.size(), receiver.hash()), (Some(file.len()), Some(header.hash)));
        assert_eq!(receiver.into_bytes().unwrap(), file);
    }
}

#[test]
fn large_changes_and_items_are_not_small() {
    assert!(written(&[0; 32], &[(SectionKind::Patches, vec![b'x'; MAX_BYTES])]).is_none());
    assert!(written(&[0; 32], &[(SectionKind::Schema, vec![b'x'; 3])]).is_none());
}

#[test]
fn every_cut_and_every_changed_byte_is_rejected() {
    let whole = file();
    let accepts = |file: &[u8]| {
        let mut receiver = FileReceiver::new(0);
        let fed = file.chunks(50).try_for_each(|piece| receiver.feed(piece));
        let arrived = fed.and_then(|()| receiver.into_bytes()).is_ok();
        let opened = Header::read(file).and_then(|header| header.verify(file)).is_ok();
        assert_eq!(arrived, opened);
        opened
    };
    assert!(accepts(&whole));
    (0..whole.len()).for_each(|cut| assert!(!accepts(&whole[..cut]), "{cut}"));
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(!accepts(&damaged), "{at}");
    }
    assert!(!accepts(&[&whole[..], &[0]].concat()));
}

#[test]
fn sections_that_do_not_fit_are_rejected() {
    let with = |parts: &[u8]| {
        let mut file = [&file()[..PREFIX_BYTES], &[7; HALF_HASH_BYTES], parts].concat();
        let size = (file.len() + HALF_HASH_BYTES) as u32;
        file[16..20].copy_from_slice(&size.to_le_bytes());
        let hash = Sha256::digest(&file);
        file.extend(&hash[..HALF_HASH_BYTES]);
        Header::read(&file)
    };
    assert!(with(&[]).is_ok() && with(&[2, 1, 0, 3, 0]).is_ok());
    for parts in
        [&[1_u8, 0][..], &[2], &[2, 1], &[3, 0, 2, 0], &[3, 0, 3, 0], &[2, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]]
    {
        assert_eq!(with(parts).unwrap_err().code().as_str(), "INVALID_CATALOG", "{parts:?}");
    }
}
