//! Variable-length integers of protobuf: seven bits per byte, the lowest first; the top bit of a byte says that
//! another byte follows.

use crate::error::{Result, fail};

/// The bits of an integer.
const BITS: u32 = 64;

/// An integer whose bytes are arriving.
#[derive(Debug, Default)]
pub(super) struct Varint {
    value: u64,
    shift: u32,
}

impl Varint {
    /// Takes the next byte. Returns the integer if the byte is its last one.
    ///
    /// # Errors
    /// `INVALID_MODEL` if the integer has more than 64 bits.
    pub(super) fn push(&mut self, byte: u8) -> Result<Option<u64>> {
        let bits = u64::from(byte & 0x7f);
        if self.shift >= BITS || bits << self.shift >> self.shift != bits {
            fail!(InvalidModel, "the ONNX file is damaged: an integer has more than {BITS} bits");
        }
        self.value |= bits << self.shift;
        self.shift += 7;
        Ok((byte & 0x80 == 0).then_some(self.value))
    }

    /// Returns true if no byte has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.shift == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<u64> {
        let mut varint = Varint::default();
        bytes.iter().find_map(|byte| varint.push(*byte).ok()?)
    }

    #[test]
    fn varints_are_read_as_prost_writes_them() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            assert_eq!(read(&bytes), Some(value));
        }
    }

    #[test]
    fn varint_of_more_than_64_bits_is_rejected() {
        let mut varint = Varint::default();
        let mut bytes = [0xff; 9].into_iter();
        assert!(bytes.all(|byte| varint.push(byte).is_ok_and(|value| value.is_none())));
        assert!(varint.push(2).is_err());
        assert_eq!(read(&[0x80; 11]), None);
    }
}
