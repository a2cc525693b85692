//! A record in one to four cookies.
//!
//! Each cookie is sealed by itself. Under the seal it carries `id index count compression part`: which answer it belongs
//! to, the how-manieth of how many it is, whether the whole is compressed, and its part of the record.

use std::time::Duration;

use super::CookieStore;
use super::seal::{Context, Opened};
use crate::adapter::{RequestHead, TicketChange};
use crate::cookie::{Cookie, candidates, pairs, value_of};
use crate::error::{Error, ErrorKind, Result};
use crate::record::Record;

/// How many cookies one session takes at most.
const MOST_COOKIES: usize = 4;

/// How many cookies of one name are opened.
pub(crate) const MOST_CANDIDATES: usize = 4;

/// The longest `Set-Cookie` header that every browser takes (RFC 6265bis, section 5.7: name and value; some count the
/// attributes too).
const LONGEST_COOKIE: usize = 4096;

const ID: usize = 8;

/// `id index count compression` before each part.
const HEAD: usize = ID + 3;

/// Below this many bytes a smaller cookie is not worth the time that deflate takes.
const COMPRESSIBLE: usize = 1024;

/// Seals and opens the sessions of one cookie.
#[derive(Debug)]
pub(crate) struct Sealer {
    store: CookieStore,
    /// The configured cookie, and with numbers those for what does not fit in one.
    cookies: [Named; MOST_COOKIES],
    record_limit: usize,
}

#[derive(Debug)]
struct Named {
    name: String,
    context: Context,
}

/// A record that a request brought, and whether it should be sealed again because an older secret had sealed it.
pub(crate) struct Unsealed {
    pub(crate) record: Record,
    pub(crate) by_older_secret: bool,
}

/// What a request brought under the name of the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Nothing that is whole, and sealed by us.
    Forged,
    Sealed,
}

/// One of the cookies of a session.
struct Part {
    head: [u8; HEAD],
    opened: Opened,
}

impl Part {
    fn index(&self) -> u8 {
        self.head[ID]
    }

    fn count(&self) -> u8 {
        self.head[ID + 1]
    }

    fn is_compressed(&self) -> bool {
        self.head[ID + 2] == 1
    }

    fn bytes(&self) -> &[u8] {
        &self.opened.payload()[HEAD..]
    }

    /// Whether the other one is this part's continuation.
    fn goes_with(&self, other: &Self, index: u8) -> bool {
        other.index() == index && other.head[..ID] == self.head[..ID] && other.head[ID + 1..] == self.head[ID + 1..]
    }
}

impl Sealer {
    pub(crate) fn new(store: CookieStore, cookie: &Cookie, record_limit: usize) -> Self {
        let cookies = std::array::from_fn(|index| {
            let name = if index == 0 { cookie.name.clone() } else { format!("{}-{index}", cookie.name) };
            Named { context: store.form.context(&name), name }
        });
        Self { store, cookies, record_limit }
    }

    /// The values of the `Set-Cookie` headers that give a record to its visitor, and take away what an earlier answer took
    /// more cookies for.
    pub(crate) fn seal(
        &self,
        record: &Record,
        max_age: Option<Duration>,
        cookie: &Cookie,
        head: &dyn RequestHead,
    ) -> Result<TicketChange> {
        let Some(keys) = self.store.secrets.first() else { unreachable!("a ring has a secret") };
        let (body, compressed) = compress(record.encode());
        let room = self.room(cookie, max_age);
        let count = body.len().div_ceil(room);
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
        // Drawn for every attempt to write, so that no two answers have the same.
        let id: [u8; ID] = record.revision.tag.to_le_bytes();
        let mut change = TicketChange::None;
        for (index, (part, named)) in body.chunks(room).zip(&self.cookies).enumerate() {
            let about = [index as u8, count as u8, u8::from(compressed)];
            let payload = [&id[..], &about, part];
            let length = self.store.form.sealed_length(HEAD + part.len());
            change.add_cookie(cookie.set_by(&named.name, length, max_age, |text| {
                self.store.form.seal(keys, &named.context, &payload, text);
            }));
        }
        self.remove_from(count, cookie, head, &mut change);
        Ok(change)
    }

    /// The values of the `Set-Cookie` headers that take the session away.
    pub(crate) fn remove(&self, cookie: &Cookie, head: &dyn RequestHead) -> TicketChange {
        let mut change = TicketChange::None;
        self.remove_from(0, cookie, head, &mut change);
        change
    }

