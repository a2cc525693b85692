//! The secret in the cookie, and what a store knows of it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use crate::random::Random;
use crate::record::Handle;

/// Characters of a token as it is written: 32 bytes in base64url without padding.
pub(crate) const TOKEN_CHARACTERS: usize = 43;

/// Nonce bytes that a periodic renewal leaves in its marker.
pub(crate) const NONCE_BYTES: usize = 16;

/// The ticket itself: 256 random bits.
///
/// It is never stored, logged or listed; there is no way to print one but [`Token::write`], for a response header.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token([u8; 32]);

impl Token {
    pub(crate) fn random(random: &Random) -> Self {
        Self(random.bytes())
    }

    /// A token for a new session, and its handle: one draw for both.
    pub(crate) fn with_handle(random: &Random) -> (Self, Handle) {
        let mut bytes: [u8; 48] = random.bytes();
        let (mut token, mut handle) = ([0; 32], [0; 16]);
        token.copy_from_slice(&bytes[..32]);
        handle.copy_from_slice(&bytes[32..]);
        bytes.zeroize();
        (Self(token), Handle::from_bytes(handle))
    }

    /// Reads a token in its one written form; anything else is no token.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        if text.len() != TOKEN_CHARACTERS {
            return None;
        }
        // The decoder refuses foreign characters and set bits behind the last byte.
        let mut bytes = [0; 32];
        URL_SAFE_NO_PAD.decode_slice_unchecked(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// Hands the written form to `use_it` and wipes it.
    pub(crate) fn write<R>(&self, use_it: impl FnOnce(&str) -> R) -> R {
        let mut buffer = [0; TOKEN_CHARACTERS];
        // The buffer is as long as the text, and the text is ASCII: nothing can fail.
        let _ = URL_SAFE_NO_PAD.encode_slice(self.0, &mut buffer);
        let result = use_it(std::str::from_utf8(&buffer).unwrap_or_default());
        buffer.zeroize();
        result
    }

    /// The token that follows this one in a periodic renewal. Only who has the old ticket can make it:
    /// a keyed hash of the nonce, which the store knows, under the token, which it does not.
    pub(crate) fn successor(&self, nonce: &[u8; NONCE_BYTES]) -> Self {
        // HMAC takes keys of every length, so there is nothing to fail here.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { unreachable!() };
        mac.update(b"cloakroom successor 1");
        mac.update(nonce);
        Self(mac.finalize().into_bytes().into())
    }

    pub(crate) fn store_key(&self) -> StoreKey {
        StoreKey(Sha256::new().chain_update(b"cloakroom key 1").chain_update(self.0).finalize().into())
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What a store is keyed by: a SHA-256 hash of the token.
///
/// Whoever reads it in a store cannot turn it into a ticket (OWASP ASVS 5.0, 7.2.2: reference tokens are unguessable
/// and meaningless by themselves). It is a type of its own, so that it is never taken for a [`Handle`](crate::Handle).
///
/// ```
/// use cloakroom::StoreKey;
///
/// let key = StoreKey::from_bytes([7; 32]);
/// assert_eq!(key.as_bytes(), &[7; 32]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey([u8; 32]);

impl StoreKey {
    /// Where the logins of a user meet: no token has this key.
    pub(crate) fn of_user(user: &str) -> Self {
        Self(Sha256::new().chain_update(b"cloakroom user 1").chain_update(user).finalize().into())
    }

    /// Where a store keeps what it knows of a sealed session: no token has this key either. With another user it is
    /// another key, so that a cookie from before a login is not that of the user.
    pub(crate) fn of_sealed(handle: Handle, user: Option<&str>) -> Self {
        let hash = Sha256::new().chain_update(b"cloakroom sealed 1").chain_update(handle.as_bytes());
        Self(hash.chain_update(user.unwrap_or_default()).finalize().into())
    }

    /// The key of these bytes, as a store reads it back.
    ///
    /// ```
    /// # use cloakroom::StoreKey;
    /// let key = StoreKey::from_bytes([0; 32]);
    /// # assert_eq!(key.as_bytes(), &[0; 32]);
    /// ```
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the key.
    ///
    /// ```
    /// # use cloakroom::StoreKey;
    /// assert_eq!(StoreKey::from_bytes([1; 32]).as_bytes().len(), 32);
    /// ```
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for StoreKey {
    /// Eight digits tell keys apart in a log and are no use for anything else.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "StoreKey({a:02x}{b:02x}{c:02x}{d:02x}…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(token: &Token) -> String {
        token.write(str::to_owned)
    }

    #[test]
    fn a_token_reads_back() {
        let token = Token::random(&Random::default());
        assert_eq!(written(&token).len(), TOKEN_CHARACTERS);
        assert_eq!(Token::parse(written(&token).as_bytes()), Some(token));
    }

    // behaviour 72
    #[test]
    fn only_the_one_written_form_is_a_token() {
        let text = written(&Token([0xff; 32]));
        assert!(text.ends_with('8'), "the last character carries two unused bits: {text}");
        for bad in [&text[1..], &format!("{text}A"), &format!("{}9", &text[..42]), &format!("{}=", &text[..42]), ""] {
            assert_eq!(Token::parse(bad.as_bytes()), None, "{bad}");
        }
        for foreign in ["+", "/", ".", " ", "\"", "\0", "é"] {
            let bad = format!("{foreign}{}", &text[foreign.len()..]);
            assert_eq!(Token::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    // behaviours 32 and 33
    #[test]
    fn a_store_key_presented_as_a_token_is_another_key() {
        let token = Token::random(&Random::default());
        let key = token.store_key();
        assert_ne!(Token(*key.as_bytes()).store_key(), key);
        assert_ne!(key.as_bytes(), &token.0);
    }

    #[test]
    fn a_successor_needs_both_the_token_and_the_nonce() {
        let (token, nonce) = (Token([1; 32]), [2; NONCE_BYTES]);
        assert_eq!(token.successor(&nonce), token.successor(&nonce));
        assert_ne!(token.successor(&nonce), token.successor(&[3; NONCE_BYTES]));
        assert_ne!(token.successor(&nonce), Token([4; 32]).successor(&nonce));
    }

    #[test]
    fn nothing_prints_a_token() {
        let token = Token::random(&Random::default());
        let text = written(&token);
        assert!(!format!("{token:?} {:?}", token.store_key()).contains(&text[..8]));
    }
}
