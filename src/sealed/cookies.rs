//! A record in one to four cookies.
//!
//! Each cookie is sealed by itself. Under the seal it carries `id index count part`: which answer it belongs to, the
//! how-manieth of how many it is, and its part of `compression record`.

use std::time::Duration;

use super::CookieStore;
use crate::adapter::RequestHead;
use crate::cookie::{Cookie, candidates};
use crate::error::{Error, ErrorKind, Result};
use crate::record::Record;
use crate::token::random;

/// How many cookies one session takes at most.
const MOST_COOKIES: usize = 4;

/// How many cookies of one name are opened.
const MOST_CANDIDATES: usize = 4;

/// The longest `Set-Cookie` header that every browser takes (RFC 6265bis, section 5.7: name and value; some count the
/// attributes too).
const LONGEST_COOKIE: usize = 4096;

const ID: usize = 8;
const HEAD: usize = ID + 2;

/// Below this many bytes deflate gains nothing.
const COMPRESSIBLE: usize = 512;

/// Seals and opens the sessions of one cookie.
#[derive(Debug)]
pub(crate) struct Sealer {
    store: CookieStore,
    /// The names of the cookies: the configured one, and with numbers for what does not fit in one.
    names: [String; MOST_COOKIES],
    record_limit: usize,
}

/// A record that a request brought, and whether it should be sealed again because an older secret had sealed it.
pub(crate) struct Unsealed {
    pub(crate) record: Record,
    pub(crate) by_older_secret: bool,
}

struct Part {
    id: [u8; ID],
    index: u8,
    count: u8,
    bytes: Vec<u8>,
    newest: bool,
}

impl Sealer {
    pub(crate) fn new(store: CookieStore, cookie: &Cookie, record_limit: usize) -> Self {
        let names = std::array::from_fn(|index| match index {
            0 => cookie.name.clone(),
            number => format!("{}-{number}", cookie.name),
        });
        Self { store, names, record_limit }
    }

