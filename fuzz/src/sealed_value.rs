//! Cookies that were really sealed, changed by whoever carries them, and seals around what the library would never put
//! under one.
//!
//! The first byte says which of the two. Then, for the changed ones, five choices for each cookie: where it goes, whose
//! it is, what is done to it.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::testing::FakeClock;
use cloakroom::{CookieStore, Secrets, SessionManager};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::input::Input;
use crate::record::read_all;
use crate::visit::{Cookies, block_on, commit, incompressible, manager, open, values};

const NEW: &str = "a secret of the fuzzer, of 32 bytes";
const OLD: &str = "the one that it had the day before, also long enough";

/// How many cookies one session takes at most, and of how many of one name a manager looks.
const MOST: usize = 4;

pub(crate) fn run(input: &[u8]) {
    let mut input = Input(input);
    match input.byte() % 3 {
        form @ (0 | 1) => changed(&SITES[usize::from(form)], &mut input),
        _ => foreign(&SITES[1], &mut input),
    }
}

/// One for each form of seal: encrypted and signed.
static SITES: LazyLock<[Site; 2]> = LazyLock::new(|| {
    let ring = |secrets: &[&str]| CookieStore::new(Secrets::new(secrets).expect("secrets"));
    [
        Site::new(ring(&[NEW, OLD]), ring(&[OLD])),
        Site::new(ring(&[NEW, OLD]).insecure_readable(), ring(&[OLD]).insecure_readable()),
    ]
});

struct Site {
    manager: SessionManager,
    sealed: Vec<Sealed>,
}

/// What a session holds, and the values of its cookies.
struct Sealed {
    value: String,
    cookies: Vec<String>,
}

impl Site {
    fn new(store: CookieStore, old: CookieStore) -> Self {
        let clock = FakeClock::new();
        let build = |store| manager(store, &clock).build().expect("it can be built");
        let (manager, old) = (build(store), build(old));
        let sealed = [(&manager, 1), (&old, 2), (&manager, 4_000), (&manager, 4_001), (&manager, 9_000)];
        let sealed = sealed.map(|(manager, bytes)| block_on(Sealed::new(manager, bytes)));
        Self { manager, sealed: sealed.into() }
    }

    /// The session of these cookies, by the letter of what was promised: the first that is whole.
    fn expected(&self, cookies: &Cookies) -> Option<&Sealed> {
        let ours = |value: &&[u8]| self.looks_like_ours(value);
        let sent = |index| values(cookies, &name(index)).into_iter().filter(ours).take(MOST).collect::<Vec<_>>();
        let is_sent = |sealed: &Sealed| {
            let mut parts = sealed.cookies.iter().enumerate();
            parts.all(|(index, value)| sent(index).contains(&value.as_bytes()))
        };
        sent(0).into_iter().find_map(|value| {
            self.sealed.iter().find(|sealed| sealed.cookies[0].as_bytes() == value && is_sent(sealed))
        })
    }
}

impl Site {
    /// Whether a value has the form and the key of this site, and room for a seal: the others cost no try.
    fn looks_like_ours(&self, value: &[u8]) -> bool {
        let decode = |text: &[u8]| URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let bytes = decode(value);
        // The newest secret has sealed the first, the one before it the second.
        let known = self.sealed[..2].iter().any(|sealed| bytes.starts_with(&decode(sealed.cookies[0].as_bytes())[..5]));
        let seal = if bytes.first() == Some(&1) { 5 + 16 + 12 + 16 } else { 5 + 32 };
        known && value.len() <= 4096 && bytes.len() >= seal
    }
}

impl Sealed {
    async fn new(manager: &SessionManager, bytes: usize) -> Self {
        let value = incompressible(bytes);
        let session = open(manager, Cookies::default()).await;
        session.set("value", &value).expect("it fits");
        let set = commit(&session).await;
        Self { value, cookies: set.iter().filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())).collect() }
    }
}

fn name(index: usize) -> String {
    if index == 0 { "__Host-sid".to_owned() } else { format!("__Host-sid-{index}") }
}

