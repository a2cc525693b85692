//! Values of every kind that serde can write, in one list for the writer and for the tests.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use cloakroom::Result;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Receives each value of a session: the writer sets it, a test compares it.
pub(crate) trait Each {
    fn value<T>(&mut self, key: &str, value: T) -> Result<()>
    where
        T: Serialize + DeserializeOwned + PartialEq + fmt::Debug;
}

/// The values of a session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    Few,
    Odd,
    /// Several hundred KiB that compress well.
    Large,
    /// Several KiB that do not compress.
    Noise,
}

impl Values {
    pub(crate) fn show(self, each: &mut impl Each) -> Result<()> {
        match self {
            Self::Few => few(each),
            Self::Odd => odd(each),
            Self::Large => large(each),
            Self::Noise => each.value("noise", Bytes(noise(7_000))),
        }
    }
}

fn few(each: &mut impl Each) -> Result<()> {
    each.value("cart", ["tea", "a cup"].map(str::to_owned).to_vec())?;
    each.value("visits", 3_u32)
}

fn large(each: &mut impl Each) -> Result<()> {
    each.value("a", 1)?;
    each.value("large", "You hand over your coat and get a client.\n".repeat(7_200))?;
    each.value("z", 2)
}

fn odd(each: &mut impl Each) -> Result<()> {
    each.value("", String::new())?;
    each.value("nul\0in\0side", "nul\0in\0side".to_owned())?;
    each.value("ключ 鍵 🔑", "значение 値 💾".to_owned())?;
    each.value(&"long key ".repeat(30), true)?;
    numbers(each)?;
    each.value("unit", ())?;
    each.value("unit struct", Nothing)?;
    each.value("none", None::<u32>)?;
    each.value("some", Some(0_u32))?;
    each.value("char", 'ß')?;
    each.value("chars", vec!['\0', 'a', '鍵', '\u{10ffff}'])?;
    each.value("bytes", Bytes(vec![0, 1, 0x7f, 0x80, 0xff]))?;
    each.value("no bytes", Bytes(Vec::new()))?;
    each.value("many bytes", Bytes(noise(300)))?;
    each.value("lengths", [0, 31, 32, 255, 256].map(|length| "x".repeat(length)).to_vec())?;
    each.value("numbers as bytes", vec![0_u8, 127, 128, 255])?;
    each.value("tuple", (1_u8, "two".to_owned(), [3_i16, -3, i16::MIN]))?;
    each.value(
        "maps",
        BTreeMap::from(
            [("b", BTreeMap::from([(7_u32, vec![Some(1), None])])), ("", BTreeMap::new())]
                .map(|(key, map)| (key.to_owned(), map)),
        ),
    )?;
    each.value("list", (0..20).collect::<Vec<i32>>())?;
    each.value("many", (0..20).map(|number| (number.to_string(), number)).collect::<BTreeMap<_, i32>>())?;
    each.value("deep", (0..100).fold(Nested(Vec::new()), |inner, _| Nested(vec![inner])))?;
    each.value("struct", named())?;
    each.value("newtype", Wrapped(Some("inside".to_owned())))?;
    each.value("duration", Duration::new(7, 999_999_999))?;
    each.value("instant", SystemTime::UNIX_EPOCH + Duration::new(1_767_225_600, 1))?;
    each.value("addresses", ["127.0.0.1", "2001:db8::1"].map(|text| text.parse::<IpAddr>().expect("an address")))?;
    enums(each)
}

fn numbers(each: &mut impl Each) -> Result<()> {
    each.value("signed", vec![0, -1, -32, -33, -128, -129, -32_768, -32_769, i64::from(i32::MIN), i64::MIN, i64::MAX])?;
    each.value("unsigned", vec![0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 63, u64::MAX])?;
    each.value("u64", u64::MAX)?;
    each.value("i128", vec![i128::MIN, -1, 0, i128::MAX])?;
    each.value("u128", u128::MAX)?;
    let floats = [0.0, -0.0, 0.1, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    each.value("f64", floats.map(Bits))?;
    each.value("f32", vec![0.1_f32, f32::MIN, f32::INFINITY])
}

fn enums(each: &mut impl Each) -> Result<()> {
    each.value(
        "external",
        vec![External::Unit, External::New(7), External::Tuple(1, "b".into()), External::Struct { a: Some(-1) }],
    )?;
    each.value("internal", vec![Internal::Unit, Internal::New(named()), Internal::Struct { a: None }])?;
    each.value(
        "adjacent",
        vec![Adjacent::Unit, Adjacent::New(7), Adjacent::Tuple(1, "b".into()), Adjacent::Struct { a: Some(-1) }],
    )?;
    each.value(
        "untagged",
        vec![Untagged::Number(-7), Untagged::Text("b".into()), Untagged::Struct { a: 1 }, Untagged::Nothing],
    )
}

/// A number that is compared by its bits, because NaN equals nothing and the two zeros are equal.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl fmt::Debug for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:x})", self.0, self.0.to_bits())
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nested(Vec<Self>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<String>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    id: u32,
    #[serde(rename = "e-mail")]
    email: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<u8>,
    null: Option<u8>,
}

fn named() -> Named {
    Named { id: 7, email: "ana@example.org".into(), absent: None, null: None }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum External {
    Unit,
    New(u32),
    Tuple(u8, String),
    Struct { a: Option<i8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    Unit,
    New(Named),
    Struct { a: Option<i8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Unit,
    New(u32),
    Tuple(u8, String),
    Struct { a: Option<i8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Struct { a: u8 },
    Nothing,
}

/// Bytes as bytes, and not as a list of numbers.
#[derive(PartialEq)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes: {:x?}…", self.0.len(), &self.0[..self.0.len().min(8)])
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only;

        impl<'de> Visitor<'de> for Only {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Bytes, A::Error> {
                Err(serde::de::Error::custom("a list of numbers"))
            }
        }

        deserializer.deserialize_bytes(Only)
    }
}

/// The same pseudorandom bytes every time (xorshift64, Marsaglia 2003).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length).map(|_| next().to_le_bytes()[3]).collect()
}
