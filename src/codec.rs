//! One value as bytes: MessagePack with names and human-readable forms, so that a template sees of a struct or a UUID
//! what JSON would show, while numbers and bytes stay exact.

use std::cell::Cell;

use rmp_serde::config::{DefaultConfig, HumanReadableConfig};
use rmp_serde::decode::ReadRefReader;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};

/// How deep a value may be nested, as in serde_json.
const DEEPEST: usize = 128;

/// How deep decoding goes, since every level takes stack, and a worker thread has little. Beyond what is encoded, for what
/// others have written.
const DEEPEST_STEPS: usize = 2 * DEEPEST;

thread_local! {
    /// A buffer for the next value to be encoded or decoded.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger buffers are not kept for the next value.
const KEPT: usize = 4096;

/// Encodes a value.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>> {
    encoded(value, |bytes| Ok(bytes.to_vec()))
}

/// Encodes a value for as long as it is used; most are put into a larger whole at once.
pub(crate) fn encoded<T: Serialize + ?Sized, R>(value: &T, use_it: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    with_buffer(|bytes| {
        encode_into(value, bytes)?;
        use_it(bytes)
    })
}

/// Decodes a copy of the value of a key, if `find` shows one. Reading a value is the application's code, which may use
/// sessions: it runs when `find` has let go of whatever it holds.
pub(crate) fn decode_copied<T: DeserializeOwned>(
    key: &str,
    find: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<Option<()>>,
) -> Result<Option<T>> {
    with_buffer(|bytes| {
        let found = find(&mut |value| bytes.extend_from_slice(value))?;
        found.map(|()| decode_at(key, bytes)).transpose()
    })
}

fn with_buffer<R>(use_it: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    // Taken, and not borrowed: a value's own code may use sessions.
    let mut bytes = BUFFER.take();
    bytes.clear();
    let result = use_it(&mut bytes);
    if bytes.capacity() <= KEPT {
        BUFFER.set(bytes);
    }
    result
}

fn encode_into<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) -> Result<()> {
    let mut serializer = rmp_serde::Serializer::new(&mut *bytes).with_struct_map().with_human_readable();
    value.serialize(&mut serializer).map_err(|_| wrong::<T>(ErrorKind::Encode, "cannot be kept in a session"))?;
    // Every level takes a byte. What is deeper could not be read back.
    if bytes.len() > DEEPEST && IgnoredAny::deserialize(&mut deserializer(&bytes, DEEPEST)).is_err() {
        return Err(wrong::<T>(ErrorKind::Encode, "is nested too deeply to be kept in a session"));
    }
    Ok(())
}

/// Decodes a value; what follows it, or is of another type, is an error.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut deserializer = deserializer(&bytes, DEEPEST_STEPS);
    let value = T::deserialize(&mut deserializer)
        .map_err(|_| wrong::<T>(ErrorKind::Decode, "is not what the session holds under this key"))?;
    if !is_at_end(&mut deserializer) {
        return Err(Error::new(ErrorKind::Decode, "a stored value is damaged"));
    }
    Ok(value)
}

type Deserializer<'a, B> = rmp_serde::Deserializer<ReadRefReader<'a, B>, HumanReadableConfig<DefaultConfig>>;

/// Reads in place, without a buffer of its own.
fn deserializer<B: AsRef<[u8]>>(bytes: &B, deepest: usize) -> Deserializer<'_, B> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    deserializer.set_max_depth(deepest);
    deserializer
}

/// Whether nothing follows. The reader does not tell where it is; but what is no number fails behind its first byte, and
/// only where there is none does that byte fail.
fn is_at_end<B: AsRef<[u8]>>(deserializer: &mut Deserializer<'_, B>) -> bool {
    matches!(u64::deserialize(deserializer), Err(rmp_serde::decode::Error::InvalidMarkerRead(_)))
}

/// Decodes the value of a key; an error says which.
pub(crate) fn decode_at<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    decode(bytes).map_err(|error| Error::new(error.kind(), format!("the key {key:?}: {error}")))
}

/// An encoded value that can be handed to another serializer as it is.
pub(crate) struct Encoded<'a>(pub(crate) &'a [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serde_transcode::transcode(&mut deserializer(&self.0, DEEPEST_STEPS), serializer)
    }
}

