//! Who may go on: a user, one who logged in lately, one who was given tokens. Checks only read.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Session;
use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::record::AuthenticatedAt;

/// The key that the application keeps a user's tokens under.
const TOKENS: &str = "tokens";

/// Who may go on. Each answers an error with a status of its own, which `?` hands on; as arguments of a handler there are
/// [`User`](crate::User), [`FreshUser`](crate::FreshUser) and [`Require`](crate::Require).
impl Session {
    /// The [user](Session::user), or an error.
    ///
    /// # Errors
    ///
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) (401) where nobody is logged in, and as for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let user = session.require_user()?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "login_required")]
    pub fn require_user(&self) -> Result<Arc<str>> {
        self.user()?.ok_or_else(|| Error::new(ErrorKind::Unauthenticated, "nobody is logged in"))
    }

    /// The user, if they have proved who they are within this time: for pages on which much is at stake ("step up").
    ///
    /// What counts is the last [`login`](Session::login), not activity: a session that is used all day does not stay
    /// fresh. Who proves it again logs in again, under the same name. A user of
    /// [this request only](Session::login_transient) has proved nothing to this session and is never fresh.
    ///
    /// # Errors
    ///
    /// [`NotFresh`](ErrorKind::NotFresh) (401) if the login is as old as `window` or older, otherwise as for
    /// [`require_user`](Session::require_user).
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// let user = session.require_fresh(Duration::from_secs(10 * 60))?;
    /// # Ok(()) }
    /// ```
    // behaviour 140
    #[doc(alias = "step_up")]
    #[doc(alias = "sudo")]
    pub fn require_fresh(&self, window: Duration) -> Result<Arc<str>> {
        let user = self.require_user()?;
        let now = self.manager().now();
        let authenticated = self.read(|open| match open.draft.user {
            Some(_) => open.draft.values.own::<AuthenticatedAt>(),
            None => Ok(None),
        })?;
        // A clock that is ahead makes no login fresh for longer than clocks may differ.
        if authenticated.is_some_and(|at| now.since(at.0) < window && !at.0.is_ahead_of(now)) {
            return Ok(user);
        }
        Err(Error::new(ErrorKind::NotFresh, "the user has not logged in lately"))
    }

    /// The user, if they were given every one of these tokens; without any, this is
    /// [`require_user`](Session::require_user).
    ///
    /// # Errors
    ///
    /// [`Forbidden`](ErrorKind::Forbidden) (403) if a token is missing, [`Decode`](ErrorKind::Decode) if the value under
    /// `tokens` is neither a list nor a map, and as for [`require_user`](Session::require_user).
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.require_tokens(["page.edit", "page.delete"])?;
    /// # Ok(()) }
    /// ```
    pub fn require_tokens<T: AsRef<str>>(&self, tokens: impl IntoIterator<Item = T>) -> Result<Arc<str>> {
        let user = self.require_user()?;
        let mut given = None;
        for token in tokens {
            let given = match &mut given {
                Some(given) => given,
                empty => empty.insert(self.tokens()?),
            };
            if !given.give(token.as_ref()) {
                return Err(Error::new(ErrorKind::Forbidden, "the user was not given the token that this needs"));
            }
        }
        Ok(user)
    }

    /// Whether there is a user, and they were given this token. `acl` in templates.
    ///
    /// The application keeps the tokens under the key `tokens`: as a list, `["page.edit", "shop.*"]`, or as a map,
    /// `{"page": {"edit": true}, "shop.*": true}`, in which `_` stands for the namespace itself. `a.*` gives every token
    /// below `a`, but not `a`; `*` gives all; `a` does not give `a.b`, nor the other way round. They may be
    /// [transient](Session::set_transient); regular ones hide those.
    ///
    /// # Errors
    ///
    /// [`Decode`](ErrorKind::Decode) if the value is neither a list nor a map, and as for every read.
    ///
    /// ```
    /// # fn example(session: cloakroom::Session) -> cloakroom::Result<()> {
    /// session.set("tokens", ["page.edit", "shop.*"])?;
    /// let may_edit = session.has_token("page.edit")?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "acl")]
    #[doc(alias = "ensure")]
    pub fn has_token(&self, token: impl AsRef<str>) -> Result<bool> {
        Ok(self.user()?.is_some() && self.tokens()?.give(token.as_ref()))
    }

    fn tokens(&self) -> Result<Tokens> {
        let given = codec::decode_copied(TOKENS, |show| self.read(|open| Ok(open.get(TOKENS).map(show))))?;
        Ok(given.unwrap_or_default())
    }
}