    /// Adds a removal for each of our cookies from this one on that the request brought.
    fn remove_from(&self, first: usize, cookie: &Cookie, head: &dyn RequestHead, change: &mut TicketChange) {
        let mut sent = [false; MOST_COOKIES];
        head.cookie_headers(&mut |header| {
            for pair in pairs(header) {
                for (named, sent) in self.cookies.iter().zip(&mut sent).skip(first) {
                    *sent |= value_of(pair, &named.name).is_some();
                }
            }
        });
        for (named, _) in self.cookies.iter().zip(sent).filter(|(_, sent)| *sent) {
            change.add_cookie(cookie.removal_named(&named.name));
        }
    }

    /// Shows the records that a request brought, in the order of its cookies, until one is taken.
    pub(crate) fn open(&self, head: &dyn RequestHead, mut take: impl FnMut(Result<Unsealed>) -> bool) -> Found {
        let (mut found, mut taken) = (Found::Nothing, false);
        self.each_part(head, 0, |part| {
            if found == Found::Nothing {
                found = Found::Forged;
            }
            if !taken
                && let Some(first) = part.filter(|part| part.index() == 0)
                && let Some(unsealed) = self.complete(head, first)
            {
                found = Found::Sealed;
                taken = take(unsealed);
            }
        });
        found
    }

    /// What the first part of a session belongs to, if all its other parts are there.
    fn complete(&self, head: &dyn RequestHead, first: Part) -> Option<Result<Unsealed>> {
        let mut newest = first.opened.newest;
        let mut more = Vec::new();
        for index in 1..first.count() {
            let mut next = None;
            self.each_part(head, index.into(), |part| {
                next = next.take().or(part.filter(|part| first.goes_with(part, index)));
            });
            let part = next?;
            newest &= part.opened.newest;
            more.extend_from_slice(part.bytes());
        }
        let joined;
        let body = if more.is_empty() {
            first.bytes()
        } else {
            joined = [first.bytes(), &more].concat();
            &joined
        };
        let record =
            if first.is_compressed() { self.inflate(body).and_then(Record::decode) } else { Record::decode(body) };
        Some(record.map(|record| Unsealed { record, by_older_secret: !newest }))
    }

    /// Shows every cookie of one name, and what opens of it. Only what looks like ours counts as a try.
    fn each_part(&self, head: &dyn RequestHead, index: usize, mut show: impl FnMut(Option<Part>)) {
        let Some(named) = self.cookies.get(index) else { return };
        let (form, secrets) = (self.store.form, &self.store.secrets);
        let mut tried = 0;
        head.cookie_headers(&mut |header| {
            for text in candidates(header, &named.name) {
                let looks = if text.len() <= LONGEST_COOKIE { form.read(secrets, text) } else { None };
                tried += usize::from(looks.is_some());
                let sealed = looks.filter(|_| tried <= MOST_CANDIDATES);
                show(sealed.and_then(|sealed| {
                    let opened = sealed.open(secrets, &named.context)?;
                    let head = *opened.payload().first_chunk::<HEAD>()?;
                    Some(Part { head, opened })
                }));
            }
        });
    }

    /// How many bytes of a record fit in one cookie.
    fn room(&self, cookie: &Cookie, max_age: Option<Duration>) -> usize {
        let around = cookie.around(&self.cookies[MOST_COOKIES - 1].name, max_age);
        let payload = self.store.form.payload_length(LONGEST_COOKIE.saturating_sub(around));
        payload.saturating_sub(HEAD).max(1)
    }

    /// What deflate had made smaller, and never more than a record may take.
    fn inflate(&self, body: &[u8]) -> Result<Vec<u8>> {
        let columns = 2048;
        miniz_oxide::inflate::decompress_to_vec_with_limit(body, self.record_limit + columns)
            .map_err(|_| Error::new(ErrorKind::Decode, "a sealed session is damaged"))
    }
}