    /// The values of the `Set-Cookie` headers that give a record to its visitor, and take away what an earlier answer took
    /// more cookies for.
    pub(crate) fn seal(
        &self,
        record: &Record,
        max_age: Option<Duration>,
        cookie: &Cookie,
        head: &dyn RequestHead,
    ) -> Result<Vec<String>> {
        let Some(keys) = self.store.secrets.first() else { unreachable!("a ring has a secret") };
        let body = compress(record.encode());
        let room = self.room(cookie, max_age);
        let count = body.len().div_ceil(room).max(1);
        if count > MOST_COOKIES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "the session takes {} bytes when it is sealed; {MOST_COOKIES} cookies hold {}",
                    body.len(),
                    room * MOST_COOKIES
                ),
            ));
        }
        let id: [u8; ID] = random();
        let mut cookies = Vec::with_capacity(count);
        for (index, part) in body.chunks(room).enumerate() {
            let payload = [&id, &[index as u8, count as u8][..], part].concat();
            let name = &self.names[index];
            cookies.push(cookie.set_named(name, &self.store.form.seal(keys, name, &payload), max_age));
        }
        cookies.extend(self.removals(cookie, head).skip_while(|(index, _)| *index < count).map(|(_, removal)| removal));
        Ok(cookies)
    }

    /// The values of the `Set-Cookie` headers that take the session away.
    pub(crate) fn remove(&self, cookie: &Cookie, head: &dyn RequestHead) -> Vec<String> {
        self.removals(cookie, head).map(|(_, removal)| removal).collect()
    }

    /// A removal for each cookie of ours that the request brought.
    fn removals(&self, cookie: &Cookie, head: &dyn RequestHead) -> impl Iterator<Item = (usize, String)> {
        let mut sent = [false; MOST_COOKIES];
        head.cookie_headers(&mut |header| {
            for (sent, name) in sent.iter_mut().zip(&self.names) {
                *sent |= candidates(header, name).next().is_some();
            }
        });
        let removal = |index: usize| cookie.removal_named(&self.names[index]);
        (0..MOST_COOKIES)
            .filter(|index| sent[*index])
            .map(|index| (index, removal(index)))
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Shows the records that a request brought, until one is taken; the second answer is whether it brought a cookie of
    /// the name at all. What opens and is of no use, as what has expired, hides nothing that comes behind it.
    pub(crate) fn open<T>(
        &self,
        head: &dyn RequestHead,
        mut take: impl FnMut(Result<Unsealed>) -> Option<T>,
    ) -> (Option<T>, bool) {
        let mut sent = false;
        let firsts = self.parts(head, 0, &mut sent);
        let mut whole = firsts.into_iter().filter(|first| first.index == 0).filter_map(|first| {
            let (body, newest) = self.assemble(head, first)?;
            Some(self.read(body).map(|record| Unsealed { record, by_older_secret: !newest }))
        });
        (whole.find_map(&mut take), sent)
    }

    fn read(&self, body: Vec<u8>) -> Result<Record> {
        Record::decode(decompress(body, self.record_limit + 2048)?)
    }

    fn assemble(&self, head: &dyn RequestHead, first: Part) -> Option<(Vec<u8>, bool)> {
        let (mut body, mut newest) = (first.bytes, first.newest);
        for index in 1..first.count {
            let fits = |part: &Part| part.id == first.id && part.index == index && part.count == first.count;
            let part = self.parts(head, index.into(), &mut false).into_iter().find(fits)?;
            body.extend(part.bytes);
            newest &= part.newest;
        }
        Some((body, newest))
    }

    /// What opens of the cookies of one name.
    fn parts(&self, head: &dyn RequestHead, index: usize, sent: &mut bool) -> Vec<Part> {
        let mut parts = Vec::new();
        let Some(name) = self.names.get(index) else { return parts };
        let mut tried = 0;
        head.cookie_headers(&mut |header| {
            for text in candidates(header, name) {
                *sent = true;
                tried += 1;
                if tried > MOST_CANDIDATES || text.len() > LONGEST_COOKIE {
                    continue;
                }
                let Some((payload, newest)) = self.store.form.open(&self.store.secrets, name, text) else { continue };
                if let Some((&[a, b, c, d, e, f, g, h, index, count], bytes)) = payload.split_first_chunk::<HEAD>() {
                    parts.push(Part { id: [a, b, c, d, e, f, g, h], index, count, bytes: bytes.to_vec(), newest });
                }
            }
        });
        parts
    }

    /// How many bytes of a record fit in one cookie.
    fn room(&self, cookie: &Cookie, max_age: Option<Duration>) -> usize {
        let around = cookie.set_named(&self.names[MOST_COOKIES - 1], "", max_age).len();
        let characters = LONGEST_COOKIE.saturating_sub(around);
        let room = characters / 4 * 3;
        let seal = self.store.form.sealed_length(HEAD).div_ceil(4) * 3;
        room.saturating_sub(seal).max(1)
    }
}

/// Deflates where that gains anything; the first byte says.
fn compress(record: Vec<u8>) -> Vec<u8> {
    if record.len() >= COMPRESSIBLE {
        let deflated = miniz_oxide::deflate::compress_to_vec(&record, 6);
        if deflated.len() < record.len() {
            return [&[1], &*deflated].concat();
        }
    }
    [&[0], &*record].concat()
}

