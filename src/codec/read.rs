//! Reading values in place.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, DeserializeSeed, Visitor};

use super::number::{self, Number, TOKEN};
use super::{DEEPEST_STEPS, Failed};

/// Reads one value after the other.
#[derive(Clone)]
pub(super) struct Reader<'de> {
    rest: &'de [u8],
    /// How many more steps inwards there may be.
    steps: usize,
}

/// What begins at a place.
enum Item<'de> {
    Nil,
    Bool(bool),
    Number(Number),
    /// As it was written, because f64 would show other digits.
    Single(f32),
    Text(&'de str),
    Bytes(&'de [u8]),
    Sequence(usize),
    Map(usize),
}

type Result<T = ()> = std::result::Result<T, Failed>;

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8]) -> Self {
        Self { rest: bytes, steps: DEEPEST_STEPS }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The text that comes next, if it is one.
    pub(super) fn text(&mut self) -> Option<&'de str> {
        match self.item() {
            Ok(Item::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether this is a whole value of which every serializer can make something: many take only maps whose keys are texts,
    /// or numbers and booleans that they turn into texts.
    pub(super) fn can_be_shown(mut self) -> bool {
        self.shows().is_ok_and(|shows| shows) && self.is_at_end()
    }

    fn shows(&mut self) -> Result<bool> {
        match self.item()? {
            Item::Sequence(count) => self.inwards(|reader| {
                let mut shows = true;
                for _ in 0..count {
                    shows &= reader.shows()?;
                }
                Ok(shows)
            }),
            Item::Map(count) => self.inwards(|reader| {
                let mut shows = true;
                for _ in 0..count {
                    let small = |number| !matches!(number, Number::LargeUnsigned(_) | Number::LargeSigned(_));
                    shows &= match reader.item()? {
                        Item::Text(_) | Item::Bool(_) => true,
                        Item::Number(number) => small(number),
                        _ => return Ok(false),
                    };
                    shows &= reader.shows()?;
                }
                Ok(shows)
            }),
            _ => Ok(true),
        }
    }

    fn item(&mut self) -> Result<Item<'de>> {
        let marker = self.byte()?;
        Ok(match marker {
            0x00..=0x7f => Item::Number(Number::Unsigned(marker.into())),
            0x80..=0x8f => Item::Map((marker & 0xf).into()),
            0x90..=0x9f => Item::Sequence((marker & 0xf).into()),
            0xa0..=0xbf => self.str((marker & 0x1f).into())?,
            0xc0 => Item::Nil,
            0xc2 | 0xc3 => Item::Bool(marker == 0xc3),
            0xc4..=0xc6 => {
                let length = self.length(1 << (marker - 0xc4))?;
                Item::Bytes(self.take(length)?)
            }
            0xca => Item::Single(f32::from_be_bytes(self.array()?)),
            0xcb => Item::Number(Number::Float(f64::from_be_bytes(self.array()?))),
            0xcc..=0xcf => Item::Number(Number::Unsigned(self.unsigned(1 << (marker - 0xcc))?)),
            0xd0..=0xd3 => {
                let size = 1 << (marker - 0xd0);
                let unused = 64 - 8 * size as u32;
                Item::Number(Number::Signed((self.unsigned(size)? << unused).cast_signed() >> unused))
            }
            0xd8 => match self.byte()? {
                number::UNSIGNED => Item::Number(Number::LargeUnsigned(u128::from_be_bytes(self.array()?))),
                number::SIGNED => Item::Number(Number::LargeSigned(i128::from_be_bytes(self.array()?))),
                _ => return Err(Failed),
            },
            0xd9..=0xdb => {
                let length = self.length(1 << (marker - 0xd9))?;
                self.str(length)?
            }
            0xdc | 0xdd => Item::Sequence(self.length(2 << (marker - 0xdc))?),
            0xde | 0xdf => Item::Map(self.length(2 << (marker - 0xde))?),
            0xe0..=0xff => Item::Number(Number::Signed(marker.cast_signed().into())),
            // Never used, or an extension that is not ours.
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd7 => return Err(Failed),
        })
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.rest.split_first().ok_or(Failed)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'de [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Failed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Failed)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn unsigned(&mut self, size: usize) -> Result<u64> {
        Ok(self.take(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, size: usize) -> Result<usize> {
        usize::try_from(self.unsigned(size)?).map_err(|_| Failed)
    }

    fn str(&mut self, length: usize) -> Result<Item<'de>> {
        std::str::from_utf8(self.take(length)?).map(Item::Text).map_err(|_| Failed)
    }

    /// One level deeper, where each takes stack.
    fn inwards<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.steps = self.steps.checked_sub(1).ok_or(Failed)?;
        let value = read(self)?;
        self.steps += 1;
        Ok(value)
    }

    fn visit<V: Visitor<'de>>(&mut self, item: Item<'de>, visitor: V) -> Result<V::Value> {
        match item {
            Item::Nil => visitor.visit_unit(),
            Item::Bool(value) => visitor.visit_bool(value),
            Item::Number(Number::Unsigned(value)) => visitor.visit_u64(value),
            Item::Number(Number::Signed(value)) => visitor.visit_i64(value),
            Item::Number(Number::Float(value)) => visitor.visit_f64(value),
            // As serde_json: what does not say that it wants more gets what is nearest.
            Item::Number(Number::LargeUnsigned(value)) => visitor.visit_f64(value as f64),
            Item::Number(Number::LargeSigned(value)) => visitor.visit_f64(value as f64),
            Item::Single(value) => visitor.visit_f32(value),
            Item::Text(value) => visitor.visit_borrowed_str(value),
            Item::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Item::Sequence(left) => self.inwards(|reader| {
                let mut elements = Elements { reader, left };
                let value = visitor.visit_seq(&mut elements)?;
                // Something of another shape was read, which would take what is left for what follows.
                if elements.left == 0 { Ok(value) } else { Err(Failed) }
            }),
            Item::Map(left) => self.inwards(|reader| {
                let mut elements = Elements { reader, left };
                let value = visitor.visit_map(&mut elements)?;
                if elements.left == 0 { Ok(value) } else { Err(Failed) }
            }),
        }
    }

    /// A number, also where serde_json made a text in a struct of it.
    fn number<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        visit: impl FnOnce(&mut Self, V, Number) -> Result<V::Value>,
    ) -> Result<V::Value> {
        match self.item()? {
            Item::Number(number) => visit(self, visitor, number),
            Item::Map(1) => {
                let is_number = self.text() == Some(TOKEN);
                let number = self.text().filter(|_| is_number).and_then(Number::nearly);
                visit(self, visitor, number.ok_or(Failed)?)
            }
            item => self.visit(item, visitor),
        }
    }

    fn large_number<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value> {
        self.number(visitor, |reader, visitor, number| match number {
            Number::LargeUnsigned(value) => visitor.visit_u128(value),
            Number::LargeSigned(value) => visitor.visit_i128(value),
            number => reader.visit(Item::Number(number), visitor),
        })
    }
}

