//! Writing values as MessagePack (github.com/msgpack/msgpack, spec.md): each in its shortest form, structs and variants with
//! their names.

use std::fmt;

use serde::ser::{self, Serialize};

use super::number::{self, Number, TOKEN};
use super::{DEEPEST, Failed};

/// Appends to a buffer.
pub(super) struct Writer<'a> {
    bytes: &'a mut Vec<u8>,
    /// How many more levels there may be.
    levels: usize,
}

/// A sequence or a map that is being written.
pub(super) struct Compound<'a, 'b> {
    writer: &'b mut Writer<'a>,
    kind: Kind,
    /// How many elements were announced, if somebody knew.
    announced: Option<usize>,
    written: usize,
    /// Where the elements begin.
    start: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Sequence,
    Map,
    /// A number of serde_json that comes as a text in a struct.
    Number,
}

type Result<T = ()> = std::result::Result<T, Failed>;

impl<'a> Writer<'a> {
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes, levels: DEEPEST }
    }

    fn unsigned(&mut self, value: u64) {
        match value {
            0..=0x7f => self.bytes.push(value as u8),
            0x80..=0xff => self.bytes.extend_from_slice(&[0xcc, value as u8]),
            0x100..=0xffff => self.marked(0xcd, (value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.marked(0xce, (value as u32).to_be_bytes()),
            _ => self.marked(0xcf, value.to_be_bytes()),
        }
    }

    fn signed(&mut self, value: i64) {
        match value {
            0.. => self.unsigned(value.unsigned_abs()),
            -0x20..0 => self.bytes.push(value as u8),
            -0x80..-0x20 => self.bytes.extend_from_slice(&[0xd0, value as u8]),
            -0x8000..-0x80 => self.marked(0xd1, (value as i16).to_be_bytes()),
            -0x8000_0000..-0x8000 => self.marked(0xd2, (value as i32).to_be_bytes()),
            _ => self.marked(0xd3, value.to_be_bytes()),
        }
    }

    /// What no 64 bits hold goes into an extension type of ours, so that it is not taken for bytes.
    pub(super) fn number(&mut self, number: Number) {
        match number {
            Number::Unsigned(value) => self.unsigned(value),
            Number::Signed(value) => self.signed(value),
            Number::Float(value) => self.marked(0xcb, value.to_be_bytes()),
            Number::LargeUnsigned(value) => self.extension(number::UNSIGNED, value.to_be_bytes()),
            Number::LargeSigned(value) => self.extension(number::SIGNED, value.to_be_bytes()),
        }
    }

    fn extension(&mut self, kind: u8, value: [u8; 16]) {
        self.bytes.extend_from_slice(&[0xd8, kind]);
        self.bytes.extend_from_slice(&value);
    }

    fn marked<const N: usize>(&mut self, marker: u8, value: [u8; N]) {
        self.bytes.push(marker);
        self.bytes.extend_from_slice(&value);
    }

    fn text(&mut self, text: &str) -> Result {
        match length(text.len())? {
            length @ 0..=0x1f => self.bytes.push(0xa0 | length as u8),
            length @ 0x20..=0xff => self.bytes.extend_from_slice(&[0xd9, length as u8]),
            length @ 0x100..=0xffff => self.marked(0xda, (length as u16).to_be_bytes()),
            length => self.marked(0xdb, length.to_be_bytes()),
        }
        self.bytes.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn compound(&mut self, kind: Kind, announced: Option<usize>) -> Result<Compound<'a, '_>> {
        self.levels = self.levels.checked_sub(1).ok_or(Failed)?;
        if let Some(count) = announced {
            self.bytes.extend_from_slice(Head::new(kind, count)?.as_slice());
        }
        Ok(Compound { start: self.bytes.len(), writer: self, kind, announced, written: 0 })
    }

    /// A variant with something in it is a map of its name to that.
    fn variant(&mut self, name: &str) -> Result {
        self.bytes.push(0x81);
        self.text(name)
    }

    /// The level that the map of a variant takes.
    fn within_variant<T>(&mut self, name: &str, write: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.levels = self.levels.checked_sub(1).ok_or(Failed)?;
        self.variant(name)?;
        let done = write(self);
        self.levels += 1;
        done
    }
}

/// How a sequence or a map begins.
struct Head {
    bytes: [u8; 5],
    length: usize,
}

impl Head {
    fn new(kind: Kind, count: usize) -> Result<Self> {
        let [short, two, four] = if kind == Kind::Sequence { [0x90, 0xdc, 0xdd] } else { [0x80, 0xde, 0xdf] };
        let count = length(count)?;
        let [a, b, c, d] = count.to_be_bytes();
        Ok(match count {
            0..=0xf => Self { bytes: [short | d, 0, 0, 0, 0], length: 1 },
            0x10..=0xffff => Self { bytes: [two, c, d, 0, 0], length: 3 },
            _ => Self { bytes: [four, a, b, c, d], length: 5 },
        })
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

fn length(length: usize) -> Result<u32> {
    u32::try_from(length).map_err(|_| Failed)
}

impl<'a, 'b> ser::Serializer for &'b mut Writer<'a> {
    type Ok = ();
    type Error = Failed;
    type SerializeSeq = Compound<'a, 'b>;
    type SerializeTuple = Compound<'a, 'b>;
    type SerializeTupleStruct = Compound<'a, 'b>;
    type SerializeTupleVariant = Compound<'a, 'b>;
    type SerializeMap = Compound<'a, 'b>;
    type SerializeStruct = Compound<'a, 'b>;
    type SerializeStructVariant = Compound<'a, 'b>;

    fn serialize_bool(self, value: bool) -> Result {
        self.bytes.push(if value { 0xc3 } else { 0xc2 });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result {
        self.signed(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result {
        self.number(value.into());
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result {
        self.unsigned(value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result {
        self.number(value.into());
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result {
        self.marked(0xca, value.to_be_bytes());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result {
        self.marked(0xcb, value.to_be_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result {
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        match length(value.len())? {
            length @ 0..=0xff => self.bytes.extend_from_slice(&[0xc4, length as u8]),
            length @ 0x100..=0xffff => self.marked(0xc5, (length as u16).to_be_bytes()),
            length => self.marked(0xc6, length.to_be_bytes()),
        }
        self.bytes.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        self.bytes.push(0xc0);
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result {
        self.bytes.push(0x90);
        Ok(())
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        self.within_variant(variant, |writer| value.serialize(writer))
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Compound<'a, 'b>> {
        self.compound(Kind::Sequence, count)
    }

    fn serialize_tuple(self, count: usize) -> Result<Compound<'a, 'b>> {
        self.compound(Kind::Sequence, Some(count))
    }

    fn serialize_tuple_struct(self, _name: &'static str, count: usize) -> Result<Compound<'a, 'b>> {
        self.compound(Kind::Sequence, Some(count))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Compound<'a, 'b>> {
        self.variant(variant)?;
        self.compound(Kind::Sequence, Some(count))
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Compound<'a, 'b>> {
        self.compound(Kind::Map, count)
    }

    fn serialize_struct(self, name: &'static str, count: usize) -> Result<Compound<'a, 'b>> {
        if name == TOKEN {
            return self.compound(Kind::Number, None);
        }
        self.compound(Kind::Map, Some(count))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Compound<'a, 'b>> {
        self.variant(variant)?;
        self.compound(Kind::Map, Some(count))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result {
        self.text(&value.to_string())
    }
}

impl Compound<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.written += 1;
        value.serialize(&mut *self.writer)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
        self.written += 1;
        self.writer.text(name)?;
        value.serialize(&mut *self.writer)
    }

    fn finish(self) -> Result {
        self.writer.levels += 1;
        match self.announced {
            // Nobody could read what follows.
            Some(announced) if announced != self.written => return Err(Failed),
            Some(_) => return Ok(()),
            None => {}
        }
        let head = Head::new(self.kind, self.written)?;
        if self.kind == Kind::Number {
            let text = number::in_struct(&self.writer.bytes[self.start..]);
            if let Some(number) = text.and_then(Number::exactly) {
                self.writer.bytes.truncate(self.start);
                self.writer.number(number);
                return Ok(());
            }
        }
        self.writer.bytes.splice(self.start..self.start, head.as_slice().iter().copied());
        Ok(())
    }
}

impl ser::SerializeSeq for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.element(value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTuple for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.element(value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTupleStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.element(value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeTupleVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        self.element(value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeMap for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeStruct for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
        self.field(name, value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}

impl ser::SerializeStructVariant for Compound<'_, '_> {
    type Ok = ();
    type Error = Failed;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result {
        self.field(name, value)
    }

    fn end(self) -> Result {
        self.finish()
    }
}