/// Without serde's own words: they may quote the value, and an error ends in a log.
fn wrong<T: ?Sized>(kind: ErrorKind, what: &str) -> Error {
    Error::new(kind, format!("a value of type {} {what}", std::any::type_name::<T>()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::IpAddr;
    use std::time::{Duration, SystemTime};

    use serde::Deserialize;

    use super::*;

    fn back<T: Serialize + DeserializeOwned>(value: &T) -> T {
        decode(&encode(value).expect("encodes")).expect("decodes")
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Unit,
        Newtype(i8),
        Tuple(u8, u8),
        Struct { side: f64 },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Cart {
        items: Vec<(String, u32)>,
        note: Option<String>,
        shapes: Vec<Shape>,
        by_number: BTreeMap<u16, char>,
        address: IpAddr,
        at: SystemTime,
    }

    // behaviour 128
    #[test]
    fn values_read_back_as_they_were() {
        let cart = Cart {
            items: vec![("日本 🦀".into(), u32::MAX)],
            note: None,
            shapes: vec![
                Shape::Unit,
                Shape::Newtype(-1),
                Shape::Tuple(1, 2),
                Shape::Struct { side: f64::MIN_POSITIVE },
            ],
            by_number: BTreeMap::from([(1, 'x'), (65_535, 'é')]),
            address: IpAddr::from([127, 0, 0, 1]),
            at: SystemTime::UNIX_EPOCH + Duration::new(1, 999_999_999),
        };
        assert_eq!(back(&cart), cart);
        for number in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(back(&number), number);
        }
        assert_eq!(back(&u64::MAX), u64::MAX);
        assert_eq!(back(&f64::INFINITY), f64::INFINITY);
        assert!(back(&f64::NAN).is_nan());
        assert_eq!(back(&i128::MIN), i128::MIN);
        assert_eq!(back(&vec![0_u8, 255]), [0, 255]);
    }

    // behaviour 109
    #[test]
    fn another_type_is_an_error_and_not_absent() {
        let bytes = encode("three").expect("encodes");
        assert_eq!(decode::<u32>(&bytes).expect_err("no number").kind(), ErrorKind::Decode);
        let error = decode::<Shape>(&bytes).expect_err("no such shape");
        assert!(!format!("{error} {error:?}").contains("three"), "an error quotes no value: {error:?}");
        assert_eq!(decode::<u8>(&encode(&300).expect("encodes")).expect_err("too large").kind(), ErrorKind::Decode);
    }

    #[test]
    fn what_follows_a_value_is_an_error() {
        for follows in 0..=255 {
            for more in [&[][..], &[0], &[1, 2, 3]] {
                let bytes = [&encode("three").expect("encodes"), &[follows][..], more].concat();
                assert_eq!(decode::<String>(&bytes).expect_err("damaged").kind(), ErrorKind::Decode, "{follows:#x}");
            }
        }
    }

    // defect 18
    #[test]
    fn what_cannot_be_encoded_is_an_error() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> std::result::Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        assert_eq!(encode(&Never).expect_err("cannot").kind(), ErrorKind::Encode);
    }

    /// In the smallest stack that a thread gets, in the build with the largest frames.
    #[test]
    fn what_is_nested_too_deeply_is_an_error_and_no_overflow() {
        let nested = |levels| (1..levels).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
        let bytes = encode(&nested(DEEPEST - 1)).expect("not too deep");
        assert_eq!(decode::<serde_json::Value>(&bytes).expect("nor to be read"), nested(DEEPEST - 1));
        assert_eq!(encode(&nested(DEEPEST + 1)).expect_err("too deep").kind(), ErrorKind::Encode);
        let stored = [vec![0x91; 100_000], vec![0xc0]].concat();
        assert_eq!(decode::<serde_json::Value>(&stored).expect_err("too deep").kind(), ErrorKind::Decode);
        assert!(serde_json::to_string(&Encoded(&stored)).is_err());
    }

    #[test]
    fn a_new_field_with_a_default_reads_old_values() {
        #[derive(Serialize)]
        struct Old {
            name: &'static str,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        struct New {
            #[serde(default)]
            age: u8,
            name: String,
        }
        let bytes = encode(&Old { name: "ana" }).expect("encodes");
        assert_eq!(decode::<New>(&bytes).expect("decodes"), New { age: 0, name: "ana".into() });
    }
}