fn changed(site: &Site, input: &mut Input<'_>) {
    let mut headers = Cookies::default();
    while !input.is_empty() {
        let (place, whose, part) = (input.index(8), input.index(site.sealed.len()), input.index(MOST));
        let cookies = &site.sealed[whose].cookies;
        let value = change(cookies[part % cookies.len()].clone().into_bytes(), site, input);
        let pair = [name(place % MOST).as_bytes(), b"=", &value].concat();
        match headers.0.last_mut() {
            Some(header) if place < MOST => {
                header.extend(b"; ");
                header.extend(pair);
            }
            _ => headers.0.push(pair),
        }
    }
    block_on(async {
        let expected = site.expected(&headers).map(|sealed| sealed.value.clone());
        let session = open(&site.manager, headers).await;
        let opened: Option<String> = session.get("value").expect("a string or nothing");
        assert!(opened == expected, "opened {opened:?}, and not {expected:?}");
        assert_eq!(session.len().expect("it is loaded"), usize::from(expected.is_some()));
        read_all(&session);
        commit(&session).await;
    });
}

fn change(mut value: Vec<u8>, site: &Site, input: &mut Input<'_>) -> Vec<u8> {
    let how = input.byte();
    let mut place = |length: usize| input.number() % (length + 1);
    match how % 8 {
        // A flipped bit of what is sealed.
        1 => {
            let mut bytes = URL_SAFE_NO_PAD.decode(&value).expect("it was sealed");
            let place = place(bytes.len() - 1);
            bytes[place] ^= 1 << (how / 8 % 8);
            URL_SAFE_NO_PAD.encode(bytes).into_bytes()
        }
        // Another character.
        2 => {
            let place = place(value.len() - 1);
            value[place] = how.wrapping_add(value[place]);
            value
        }
        // Cut at either end.
        3 => value[..place(value.len())].to_vec(),
        4 => value[place(value.len())..].to_vec(),
        // Something put in.
        5 => {
            let place = place(value.len());
            let more = input.run().iter().copied();
            value.splice(place..place, more);
            value
        }
        // The first half of one and the second half of another.
        6 => {
            let (place, whose) = (place(value.len()), input.index(site.sealed.len()));
            let other = site.sealed[whose].cookies[0].as_bytes();
            [&value[..place], other.get(place..).unwrap_or_default()].concat()
        }
        // All made up.
        7 => input.run().to_vec(),
        _ => value,
    }
}

/// Signs made-up bytes with a real secret, as a later version of the library or a thief of the secret could.
fn foreign(site: &Site, input: &mut Input<'_>) {
    let count = input.index(MOST) + 1;
    let mut pairs = Vec::new();
    for index in 0..count {
        let part = if index + 1 == count { std::mem::take(&mut input.0) } else { input.run() };
        pairs.push(format!("{}={}", name(index), sign(&name(index), part)));
    }
    block_on(async {
        let session = open(&site.manager, Cookies::of(&pairs)).await;
        read_all(&session);
        // Whatever it was, the visitor can go on.
        session.destroy().expect("it is loaded");
        session.set("value", 1).expect("it fits");
        let set = commit(&session).await;
        let session = open(&site.manager, Cookies::of(&set)).await;
        assert_eq!(session.get("value").expect("a number"), Some(1));
    });
}

/// The signed form: `form key-id payload tag`, where the tag holds for the cookie's name too.
fn sign(cookie: &str, payload: &[u8]) -> String {
    static KEYS: LazyLock<([u8; 32], [u8; 32])> =
        LazyLock::new(|| (expand(b"cloakroom 1 key id"), expand(b"cloakroom 1 signing key")));
    let (id, signing) = &*KEYS;
    let length = (cookie.len() as u64).to_le_bytes();
    let context = [&b"cloakroom session cookie\0"[..], &[2], &length, cookie.as_bytes()].concat();
    let mac = hmac(signing).chain_update(context).chain_update(payload);
    URL_SAFE_NO_PAD.encode([&[2], &id[..4], payload, &mac.finalize().into_bytes()].concat())
}

fn expand(purpose: &[u8]) -> [u8; 32] {
    hmac(NEW.as_bytes()).chain_update(purpose).chain_update([1]).finalize().into_bytes().into()
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("every key will do")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::KNOWN;

    /// Else nothing made up would ever get past the seal.
    #[test]
    fn what_is_signed_here_opens() {
        // `id index count compression` and a record.
        let payload = [&[7; 8][..], &[0, 1, 0], &KNOWN.record.encode()].concat();
        let cookie = format!("{}={}", name(0), sign(&name(0), &payload));
        let session = block_on(open(&SITES[1].manager, Cookies::of(&[cookie])));
        assert_eq!(session.user().expect("it is loaded").as_deref(), Some("ana"));
    }
}
