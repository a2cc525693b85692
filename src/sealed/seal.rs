//! One sealed value: `form key-id`, then what the form says, as base64url.
//!
//! - encrypted: `salt nonce ciphertext tag`, by AES-256-GCM under the key that is HMAC-SHA-256 of the salt. Random nonces
//!   wear a key out (NIST SP 800-38D, section 8.3), so salts change, in time and between processes.
//! - signed: `payload tag`, by HMAC-SHA-256
//!
//! Under either seal are the form and the name of the cookie, so that a value that was sealed for one cookie, or for
//! another purpose, opens under no other.

use std::ops::Range;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Nonce, Tag};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac;

use super::Form;
use super::ciphers::SALT;
use super::secrets::{Keys, Secrets};
use crate::random::random;

const HEAD: usize = 1 + 4;
const NONCE: usize = 12;
const TAG: usize = 16;
const SIGNATURE: usize = 32;

/// What a seal holds for besides its payload: a form and the name of a cookie.
#[derive(Debug)]
pub(super) struct Context(Vec<u8>);

/// What was under a seal.
#[derive(Debug)]
pub(super) struct Opened {
    bytes: Vec<u8>,
    payload: Range<usize>,
    /// Whether the secret that seals now has sealed it.
    pub(super) newest: bool,
}

impl Opened {
    pub(super) fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload.clone()).unwrap_or_default()
    }
}

impl Form {
    pub(super) fn context(self, cookie: &str) -> Context {
        let name = cookie.as_bytes();
        // The length before the name, so that no payload continues it.
        let length = (name.len() as u64).to_le_bytes();
        Context([b"cloakroom session cookie\0", &[self as u8][..], &length, name].concat())
    }

    const fn before(self) -> usize {
        match self {
            Self::Encrypted => HEAD + SALT + NONCE,
            Self::Signed => HEAD,
        }
    }

    const fn behind(self) -> usize {
        match self {
            Self::Encrypted => TAG,
            Self::Signed => SIGNATURE,
        }
    }

    /// How many characters the seal of so many bytes takes.
    pub(super) const fn sealed_length(self, payload: usize) -> usize {
        ((self.before() + payload + self.behind()) * 4).div_ceil(3)
    }

    /// How many bytes a seal of so many characters can hold.
    pub(super) const fn payload_length(self, characters: usize) -> usize {
        (characters / 4 * 3).saturating_sub(self.before() + self.behind())
    }

    /// Seals a payload, given in pieces, and writes it behind what `text` says already.
    pub(super) fn seal(self, keys: &Keys, context: &Context, payload: &[&[u8]], text: &mut String) {
        let length: usize = payload.iter().map(|piece| piece.len()).sum();
        let mut bytes = Vec::with_capacity(self.before() + length + self.behind());
        bytes.push(self as u8);
        bytes.extend(keys.id);
        match self {
            Self::Encrypted => {
                let (salted, nonce) = (keys.encrypting.for_sealing(), random::<NONCE>());
                bytes.extend(salted.salt);
                bytes.extend(nonce);
                payload.iter().for_each(|piece| bytes.extend(*piece));
                let payload = &mut bytes[self.before()..];
                let tag = salted.cipher.encrypt_inout_detached(&Nonce::from(nonce), &context.0, payload.into());
                let Ok(tag) = tag else { unreachable!("AES-GCM takes 64 GiB, and a cookie has 4 KiB") };
                bytes.extend(tag);
            }
            Self::Signed => {
                payload.iter().for_each(|piece| bytes.extend(*piece));
                let signature = keys.signing.clone().chain_update(&context.0).chain_update(&bytes[HEAD..]).finalize();
                bytes.extend(signature.into_bytes());
            }
        }
        URL_SAFE_NO_PAD.encode_string(bytes, text);
    }

    /// Reads what looks like a value that one of these secrets sealed, which costs no cryptography.
    pub(super) fn read(self, secrets: &Secrets, text: &[u8]) -> Option<Sealed> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[form, a, b, c, d], _) = bytes.split_first_chunk::<HEAD>()?;
        let payload = self.before()..bytes.len().checked_sub(self.behind())?;
        let id = [a, b, c, d];
        let looks = form == self as u8 && payload.start <= payload.end && secrets.named(id).next().is_some();
        looks.then_some(Sealed { form: self, id, bytes, payload })
    }
}

/// What looks like a sealed value, and may be anything.
pub(super) struct Sealed {
    form: Form,
    id: [u8; 4],
    bytes: Vec<u8>,
    payload: Range<usize>,
}

impl Sealed {
    /// Opens a sealed value; everything else, from whoever it comes, is nothing.
    // behaviours 110, 111, 112 and 119
    pub(super) fn open(mut self, secrets: &Secrets, context: &Context) -> Option<Opened> {
        let (_, newest) = secrets.named(self.id).find(|(keys, _)| match self.form {
            Form::Encrypted => decrypt(keys, context, &mut self.bytes),
            Form::Signed => verify(keys, context, &self.bytes),
        })?;
        Some(Opened { bytes: self.bytes, payload: self.payload, newest })
    }
}

