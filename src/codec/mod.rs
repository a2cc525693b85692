//! One value as bytes: MessagePack with names and human-readable forms, so that a template sees of a struct or a UUID
//! what JSON would show, while numbers and bytes stay exact.
//!
//! Read and written here, and not by a library, because serde's numbers of 128 bits and those of serde_json with
//! `arbitrary_precision` have to come back as what they were, in untagged enums and templates too; and because every request
//! that reads a value comes through here.

mod number;
mod read;
mod write;

use std::cell::Cell;
use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::error::{Error, ErrorKind, Result};
use read::Reader;
use write::Writer;

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
    value.serialize(&mut Writer::new(bytes)).map_err(|_| {
        wrong::<T>(ErrorKind::Encode, "cannot be kept in a session, or is nested too deeply to be read back")
    })
}

/// Decodes a value; what follows it, or is of another type, is an error.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = Reader::new(bytes);
    let value = T::deserialize(&mut reader)
        .map_err(|_| wrong::<T>(ErrorKind::Decode, "is not what the session holds under this key"))?;
    if reader.is_at_end() { Ok(value) } else { Err(Error::new(ErrorKind::Decode, "a stored value is damaged")) }
}

/// Without serde's own words, which may quote the value: an error ends in a log.
#[derive(Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value cannot be written or read")
    }
}

impl std::error::Error for Failed {}

impl serde::ser::Error for Failed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl serde::de::Error for Failed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Decodes the value of a key; an error says which.
pub(crate) fn decode_at<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    decode(bytes).map_err(|error| Error::new(error.kind(), format!("the key {key:?}: {error}")))
}

/// An encoded value that can be handed to another serializer as it is. One of which not every serializer can make something is
/// shown as such, so that the values beside it are seen.
pub(crate) struct Encoded<'a>(pub(crate) &'a [u8]);