/// Numbers of 128 bits were bytes once.
fn once_bytes<'de>(reader: &mut Reader<'de>) -> Option<[u8; 16]> {
    let mut ahead = reader.clone();
    match ahead.item() {
        Ok(Item::Bytes(bytes)) => {
            *reader = ahead;
            bytes.try_into().ok()
        }
        _ => None,
    }
}

macro_rules! ordinary {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            self.number(visitor, |reader, visitor, number| reader.visit(Item::Number(number), visitor))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let item = self.item()?;
        self.visit(item, visitor)
    }

    ordinary! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16 }
    ordinary! { deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match once_bytes(self) {
            Some(bytes) => visitor.visit_i128(i128::from_be_bytes(bytes)),
            None => self.large_number(visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match once_bytes(self) {
            Some(bytes) => visitor.visit_u128(u128::from_be_bytes(bytes)),
            None => self.large_number(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.rest.split_first() {
            Some((0xc0, rest)) => {
                self.rest = rest;
                visitor.visit_none()
            }
            _ => self.inwards(|reader| visitor.visit_some(reader)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        match self.item()? {
            Item::Nil | Item::Sequence(0) => visitor.visit_unit(),
            _ => Err(Failed),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value> {
        self.inwards(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.item()? {
            Item::Text(name) => visitor.visit_enum(BorrowedStrDeserializer::new(name)),
            Item::Map(1) => self.inwards(|reader| visitor.visit_enum(Variant(reader))),
            _ => Err(Failed),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        // Without a step inwards, however deep it is.
        let mut left = 1_usize;
        while left > 0 {
            left -= 1;
            let more = match self.item()? {
                Item::Sequence(count) => count,
                Item::Map(count) => count.checked_mul(2).ok_or(Failed)?,
                _ => 0,
            };
            left = left.checked_add(more).ok_or(Failed)?;
        }
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool char str string bytes byte_buf unit seq tuple tuple_struct map struct identifier
    }
}

/// What is in a sequence or a map.
struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Failed;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        // An element takes a byte at least, whatever the head says.
        Some(self.left.min(self.reader.rest.len()))
    }
}

impl<'de> de::MapAccess<'de> for &mut Elements<'_, 'de> {
    type Error = Failed;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.reader.rest.len()))
    }
}

/// A variant with something in it.
struct Variant<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = Failed;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self)> {
        let name = seed.deserialize(&mut *self.0)?;
        Ok((name, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = Failed;

    fn unit_variant(self) -> Result {
        de::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value> {
        de::Deserializer::deserialize_any(self.0, visitor)
    }
}