/// Authenticates and then decrypts, in place: under a wrong key the bytes stay as they are, for the next one.
fn decrypt(keys: &Keys, context: &Context, bytes: &mut [u8]) -> bool {
    let mut open = || {
        let (_, rest) = bytes.split_at_mut_checked(HEAD)?;
        let (salt, rest) = rest.split_first_chunk_mut::<SALT>()?;
        let (nonce, rest) = rest.split_first_chunk_mut::<NONCE>()?;
        let (payload, tag) = rest.split_last_chunk_mut::<TAG>()?;
        let (nonce, tag) = (Nonce::from(*nonce), Tag::from(*tag));
        Some(
            keys.encrypting
                .open(*salt, |cipher| cipher.decrypt_inout_detached(&nonce, &context.0, payload.into(), &tag).is_ok()),
        )
    };
    open().unwrap_or(false)
}

/// Compares in constant time.
fn verify(keys: &Keys, context: &Context, bytes: &[u8]) -> bool {
    let signed = bytes.split_at_checked(HEAD).and_then(|(_, rest)| rest.split_last_chunk::<SIGNATURE>());
    signed.is_some_and(|(payload, signature)| {
        keys.signing.clone().chain_update(&context.0).chain_update(payload).verify(&(*signature).into()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Secrets {
        Secrets::new(["the secret that seals, of 32 bytes", "the secret of yesterday, 32 bytes"]).expect("secrets")
    }

    fn sealed(form: Form, secrets: &Secrets, payload: &[u8]) -> String {
        let mut text = String::new();
        form.seal(secrets.first().expect("one"), &form.context("__Host-sid"), &[payload], &mut text);
        text
    }

    /// The payload, and whether the newest secret sealed it.
    fn opened(form: Form, secrets: &Secrets, cookie: &str, text: &[u8]) -> Option<(Vec<u8>, bool)> {
        let opened = form.read(secrets, text)?.open(secrets, &form.context(cookie))?;
        Some((opened.payload().to_vec(), opened.newest))
    }

    const FORMS: [Form; 2] = [Form::Encrypted, Form::Signed];

    #[test]
    fn a_seal_opens_and_has_the_length_that_was_told() {
        for form in FORMS {
            for length in [0, 1, 2, 3, 300, 3_000] {
                let payload = vec![7; length];
                let text = sealed(form, &secrets(), &payload);
                assert_eq!(text.len(), form.sealed_length(length));
                assert!(form.payload_length(text.len()) <= length && length <= form.payload_length(text.len() + 3));
                assert_eq!(opened(form, &secrets(), "__Host-sid", text.as_bytes()), Some((payload, true)));
            }
        }
    }

    // behaviours 110 and 111
    #[test]
    fn a_changed_bit_a_cut_and_an_extension_open_nothing() {
        for form in FORMS {
            let text = sealed(form, &secrets(), b"some values of a session");
            let open = |text: &[u8]| opened(form, &secrets(), "__Host-sid", text);
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

    // behaviour 115, defect 24
    #[test]
    fn a_seal_opens_for_its_cookie_and_its_form_only() {
        for (form, other) in [(Form::Encrypted, Form::Signed), (Form::Signed, Form::Encrypted)] {
            let text = sealed(form, &secrets(), b"x");
            assert_eq!(opened(form, &secrets(), "__Host-sid-1", text.as_bytes()), None);
            assert_eq!(opened(other, &secrets(), "__Host-sid", text.as_bytes()), None);
        }
    }

    // behaviour 113, defect 25
    #[test]
    fn the_first_secret_seals_and_all_open() {
        let old = Secrets::new(["the secret of yesterday, 32 bytes"]).expect("a secret");
        let new = Secrets::new(["the secret that seals, of 32 bytes"]).expect("a secret");
        for form in FORMS {
            let by_old = sealed(form, &old, b"x");
            assert_eq!(opened(form, &secrets(), "__Host-sid", by_old.as_bytes()), Some((b"x".to_vec(), false)));
            assert_eq!(opened(form, &new, "__Host-sid", by_old.as_bytes()), None);
            let by_ring = sealed(form, &secrets(), b"x");
            assert!(opened(form, &new, "__Host-sid", by_ring.as_bytes()).is_some());
            assert_eq!(opened(form, &old, "__Host-sid", by_ring.as_bytes()), None);
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
                prop_assert_eq!(opened(form, &secrets(), "a", &text), None);
                let mut head = vec![form as u8];
                head.extend(secrets().first().expect("one").id);
                head.extend(&bytes);
                prop_assert_eq!(opened(form, &secrets(), "a", URL_SAFE_NO_PAD.encode(head).as_bytes()), None);
            }
        }
    }
}