/// The tokens that a user was given.
#[derive(Debug, Default)]
struct Tokens(BTreeSet<String>);

impl Tokens {
    fn give(&self, token: &str) -> bool {
        if token.is_empty() {
            return false;
        }
        let below = token.match_indices('.').any(|(dot, _)| self.0.contains(&format!("{}*", &token[..=dot])));
        self.0.contains(token) || self.0.contains("*") || below
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(match Given::deserialize(deserializer)? {
            Given::Tokens(tokens) => Self(tokens),
            Given::Yes(_) => return Err(serde::de::Error::custom("neither a list nor a map")),
        })
    }
}

/// What stands in a map of tokens: whether one was given, or those of a namespace.
enum Given {
    Yes(bool),
    Tokens(BTreeSet<String>),
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map of tokens")
    }

    fn visit_bool<E>(self, given: bool) -> std::result::Result<Given, E> {
        Ok(Given::Yes(given))
    }

    fn visit_unit<E>(self) -> std::result::Result<Given, E> {
        Ok(Given::Tokens(BTreeSet::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Given, A::Error> {
        let mut tokens = BTreeSet::new();
        while let Some(token) = list.next_element()? {
            tokens.insert(token);
        }
        Ok(Given::Tokens(tokens))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Given, A::Error> {
        let mut tokens = BTreeSet::new();
        while let Some((name, given)) = map.next_entry::<String, Given>()? {
            match given {
                Given::Yes(true) => {
                    tokens.insert(name);
                }
                Given::Yes(false) => {}
                Given::Tokens(below) => tokens.extend(below.into_iter().map(|token| match token.as_str() {
                    "_" => name.clone(),
                    token => format!("{name}.{token}"),
                })),
            }
        }
        Ok(Given::Tokens(tokens))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gives(tokens: &Value, token: &str) -> bool {
        let tokens: Tokens = codec::decode(&codec::encode(tokens).expect("encodes")).expect("tokens");
        tokens.give(token)
    }

    #[test]
    fn a_list_and_a_map_give_the_same_tokens() {
        let list = json!(["a", "b.c", "d.*", "e.f.*"]);
        let map = json!({"a": true, "b": {"c": true, "x": false}, "d": {"*": true}, "e.f.*": true, "x": false});
        for tokens in [list, map] {
            for given in ["a", "b.c", "d.x", "d.x.y", "e.f.g"] {
                assert!(gives(&tokens, given), "{tokens} {given}");
            }
            for not_given in ["", "a.b", "b", "b.x", "b.cc", "d", "dx", "e", "e.f", "e.x", "x", "*", "c"] {
                assert!(!gives(&tokens, not_given), "{tokens} {not_given}");
            }
        }
        assert!(gives(&json!({"a": {"_": true, "b": ["c"]}}), "a"));
        assert!(gives(&json!({"a": {"_": true, "b": ["c"]}}), "a.b.c"));
        assert!(gives(&json!(["*"]), "a.b") && gives(&json!({"*": true}), "a"));
        assert!(!gives(&json!(null), "a") && !gives(&json!([]), "a"));
    }

    #[test]
    fn what_is_neither_a_list_nor_a_map_gives_nothing() {
        for tokens in [json!(true), json!("*"), json!(1), json!([1]), json!({"a": "yes"})] {
            assert!(codec::decode::<Tokens>(&codec::encode(&tokens).expect("encodes")).is_err(), "{tokens}");
        }
    }
}
