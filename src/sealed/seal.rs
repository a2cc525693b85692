//! One sealed value: `form key-id`, then what the form says, as base64url.
//!
//! - encrypted: `nonce ciphertext tag`
//! - signed: `payload tag`
//!
//! Under either seal are the form, the key and the name of the cookie, so that a value that was sealed for one cookie, or
//! for another purpose, opens under no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::Form;
use super::secrets::{Keys, Secrets};
use crate::token::random;

const HEAD: usize = 1 + 4;
const NONCE: usize = 24;
const TAG: usize = 16;
const SIGNATURE: usize = 32;

impl Form {
    /// How many characters the seal of so many bytes takes.
    pub(super) fn sealed_length(self, payload: usize) -> usize {
        let bytes = HEAD
            + payload
            + match self {
                Self::Encrypted => NONCE + TAG,
                Self::Signed => SIGNATURE,
            };
        (bytes * 4).div_ceil(3)
    }

    /// Seals a payload for a cookie.
    pub(super) fn seal(self, keys: &Keys, cookie: &str, payload: &[u8]) -> String {
        let mut bytes = Vec::with_capacity(HEAD + NONCE + payload.len() + SIGNATURE);
        bytes.push(self as u8);
        bytes.extend(keys.id);
        match self {
            Self::Encrypted => {
                let nonce: [u8; NONCE] = random();
                bytes.extend(nonce);
                bytes.extend(payload);
                let context = context(&bytes[..HEAD], cookie);
                let start = HEAD + NONCE;
                let cipher = XChaCha20Poly1305::new(&keys.encrypting.into());
                // It fails for payloads beyond 256 GiB only; a cookie has 4 KiB.
                let tag = cipher.encrypt_inout_detached(&XNonce::from(nonce), &context, (&mut bytes[start..]).into());
                bytes.extend(tag.unwrap_or_default());
            }
            Self::Signed => {
                bytes.extend(payload);
                let signature = sign(keys, &bytes[..HEAD], cookie, payload).finalize().into_bytes();
                bytes.extend(signature);
            }
        }
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what looks like a value that one of these secrets sealed, which costs no cryptography; everything else is
    /// nothing.
    pub(super) fn read(self, secrets: &Secrets, text: &[u8]) -> Option<Sealed> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[form, a, b, c, d], _) = bytes.split_first_chunk::<HEAD>()?;
        let id = [a, b, c, d];
        let known = form == self as u8 && secrets.named(id).next().is_some();
        known.then_some(Sealed { form: self, id, bytes })
    }
}

/// What looks like a sealed value, and may be anything.
pub(super) struct Sealed {
    form: Form,
    id: [u8; 4],
    bytes: Vec<u8>,
}

impl Sealed {
    /// Opens a sealed value: its payload, and whether the key that seals now has sealed it. Everything else, from whoever
    /// it comes, is nothing.
    // behaviours 110, 111, 112 and 119
    pub(super) fn open(mut self, secrets: &Secrets, cookie: &str) -> Option<(Vec<u8>, bool)> {
        for (keys, newest) in secrets.named(self.id) {
            let payload = match self.form {
                Form::Encrypted => decrypt(keys, cookie, &mut self.bytes),
                Form::Signed => verify(keys, cookie, &self.bytes),
            };
            if let Some(payload) = payload {
                return Some((payload, newest));
            }
        }
        None
    }
}

fn decrypt(keys: &Keys, cookie: &str, bytes: &mut [u8]) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_at_mut_checked(HEAD)?;
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>()?;
    let (payload, tag) = rest.split_last_chunk_mut::<TAG>()?;
    let cipher = XChaCha20Poly1305::new(&keys.encrypting.into());
    // Authenticates before it decrypts: a wrong tag leaves the bytes as they are, for the next key.
    cipher
        .decrypt_inout_detached(&XNonce::from(*nonce), &context(head, cookie), (&mut *payload).into(), &Tag::from(*tag))
        .ok()?;
    Some(payload.to_vec())
}

fn verify(keys: &Keys, cookie: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (payload, signature) = rest.split_last_chunk::<SIGNATURE>()?;
    // In constant time.
    sign(keys, head, cookie, payload).verify(&(*signature).into()).ok()?;
    Some(payload.to_vec())
}

fn sign(keys: &Keys, head: &[u8], cookie: &str, payload: &[u8]) -> Hmac<Sha256> {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(&keys.signing) else { unreachable!("HMAC takes every key") };
    let context = context(head, cookie);
    // The context has a length of its own before it, so that no payload continues it.
    mac.chain_update((context.len() as u64).to_le_bytes()).chain_update(context).chain_update(payload)
}

