//! The stack machine of a pickle, with the instructions that write plain data.

use std::collections::HashMap;
use std::io::{BufRead, Read};

use corom::error::{Error, ErrorCode, Result};

use super::pickle::{Id, Value};
use super::{globals, unreadable};
use crate::fail;

/// Runs a pickle up to its stop instruction: all its values, and the one that it stands for.
pub(crate) fn run(reader: &mut impl BufRead) -> Result<(Vec<Value>, Id)> {
    let mut machine = Machine { reader, values: Vec::new(), stack: Vec::new(), memo: HashMap::new() };
    while machine.step()? {}
    let root = machine.pop()?;
    Ok((machine.values, root))
}

/// What lies on the stack: a value, or the mark that collects what follows it.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Value(Id),
    Mark,
}

struct Machine<'a, R> {
    reader: &'a mut R,
    values: Vec<Value>,
    stack: Vec<Slot>,
    memo: HashMap<u64, Id>,
}

impl<R: BufRead> Machine<'_, R> {
    /// Runs one instruction; false after the stop instruction.
    fn step(&mut self) -> Result<bool> {
        let [code] = self.bytes()?;
        match code {
            b'.' => return Ok(false),
            0x80 => {
                let [version] = self.bytes()?;
                if version > 5 {
                    fail!(InvalidCheckpoint, "pickle protocol {version} is unknown");
                }
            }
            0x95 => drop(self.bytes::<8>()?),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => {
                let n = i32::from_le_bytes(self.bytes()?);
                self.push(Value::Int(n.into()));
            }
            b'K' => {
                let [n] = self.bytes()?;
                self.push(Value::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.bytes()?);
                self.push(Value::Int(n.into()));
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
                self.push(Value::Float(x));
            }
            b'F' => {
                let x = self.line()?.trim().parse().map_err(|_| corrupt("a number that is none"))?;
                self.push(Value::Float(x));
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
                self.push(Value::Text(text));
            }
            b'C' => {
                let [length] = self.bytes()?;
                let bytes = self.block(length.into())?;
                self.push(Value::Bytes(bytes));
            }
            b'B' => {
                let length = u32::from_le_bytes(self.bytes()?);
                let bytes = self.block(length.into())?;
                self.push(Value::Bytes(bytes));
            }
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.bytes()?);
                let bytes = self.block(length)?;
                self.push(Value::Bytes(bytes));
            }
            b'(' => self.stack.push(Slot::Mark),
            b'0' => drop(self.stack.pop()),
            b'1' => drop(self.take_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(Slot::Value(top));
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => self.tuple(usize::from(code - 0x84))?,
            b't' => {
                let items = self.take_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'l' => {
                let items = self.take_to_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.take_to_mark()?;
                self.append(items)?;
            }
            0x8f => self.push(Value::List(Vec::new())),
            0x90 => {
                let items = self.take_to_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.take_to_mark()?;
                self.push(Value::Dict(pairs(&items)?));
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
                    Some(&kept) => self.stack.push(Slot::Value(kept)),
                    None => return Err(corrupt("a reference to a value that it never kept")),
                }
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.values.get(module), self.values.get(name)) {
                    (Some(Value::Text(module)), Some(Value::Text(name))) => {
                        let (module, name) = (module.clone(), name.clone());
                        self.global(&module, &name)?;
                    }
                    _ => return Err(corrupt("a function whose name is no text")),
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
                self.push(Value::Persistent(id));
            }
            other => fail!(
                InvalidCheckpoint,
                "its pickle has the instruction 0x{other:02x}, which no checkpoint of weights uses"
            ),
        }
        Ok(true)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(unreadable)?;
        Ok(bytes)
    }

    /// Reads so many bytes; a length that the file does not have costs nothing.
    fn block(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        if (bytes.len() as u64) < length {
            return Err(corrupt("a text that goes on past its end"));
        }
        Ok(bytes)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).map_err(unreadable)?;
        if line.pop() != Some(b'\n') {
            return Err(corrupt("a line that goes on past its end"));
        }
        String::from_utf8(line).map_err(|_| corrupt("a line that is not UTF-8"))
    }

    fn text(&mut self, length: u64) -> Result<()> {
        let bytes = self.block(length)?;
        // Python 2's strings are bytes; those that are no text are kept as bytes.
        let value = String::from_utf8(bytes).map_or_else(|e| Value::Bytes(e.into_bytes()), Value::Text);
        self.push(value);
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(Slot::Value(self.values.len()));
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id> {
        match self.stack.pop() {
            Some(Slot::Value(id)) => Ok(id),
            _ => Err(corrupt("an instruction with nothing to work on")),
        }
    }

    fn top(&self) -> Result<Id> {
        match self.stack.last() {
            Some(&Slot::Value(id)) => Ok(id),
            _ => Err(corrupt("an instruction with nothing to work on")),
        }
    }

    /// Takes everything above the last mark off the stack, and the mark.
    fn take_to_mark(&mut self) -> Result<Vec<Id>> {
        let mut items = Vec::new();
        loop {
            match self.stack.pop() {
                Some(Slot::Value(id)) => items.push(id),
                Some(Slot::Mark) => break,
                None => return Err(corrupt("a list without a beginning")),
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
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, items: Vec<Id>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top) {
            Some(Value::List(list)) => list.extend(items),
            // `set` and its like: a call, whose result nobody looks at.
            Some(Value::Call { .. }) => {}
            _ => return Err(corrupt("an item for something that is no list")),
        }
        Ok(())
    }

    fn set(&mut self, entries: Vec<(Id, Id)>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top) {
            Some(Value::Dict(dict)) => dict.extend(entries),
            _ => return Err(corrupt("an entry for something that is no dictionary")),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let global = format!("{module}.{name}");
        if !globals::is_known(&global) {
            fail!(
                InvalidCheckpoint,
                "its pickle names the Python object `{}`, which no state dict needs; corom runs no code from a \
                 checkpoint. If you trust the file, save it anew with torch.save(model.state_dict(), …) or as safetensors",
                global.escape_default()
            );
        }
        self.push(Value::Global(global));
        Ok(())
    }

    /// Notes a call; the dictionary classes are dictionaries.
    fn call(&mut self, function: Id, arguments: Id) -> Result<()> {
        let Some(Value::Global(name)) = self.values.get(function) else {
            return Err(corrupt("a call of something that is no function"));
        };
        if name == "collections.OrderedDict" || name == "collections.defaultdict" {
            self.push(Value::Dict(Vec::new()));
        } else {
            self.push(Value::Call { function, arguments });
        }
        Ok(())
    }

    /// Sets an object's state. A state dict's is its `_metadata`, a tensor's are
    /// its Python attributes: neither matters, so the object stays as it is.
    fn build(&mut self) -> Result<()> {
        self.pop()?;
        let object = self.top()?;
        match self.values.get(object) {
            Some(Value::Dict(_) | Value::Call { .. }) => Ok(()),
            _ => Err(corrupt("a state for something that has none")),
        }
    }
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorCode::InvalidCheckpoint, format!("its pickle is corrupt: it has {what}"))
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>> {
    if !items.len().is_multiple_of(2) {
        return Err(corrupt("a dictionary with a key and no value"));
    }
    Ok(items.chunks_exact(2).filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect())
}

fn index(line: &str) -> Result<u64> {
    line.trim().parse().map_err(|_| corrupt("a reference that is no number"))
}

/// An integer as text; protocol 0 spells booleans `00` and `01`, and long ones `5L`.
fn decimal(line: &str) -> Result<Value> {
    match line {
        "00" => Ok(Value::Bool(false)),
        "01" => Ok(Value::Bool(true)),
        _ => {
            let digits = line.trim().trim_end_matches('L');
            digits.parse().map(Value::Int).map_err(|_| corrupt("an integer that is none"))
        }
    }
}

/// A little-endian two's complement integer.
fn long(bytes: Vec<u8>) -> Value {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(&bytes);
    Value::Int(i64::from_le_bytes(wide))
}