/// What `compress` made, and never more than `limit` bytes of it.
fn decompress(mut body: Vec<u8>, limit: usize) -> Result<Vec<u8>> {
    let damaged = || Error::new(ErrorKind::Decode, "a sealed session is damaged");
    match body.first() {
        Some(0) => {
            body.remove(0);
            Ok(body)
        }
        Some(1) => miniz_oxide::inflate::decompress_to_vec_with_limit(&body[1..], limit).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::cookie::CookieConfig;
    use crate::record::{Data, Handle, RecordKind, Revision};
    use crate::sealed::Secrets;

    fn record(bytes: usize) -> Record {
        // Not to be compressed.
        let data: Vec<u8> = std::iter::repeat_with(random::<64>).flatten().take(bytes).collect();
        Record {
            kind: RecordKind::Live,
            revision: Revision::first(),
            handle: Handle::random(),
            created: Timestamp::from_millis(1),
            seen: Timestamp::from_millis(1),
            idle_deadline: Timestamp::NEVER,
            absolute_deadline: Timestamp::NEVER,
            user: Some(Arc::from("ana")),
            data: Data::from(data),
        }
    }

    fn sealer() -> (Sealer, Cookie) {
        let cookie = CookieConfig::default().check().expect("the default works");
        let store = CookieStore::new(Secrets::new(["0123456789abcdef0123456789abcdef"]).expect("a secret"));
        (Sealer::new(store, &cookie, 1024 * 1024), cookie)
    }

    /// The first record that a request brought, if it can be read.
    fn opened(sealer: &Sealer, head: &dyn RequestHead) -> Result<Option<Record>> {
        sealer.open(head, |unsealed| Some(unsealed.map(|unsealed| unsealed.record))).0.transpose()
    }

    /// The `Cookie` header that a browser makes of `Set-Cookie` headers.
    fn sent(set: &[String]) -> String {
        let pairs = set.iter().filter(|set| !set.contains("Max-Age=0")).filter_map(|set| set.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }

    const AGE: Option<Duration> = Some(Duration::from_secs(34_560_000));

    #[test]
    fn records_of_every_size_come_back_or_are_too_large() {
        let (sealer, cookie) = sealer();
        let mut counts = Vec::new();
        for bytes in (0..14_000).step_by(97) {
            let record = record(bytes);
            match sealer.seal(&record, AGE, &cookie, &()) {
                Ok(set) => {
                    assert!(set.iter().all(|set| set.len() <= 4096), "{:?}", set.iter().map(String::len));
                    counts.push(set.len());
                    assert_eq!(opened(&sealer, &sent(&set)).expect("opens"), Some(record));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TooLarge);
                    assert!(bytes > 11_000, "{bytes} should fit");
                }
            }
        }
        assert!(counts.is_sorted() && counts.ends_with(&[4]) && counts.starts_with(&[1]), "{counts:?}");
    }

    #[test]
    fn what_can_be_compressed_is_and_inflating_is_bounded() {
        let (sealer, cookie) = sealer();
        let mut record = record(0);
        record.data = Data::from(vec![7; 200_000]);
        let set = sealer.seal(&record, AGE, &cookie, &()).expect("fits");
        assert_eq!(set.len(), 1);
        assert_eq!(opened(&sealer, &sent(&set)).expect("opens"), Some(record));
        let small = Sealer { record_limit: 1024, ..sealer };
        assert_eq!(opened(&small, &sent(&set)).expect_err("a bomb").kind(), ErrorKind::Decode);
    }

    #[test]
    fn parts_of_different_answers_do_not_meet() {
        let (sealer, cookie) = sealer();
        let (a, b) = (record(5_000), record(5_000));
        let seal = |record| sealer.seal(record, AGE, &cookie, &()).expect("fits");
        let (a, b) = (seal(&a), seal(&b));
        let opens = |set: &[String]| opened(&sealer, &sent(set)).expect("reads").is_some();
        assert!(opens(&a) && opens(&b));
        assert!(!opens(&[a[0].clone(), b[1].clone()]), "one of each");
        assert!(!opens(&a[..1]) && !opens(&a[1..]), "one of two");
        let swapped = [a[0].replacen("sid=", "sid-1=", 1), a[1].replacen("sid-1=", "sid=", 1)];
        assert!(!opens(&swapped), "the other way round");
        // Both answers' cookies at once, as after a change of the path: the first that is whole wins.
        assert!(opens(&[b[0].clone(), a[0].clone(), a[1].clone()]));
    }

    #[test]
    fn what_is_not_taken_hides_nothing_behind_it() {
        let (sealer, cookie) = sealer();
        let (first, second) = (record(10), record(20));
        let seal = |record| sealer.seal(record, AGE, &cookie, &()).expect("fits").remove(0);
        let both = sent(&[seal(&first), "__Host-sid=forged".to_owned(), seal(&second)]);
        let mut shown = Vec::new();
        let (taken, was_sent) = sealer.open(&both, |unsealed| {
            shown.push(unsealed.expect("reads").record);
            None::<()>
        });
        assert_eq!((taken, was_sent), (None, true));
        assert_eq!(shown, [first, second]);
        assert!(!sealer.open(&(), |_| Some(())).1);
    }

    #[test]
    fn surplus_cookies_are_taken_away() {
        let (sealer, cookie) = sealer();
        let large = sealer.seal(&record(8_000), AGE, &cookie, &()).expect("fits");
        assert_eq!(large.len(), 3);
        let small = sealer.seal(&record(10), AGE, &cookie, &sent(&large)).expect("fits");
        assert_eq!(small.len(), 3);
        assert!(small[1].starts_with("__Host-sid-1=;") && small[2].starts_with("__Host-sid-2=;"), "{small:?}");
        assert_eq!(sealer.remove(&cookie, &sent(&large)).len(), 3);
        assert!(sealer.remove(&cookie, &()).is_empty());
    }
}
