//! Numbers and strings in a section: little-endian integers, and LEB128 varints (7 bits a byte, low bits first).

use crate::error::{Result, fail};

/// Reads values from the beginning of a slice on.
#[derive(Debug, Clone)]
pub(crate) struct ByteReader<'a> {
    rest: &'a [u8],
    /// The section's name, for messages.
    what: &'static str,
}

impl<'a> ByteReader<'a> {
    pub(crate) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    /// Returns true if nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Returns what is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `count` bytes.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if fewer are left.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => fail!(InvalidCatalog, "{}: {count} bytes expected, {} left", self.what, self.rest.len()),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Result<f64> {
        self.array().map(f64::from_le_bytes)
    }

    /// Reads a varint of at most 32 bits.
    ///
    /// # Errors
    /// `INVALID_CATALOG` at the end of the bytes, and for a larger number.
    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u32> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(u32::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u32> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            let bits = u32::from(byte & 0x7F);
            if shift == 28 && byte > 0x0F {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        fail!(InvalidCatalog, "{}: a varint has more than 32 bits", self.what)
    }

    /// Reads a string: its length in bytes as a varint, then UTF-8.
    ///
    /// # Errors
    /// `INVALID_CATALOG` if the bytes end before, or are not UTF-8.
    pub(crate) fn string(&mut self) -> Result<&'a str> {
        let length = self.varint()? as usize;
        let bytes = self.bytes(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => fail!(InvalidCatalog, "{}: a string is not UTF-8", self.what),
        }
    }
}

/// Writes values that [`ByteReader`] reads.
#[derive(Debug, Default)]
pub(crate) struct ByteWriter {
    pub(crate) bytes: Vec<u8>,
}

impl ByteWriter {
    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(crate) fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.varint(text.len() as u32);
        self.bytes.extend(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_the_same_after_writing_and_reading() {
        let mut writer = ByteWriter::default();
        let numbers = [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, u32::MAX];
        for n in numbers {
            writer.varint(n);
        }
        writer.string("阔腿裤");
        writer.u32(7);
        writer.f64(-0.5);
        let mut reader = ByteReader::new(&writer.bytes, "test");
        for n in numbers {
            assert_eq!(reader.varint().unwrap(), n);
        }
        assert_eq!(reader.string().unwrap(), "阔腿裤");
        assert_eq!((reader.u32().unwrap(), reader.f64().unwrap()), (7, -0.5));
        assert!(reader.is_empty());
        assert!(reader.u8().is_err());
    }

    #[test]
    fn damaged_values_are_errors() {
        for bytes in [&[0x80_u8][..], &[0xFF, 0xFF, 0xFF, 0xFF, 0x10], &[0xFF; 9]] {
            assert!(ByteReader::new(bytes, "test").varint().is_err(), "{bytes:?}");
        }
        for bytes in [&[3_u8, b'a'][..], &[1, 0xFF], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]] {
            assert!(ByteReader::new(bytes, "test").string().is_err(), "{bytes:?}");
        }
    }
}