/// What is shown of it.
const NOT_SHOWN: &str = "(a value that cannot be shown)";

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut reader = Reader::new(self.0);
        if !reader.clone().can_be_shown() {
            return serializer.serialize_str(NOT_SHOWN);
        }
        serde_transcode::transcode(&mut reader, serializer)
    }
}

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
        assert_eq!(serde_json::to_value(Encoded(&stored)).expect("is shown"), NOT_SHOWN);
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

    /// What serde_json makes of a value in between, where it can.
    fn as_json<T: Serialize>(value: &T) -> std::result::Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(&serde_json::to_string(value)?)
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u128),
        Text(String),
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        Amount { cents: u128 },
    }

    #[test]
    fn large_numbers_are_numbers_wherever_a_type_is_found_out() {
        for number in [0, 7, u128::from(u64::MAX), 1 << 64, u128::MAX] {
            assert_eq!(back(&number), number);
            let bytes = encode(&number).expect("encodes");
            let json = as_json(&number).expect("is JSON");
            assert_eq!(decode::<serde_json::Value>(&bytes).expect("decodes"), json);
            assert_eq!(serde_json::to_value(Encoded(&bytes)).expect("is shown"), json);
            // As serde_json has it: what it cannot read, neither can this, and nothing becomes a text.
            let either = encode(&Either::Number(number)).expect("encodes");
            let json = serde_json::to_string(&number).and_then(|json| serde_json::from_str::<Either>(&json));
            assert_eq!(decode::<Either>(&either).ok(), json.ok());
            let tagged = Tagged::Amount { cents: number };
            let json = serde_json::to_string(&tagged).and_then(|json| serde_json::from_str::<Tagged>(&json));
            assert_eq!(decode::<Tagged>(&encode(&tagged).expect("encodes")).ok(), json.ok());
        }
        for number in [i128::MIN, i128::from(i64::MIN) - 1, i64::MIN.into(), -1, 0, i128::MAX] {
            assert_eq!(back(&number), number);
        }
        assert_eq!(decode::<f64>(&encode(&u128::MAX).expect("encodes")).ok(), Some(u128::MAX as f64));
    }

    /// As versions before this one wrote them.
    #[test]
    fn large_numbers_that_are_stored_as_bytes_are_read() {
        let stored = |bytes: [u8; 16]| [&[0xc4, 16][..], &bytes].concat();
        assert_eq!(decode::<u128>(&stored(u128::MAX.to_be_bytes())).ok(), Some(u128::MAX));
        assert_eq!(decode::<i128>(&stored(i128::MIN.to_be_bytes())).ok(), Some(i128::MIN));
    }

    /// A number as serde_json hands it on with its feature `arbitrary_precision`.
    struct Precise(&'static str);

    impl Serialize for Precise {
        fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            let mut number = serializer.serialize_struct(number::TOKEN, 1)?;
            number.serialize_field(number::TOKEN, self.0)?;
            number.end()
        }
    }

    #[test]
    fn numbers_of_arbitrary_precision_are_numbers() {
        for (text, json) in
            [("3", serde_json::json!([3])), ("-4", serde_json::json!([-4])), ("0.1", serde_json::json!([0.1]))]
        {
            let bytes = encode(&[Precise(text)]).expect("encodes");
            assert_eq!(decode::<serde_json::Value>(&bytes).expect("decodes"), json);
            assert_eq!(bytes, encode(&json).expect("encodes"));
        }
        // What a number would not say exactly comes back to the digit, and is one for whoever asks for a number.
        let digits = "340282366920938463463374607431768211455";
        let bytes = encode(&Precise(digits)).expect("encodes");
        assert_eq!(decode::<BTreeMap<String, String>>(&bytes).expect("decodes")[number::TOKEN], digits);
        assert_eq!(decode::<u128>(&bytes).ok(), Some(u128::MAX));
        let third = "0.333333333333333333333333";
        assert_eq!(decode::<f64>(&encode(&Precise(third)).expect("encodes")).ok(), Some(1.0 / 3.0));
    }

    #[test]
    fn what_not_every_serializer_takes_is_shown_as_such() {
        let odd: BTreeMap<(u8, u8), u8> = BTreeMap::from([((1, 2), 3)]);
        let shown = |bytes: &[u8]| serde_json::to_value(Encoded(bytes)).expect("is shown");
        assert_eq!(shown(&encode(&odd).expect("encodes")), NOT_SHOWN);
        assert_eq!(shown(&encode(&BTreeMap::from([(Some(()), 1)])).expect("encodes")), serde_json::json!(NOT_SHOWN));
        assert_eq!(shown(&encode(&BTreeMap::from([(u128::MAX, 1)])).expect("encodes")), NOT_SHOWN);
        assert_eq!(shown(&encode(&BTreeMap::from([(7, 1)])).expect("encodes")), serde_json::json!({"7": 1}));
        for damaged in [&[0x92, 1][..], &[0xc1], &[0xa2, 0xff, 0xff], &[1, 1], &[]] {
            assert_eq!(shown(damaged), NOT_SHOWN);
        }
    }

    #[test]
    fn a_length_that_is_not_there_takes_no_memory() {
        for stored in
            [&[0xdd, 0xff, 0xff, 0xff, 0xff][..], &[0xc6, 0xff, 0xff, 0xff, 0xff], &[0xdf, 0xff, 0xff, 0xff, 0xff]]
        {
            assert!(decode::<serde_json::Value>(stored).is_err());
            assert!(decode::<serde::de::IgnoredAny>(stored).is_err());
            assert!(decode::<Vec<u64>>(stored).is_err());
        }
    }

    #[test]
    fn a_count_that_does_not_hold_is_refused() {
        struct Miscounted;
        impl Serialize for Miscounted {
            fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serde::ser::SerializeSeq::end(serializer.serialize_seq(Some(3))?)
            }
        }
        assert_eq!(encode(&Miscounted).expect_err("it is short").kind(), ErrorKind::Encode);
        let mut counted_later = Vec::new();
        let numbers = (0..300).filter(|number| number % 2 == 0);
        let mut serializer = Writer::new(&mut counted_later);
        serde::Serializer::collect_seq(&mut serializer, numbers.clone()).expect("encodes");
        assert_eq!(decode::<Vec<u32>>(&counted_later).expect("decodes"), numbers.collect::<Vec<_>>());
    }
}