/// Deflates where that gains anything.
fn compress(record: Vec<u8>) -> (Vec<u8>, bool) {
    if record.len() >= COMPRESSIBLE {
        let deflated = miniz_oxide::deflate::compress_to_vec(&record, 6);
        if deflated.len() < record.len() {
            return (deflated, true);
        }
    }
    (record, false)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::cookie::CookieConfig;
    use crate::random::random;
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

    /// The `Set-Cookie` headers of a record.
    fn set_of(sealer: &Sealer, record: &Record, cookie: &Cookie, head: &dyn RequestHead) -> Vec<String> {
        sealer.seal(record, AGE, cookie, head).expect("fits").cookies().to_vec()
    }

    /// The `Cookie` header that a browser makes of `Set-Cookie` headers.
    fn sent(set: &[String]) -> String {
        let pairs = set.iter().filter(|set| !set.contains("Max-Age=0")).filter_map(|set| set.split(';').next());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// The record that these cookies open.
    fn opened(sealer: &Sealer, set: &[String]) -> Option<Result<Record, ErrorKind>> {
        let mut opened = None;
        let found = sealer.open(&sent(set), |unsealed| {
            opened = Some(unsealed.map(|unsealed| unsealed.record).map_err(|error| error.kind()));
            true
        });
        assert_eq!(found, if opened.is_some() { Found::Sealed } else { Found::Forged });
        opened
    }

    const AGE: Option<Duration> = Some(Duration::from_secs(34_560_000));

    #[test]
    fn records_of_every_size_come_back_or_are_too_large() {
        let (sealer, cookie) = sealer();
        let mut counts = Vec::new();
        for bytes in (0..14_000).step_by(97) {
            let record = record(bytes);
            match sealer.seal(&record, AGE, &cookie, &()) {
                Ok(change) => {
                    let set = change.cookies().to_vec();
                    assert!(set.iter().all(|set| set.len() <= 4096), "{:?}", set.iter().map(String::len));
                    counts.push(set.len());
                    assert_eq!(opened(&sealer, &set), Some(Ok(record)));
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
        let set = set_of(&sealer, &record, &cookie, &());
        assert_eq!(set.len(), 1);
        assert_eq!(opened(&sealer, &set), Some(Ok(record)));
        let small = Sealer { record_limit: 1024, ..sealer };
        assert_eq!(opened(&small, &set), Some(Err(ErrorKind::Decode)), "a bomb");
    }

    #[test]
    fn parts_of_different_answers_do_not_meet() {
        let (sealer, cookie) = sealer();
        let (a, b) = (record(5_000), record(5_000));
        let seal = |record| set_of(&sealer, record, &cookie, &());
        let (a, b) = (seal(&a), seal(&b));
        let opens = |set: &[String]| opened(&sealer, set).is_some();
        assert!(opens(&a) && opens(&b));
        assert!(!opens(&[a[0].clone(), b[1].clone()]), "one of each");
        assert!(!opens(&a[..1]), "the first of two");
        assert_eq!(sealer.open(&sent(&a[1..]), |_| true), Found::Nothing, "the second of two");
        let swapped = [a[0].replacen("sid=", "sid-1=", 1), a[1].replacen("sid-1=", "sid=", 1)];
        assert!(!opens(&swapped), "the other way round");
        // Both answers' cookies at once, as after a change of the path: the first that is whole wins.
        assert!(opens(&[b[0].clone(), a[0].clone(), a[1].clone()]));
    }

    // behaviour 71
    #[test]
    fn of_several_cookies_the_one_that_is_taken_wins() {
        let (sealer, cookie) = sealer();
        let (a, b) = (record(10), record(20));
        let seal = |record| set_of(&sealer, record, &cookie, &()).remove(0);
        let junk = || "__Host-sid=junk; ".repeat(9);
        let sent = junk() + &sent(&[seal(&a), seal(&b)]) + "; " + &junk();
        let mut shown = Vec::new();
        let found = sealer.open(&sent, |unsealed| {
            shown.push(unsealed.map(|unsealed| unsealed.record).ok());
            shown.len() == 2
        });
        assert_eq!((found, shown), (Found::Sealed, vec![Some(a), Some(b)]));
    }

    #[test]
    fn surplus_cookies_are_taken_away() {
        let (sealer, cookie) = sealer();
        let large = set_of(&sealer, &record(8_000), &cookie, &());
        assert_eq!(large.len(), 3);
        let small = set_of(&sealer, &record(10), &cookie, &sent(&large));
        assert_eq!(small.len(), 3);
        assert!(small[1].starts_with("__Host-sid-1=;") && small[2].starts_with("__Host-sid-2=;"), "{small:?}");
        assert_eq!(sealer.remove(&cookie, &sent(&large)).cookies().len(), 3);
        assert!(sealer.remove(&cookie, &()).cookies().is_empty());
    }
}
