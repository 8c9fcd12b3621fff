//! Runs the stack machine of a pickle, with the instructions that write plain data.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use super::globals;
use super::value::{PickleValue, ValueId};
use crate::checkpoint_file::file_reader::read_error;
use crate::error::{Error, ErrorCode, Result, fail};

/// Runs a pickle up to its stop instruction. Returns all values and the index of the result.
pub(super) fn run(reader: &mut impl BufRead) -> Result<(Vec<PickleValue>, ValueId)> {
    let mut machine = PickleMachine { reader, values: Vec::new(), stack: Vec::new(), memo: HashMap::new() };
    while machine.step()? {}
    let root = machine.pop()?;
    Ok((machine.values, root))
}

/// An item of the stack: a value, or a mark, from which on an instruction collects the values.
#[derive(Debug, Clone, Copy)]
enum StackItem {
    Value(ValueId),
    Mark,
}

struct PickleMachine<'a, R> {
    reader: &'a mut R,
    values: Vec<PickleValue>,
    stack: Vec<StackItem>,
    memo: HashMap<u64, ValueId>,
}

impl<R: BufRead> PickleMachine<'_, R> {
    /// Runs one instruction. Returns false after the stop instruction.
    fn step(&mut self) -> Result<bool> {
        let [code] = self.bytes()?;
        match code {
            b'.' => return Ok(false),
            0x80 => {
                let [version] = self.bytes()?;
                if version > 5 {
                    fail!(InvalidCheckpoint, "the pickle has protocol {version}; corom supports 0 to 5");
                }
            }
            0x95 => drop(self.bytes::<8>()?),
            b'N' => self.push(PickleValue::None),
            0x88 => self.push(PickleValue::Bool(true)),
            0x89 => self.push(PickleValue::Bool(false)),
            b'J' => {
                let n = i32::from_le_bytes(self.bytes()?);
                self.push(PickleValue::Int(n.into()));
            }
            b'K' => {
                let [n] = self.bytes()?;
                self.push(PickleValue::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.bytes()?);
                self.push(PickleValue::Int(n.into()));
            }
            b'I' | b'L' => {
                let value = decimal(&self.line()?)?;
                self.push(value);
            }
            0x8a => {
                let [length] = self.bytes()?;
                let bytes = self.block(length.into())?;
                self.push(long(bytes));
            }
            0x8b => {
                let length = u32::from_le_bytes(self.bytes()?);
                let bytes = self.block(length.into())?;
                self.push(long(bytes));
            }
            b'G' => {
                let x = f64::from_be_bytes(self.bytes()?);
                self.push(PickleValue::Float(x));
            }
            b'F' => {
                let x =
                    self.line()?.trim().parse().map_err(|_| corrupt("has a number that cannot be parsed"))?;
                self.push(PickleValue::Float(x));
            }
            b'X' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.text(length.into())?;
            }
            0x8c | b'U' => {
                let [length] = self.bytes()?;
                self.text(length.into())?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.bytes()?);
                self.text(length)?;
            }
            b'T' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.text(length.into())?;
            }
            b'V' | b'S' => {
                let line = self.line()?;
                let text = line.trim_matches(['\'', '"']).to_owned();
                self.push(PickleValue::Text(text));
            }
            b'C' => {
                let [length] = self.bytes()?;
                let bytes = self.block(length.into())?;
                self.push(PickleValue::Bytes(bytes));
            }
            b'B' => {
                let length = u32::from_le_bytes(self.bytes()?);
                let bytes = self.block(length.into())?;
                self.push(PickleValue::Bytes(bytes));
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.bytes()?);
                let bytes = self.block(length)?;
                self.push(PickleValue::Bytes(bytes));
            }
            b'(' => self.stack.push(StackItem::Mark),
            b'0' => drop(self.stack.pop()),
            b'1' => drop(self.take_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(StackItem::Value(top));
            }
            b')' => self.push(PickleValue::Tuple(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b't' => {
                let items = self.take_to_mark()?;
                self.push(PickleValue::Tuple(items));
            }
            b']' => self.push(PickleValue::List(Vec::new())),
            b'l' => {
                let items = self.take_to_mark()?;
                self.push(PickleValue::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.take_to_mark()?;
                self.append(items)?;
            }
            0x8f => self.push(PickleValue::List(Vec::new())),
            0x90 => {
                let items = self.take_to_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(PickleValue::Dict(Vec::new())),
            b'd' => {
                let items = self.take_to_mark()?;
                self.push(PickleValue::Dict(pairs(&items)?));
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let items = self.take_to_mark()?;
                self.set(pairs(&items)?)?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let index = match code {
                    b'p' => index(&self.line()?)?,
                    b'q' => u64::from(self.bytes::<1>()?[0]),
                    b'r' => u32::from_le_bytes(self.bytes()?).into(),
                    _ => self.memo.len() as u64,
                };
                let top = self.top()?;
                self.memo.insert(index, top);
            }
            b'g' | b'h' | b'j' => {
                let index = match code {
                    b'g' => index(&self.line()?)?,
                    b'h' => u64::from(self.bytes::<1>()?[0]),
                    _ => u32::from_le_bytes(self.bytes()?).into(),
                };
                match self.memo.get(&index) {
                    Some(&kept) => self.stack.push(StackItem::Value(kept)),
                    None => return Err(corrupt("refers to a value that it never stored")),
                }
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.values.get(module), self.values.get(name)) {
                    (Some(PickleValue::Text(module)), Some(PickleValue::Text(name))) => {
                        let (module, name) = (module.clone(), name.clone());
                        self.global(&module, &name)?;
                    }
                    _ => return Err(corrupt("names a function by something that is no text")),
                }
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let function = self.pop()?;
                self.call(function, arguments)?;
            }
            0x92 => {
                let (_keywords, arguments) = (self.pop()?, self.pop()?);
                let function = self.pop()?;
                self.call(function, arguments)?;
            }
            b'b' => self.build()?,
            b'Q' => {
                let id = self.pop()?;
                self.push(PickleValue::Persistent(id));
            }
            other => fail!(
                InvalidCheckpoint,
                "the pickle has the instruction 0x{other:02x}, which a state dict does not need"
            ),
        }
        Ok(true)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(read_error)?;
        Ok(bytes)
    }

    /// Reads `length` bytes. A length beyond the end of the file allocates nothing.
    fn block(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes).map_err(read_error)?;
        if (bytes.len() as u64) < length {
            return Err(corrupt("has a text that is shorter than its stated length"));
        }
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).map_err(read_error)?;
        if line.pop() != Some(b'\n') {
            return Err(corrupt("has a line without an end"));
        }
        String::from_utf8(line).map_err(|_| corrupt("has a line that is not UTF-8"))
    }

    fn text(&mut self, length: u64) -> Result<()> {
        let bytes = self.block(length)?;
        // Strings of Python 2 are bytes. A string that is no UTF-8 stays bytes.
        let value =
            String::from_utf8(bytes).map_or_else(|e| PickleValue::Bytes(e.into_bytes()), PickleValue::Text);
        self.push(value);
        Ok(())
    }

    fn push(&mut self, value: PickleValue) {
        self.stack.push(StackItem::Value(self.values.len()));
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<ValueId> {
        match self.stack.pop() {
            Some(StackItem::Value(id)) => Ok(id),
            _ => Err(corrupt("has an instruction without an operand")),
        }
    }

    fn top(&self) -> Result<ValueId> {
        match self.stack.last() {
            Some(&StackItem::Value(id)) => Ok(id),
            _ => Err(corrupt("has an instruction without an operand")),
        }
    }

    /// Removes the last mark and everything above it from the stack, and returns the values.
    fn take_to_mark(&mut self) -> Result<Vec<ValueId>> {
        let mut items = Vec::new();
        loop {
            match self.stack.pop() {
                Some(StackItem::Value(id)) => items.push(id),
                Some(StackItem::Mark) => break,
                None => return Err(corrupt("has a list without a beginning")),
            }
        }
        items.reverse();
        Ok(items)
    }

    fn tuple(&mut self, length: usize) -> Result<()> {
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(PickleValue::Tuple(items));
        Ok(())
    }

    fn append(&mut self, items: Vec<ValueId>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top) {
            Some(PickleValue::List(list)) => list.extend(items),
            // A call (of `set`, for example). Nothing reads its result.
            Some(PickleValue::Call { .. }) => {}
            _ => return Err(corrupt("appends to something that is no list")),
        }
        Ok(())
    }

    fn set(&mut self, entries: Vec<(ValueId, ValueId)>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top) {
            Some(PickleValue::Dict(dict)) => dict.extend(entries),
            _ => return Err(corrupt("sets an entry of something that is no dictionary")),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let global = format!("{module}.{name}");
        if !globals::is_known(&global) {
            fail!(
                InvalidCheckpoint,
                "the pickle names the Python object `{}`, which no state dict needs; corom runs no code from a \
                 checkpoint. If you trust the file, save it again with torch.save(model.state_dict(), …) or as \
                 safetensors",
                global.escape_default()
            );
        }
        self.push(PickleValue::Global(global));
        Ok(())
    }

    /// Records a call. A call of a dictionary class is an empty dictionary.
    fn call(&mut self, function: ValueId, arguments: ValueId) -> Result<()> {
        let Some(PickleValue::Global(name)) = self.values.get(function) else {
            return Err(corrupt("calls something that is no function"));
        };
        if name == "collections.OrderedDict" || name == "collections.defaultdict" {
            self.push(PickleValue::Dict(Vec::new()));
        } else {
            self.push(PickleValue::Call { function, arguments });
        }
        Ok(())
    }

    /// Ignores the state that is set on an object: the `_metadata` of a state dict and the Python
    /// attributes of a tensor do not matter.
    fn build(&mut self) -> Result<()> {
        self.pop()?;
        let object = self.top()?;
        match self.values.get(object) {
            Some(PickleValue::Dict(_) | PickleValue::Call { .. }) => Ok(()),
            _ => Err(corrupt("sets the state of something that has none")),
        }
    }
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorCode::InvalidCheckpoint, format!("the pickle is corrupt: it {what}"))
}

fn pairs(items: &[ValueId]) -> Result<Vec<(ValueId, ValueId)>> {
    if !items.len().is_multiple_of(2) {
        return Err(corrupt("has a dictionary key without a value"));
    }
    Ok(items.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect())
}

fn index(line: &str) -> Result<u64> {
    line.trim().parse().map_err(|_| corrupt("has a reference that is no number"))
}

/// Parses an integer. Protocol 0 writes booleans as `00` and `01`, and long integers as `5L`.
fn decimal(line: &str) -> Result<PickleValue> {
    match line {
        "00" => Ok(PickleValue::Bool(false)),
        "01" => Ok(PickleValue::Bool(true)),
        _ => {
            let digits = line.trim().trim_end_matches('L');
            digits.parse().map(PickleValue::Int).map_err(|_| corrupt("has an integer that cannot be parsed"))
        }
    }
}

/// Converts a little-endian two's complement integer.
fn long(bytes: Vec<u8>) -> PickleValue {
    if bytes.len() > 8 {
        return PickleValue::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(&bytes);
    PickleValue::Int(i64::from_le_bytes(wide))
}