fn context(head: &[u8], cookie: &str) -> Vec<u8> {
    [head, b"cloakroom session cookie\0", cookie.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(["the secret that seals, of 32 bytes", "the secret of yesterday, 32 bytes"]).expect("secrets")
    }

    fn sealed(form: Form, secrets: &Secrets, payload: &[u8]) -> String {
        form.seal(secrets.first().expect("one"), "__Host-sid", payload)
    }

    impl Form {
        fn open(self, secrets: &Secrets, cookie: &str, text: &[u8]) -> Option<(Vec<u8>, bool)> {
            self.read(secrets, text)?.open(secrets, cookie)
        }
    }

    const FORMS: [Form; 2] = [Form::Encrypted, Form::Signed];

    #[test]
    fn a_seal_opens_and_has_the_length_that_was_told() {
        for form in FORMS {
            for length in [0, 1, 2, 3, 300, 3_000] {
                let payload = vec![7; length];
                let text = sealed(form, &secrets(), &payload);
                assert_eq!(text.len(), form.sealed_length(length));
                assert_eq!(form.open(&secrets(), "__Host-sid", text.as_bytes()), Some((payload, true)));
            }
        }
    }

    // behaviours 110 and 111
    #[test]
    fn a_changed_bit_a_cut_and_an_extension_open_nothing() {
        for form in FORMS {
            let text = sealed(form, &secrets(), b"some values of a session");
            let open = |text: &[u8]| form.open(&secrets(), "__Host-sid", text);
            let bytes = URL_SAFE_NO_PAD.decode(&text).expect("base64");
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(open(URL_SAFE_NO_PAD.encode(&changed).as_bytes()), None, "bit {bit}");
            }
            for length in 0..text.len() {
                assert_eq!(open(&text.as_bytes()[..length]), None, "cut to {length}");
                assert_eq!(open(&text.as_bytes()[text.len() - length..]), None, "the last {length}");
            }
            for more in ["A", "AA", "AAAA", "=", " ", ";"] {
                assert_eq!(open(format!("{text}{more}").as_bytes()), None, "{more:?}");
            }
        }
    }

    // behaviour 115
    #[test]
    fn a_seal_opens_for_its_cookie_and_its_form_only() {
        for (form, other) in [(Form::Encrypted, Form::Signed), (Form::Signed, Form::Encrypted)] {
            let text = sealed(form, &secrets(), b"x");
            assert_eq!(form.open(&secrets(), "__Host-sid-1", text.as_bytes()), None);
            assert_eq!(other.open(&secrets(), "__Host-sid", text.as_bytes()), None);
        }
    }

    // behaviour 113, defect 25
    #[test]
    fn the_first_secret_seals_and_all_open() {
        let old = Secrets::new(["the secret of yesterday, 32 bytes"]).expect("a secret");
        let new = Secrets::new(["the secret that seals, of 32 bytes"]).expect("a secret");
        for form in FORMS {
            let by_old = sealed(form, &old, b"x");
            assert_eq!(form.open(&secrets(), "__Host-sid", by_old.as_bytes()), Some((b"x".to_vec(), false)));
            assert_eq!(form.open(&new, "__Host-sid", by_old.as_bytes()), None);
            let by_ring = sealed(form, &secrets(), b"x");
            assert!(form.open(&new, "__Host-sid", by_ring.as_bytes()).is_some());
            assert_eq!(form.open(&old, "__Host-sid", by_ring.as_bytes()), None);
        }
    }

    #[test]
    fn encryption_hides_and_never_repeats() {
        let (a, b) = (sealed(Form::Encrypted, &secrets(), b"email"), sealed(Form::Encrypted, &secrets(), b"email"));
        assert_ne!(a, b);
        let bytes = URL_SAFE_NO_PAD.decode(&a).expect("base64");
        assert!(!bytes.windows(5).any(|window| window == b"email"));
    }

    proptest! {
        #[test]
        fn junk_never_panics(text: Vec<u8>, bytes: Vec<u8>) {
            for form in FORMS {
                prop_assert_eq!(form.open(&secrets(), "a", &text), None);
                let mut head = vec![form as u8];
                head.extend(secrets().first().expect("one").id);
                head.extend(&bytes);
                prop_assert_eq!(form.open(&secrets(), "a", URL_SAFE_NO_PAD.encode(head).as_bytes()), None);
            }
        }
    }
}
