//! The attributes of the cookie; what a browser would drop is refused when the manager is built.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::error::ConfigError;
use crate::lifetime::LONGEST_COOKIE;

/// How the session's cookie is set.
///
/// The defaults are the safest that a browser knows: `HttpOnly`, `Secure`, `SameSite=Lax`, `Path=/`, no `Domain`, and
/// the `__Host-` prefix, under which a browser takes the cookie from this very host only (RFC 6265bis, section 4.1.3.2).
/// A `Domain` or another `Path` rules that prefix out; then it is `__Secure-`. What loosens a protection has `insecure`
/// in its name.
///
/// ```
/// use cloakroom::{CookieConfig, MemoryStore, SameSite, SessionManager};
///
/// let sessions = SessionManager::builder(MemoryStore::new())
///     .cookie(CookieConfig::new("shop").same_site(SameSite::Strict))
///     .build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieConfig {
    name: Cow<'static, str>,
    domain: Option<Cow<'static, str>>,
    path: Cow<'static, str>,
    same_site: SameSite,
    secure: bool,
    http_only: bool,
    partitioned: bool,
}

/// When a browser sends the cookie along with requests that other sites started.
///
/// ```
/// # use cloakroom::{CookieConfig, SameSite};
/// let intranet = CookieConfig::new("desk").same_site(SameSite::Strict);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SameSite {
    /// Never: not even when a visitor follows a link from another site.
    Strict,
    /// When a visitor follows a link, but not for what another site embeds or posts.
    Lax,
    /// Always. Protect every change against cross-site requests yourself.
    None,
}

impl Default for CookieConfig {
    /// A cookie called `sid`, which a browser sees as `__Host-sid`.
    fn default() -> Self {
        Self::new("sid")
    }
}

impl CookieConfig {
    /// A cookie of this name; the prefix that says how it is protected is put before it.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// assert_eq!(CookieConfig::new("shop").full_name(), "__Host-shop");
    /// ```
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: Cow::Borrowed("/"),
            same_site: SameSite::Lax,
            secure: true,
            http_only: true,
            partitioned: false,
        }
    }

    /// The same cookie under another name.
    pub(crate) fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sends the cookie to this domain and all below it. Only where several hosts share one session.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// assert_eq!(CookieConfig::new("sid").domain("example.org").full_name(), "__Secure-sid");
    /// ```
    #[must_use]
    pub fn domain(mut self, domain: impl Into<Cow<'static, str>>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Sends the cookie for paths below this one only. It is no protection between applications on one host.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// assert_eq!(CookieConfig::new("sid").path("/shop").full_name(), "__Secure-sid");
    /// ```
    #[must_use]
    pub fn path(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.path = path.into();
        self
    }

    /// When a browser sends the cookie along with requests that other sites started.
    ///
    /// ```
    /// # use cloakroom::{CookieConfig, SameSite};
    /// let cookie = CookieConfig::default().same_site(SameSite::Strict);
    /// ```
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// Keeps a jar of its own for each site that embeds this one (`Partitioned`).
    ///
    /// ```
    /// # use cloakroom::{CookieConfig, SameSite};
    /// let embedded = CookieConfig::default().same_site(SameSite::None).partitioned();
    /// ```
    #[must_use]
    pub fn partitioned(mut self) -> Self {
        self.partitioned = true;
        self
    }

    /// Leaves `Secure` and the prefix out, so that the ticket travels over plain http, where anybody on the way reads it.
    ///
    /// On localhost Chromium and Firefox take secure cookies over plain http, so this is rarely needed even there.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// assert_eq!(CookieConfig::new("sid").insecure_plain_http().full_name(), "sid");
    /// ```
    #[must_use]
    pub fn insecure_plain_http(mut self) -> Self {
        self.secure = false;
        self
    }

    /// Leaves `HttpOnly` out, so that every script on the page, an injected one too, reads the ticket.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// let cookie = CookieConfig::default().insecure_script_access();
    /// ```
    #[must_use]
    pub fn insecure_script_access(mut self) -> Self {
        self.http_only = false;
        self
    }

    /// The name that the browser sees, prefix included.
    ///
    /// ```
    /// # use cloakroom::CookieConfig;
    /// assert_eq!(CookieConfig::default().full_name(), "__Host-sid");
    /// ```
    pub fn full_name(&self) -> String {
        let prefix = match (self.secure, &self.domain, &*self.path) {
            (false, ..) => "",
            (true, None, "/") => "__Host-",
            (true, ..) => "__Secure-",
        };
        format!("{prefix}{}", self.name)
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether other hosts get it.
    pub(crate) fn is_shared(&self) -> bool {
        self.domain.is_some()
    }

    pub(crate) fn sent_to(&self) -> SameSite {
        self.same_site
    }

    /// Refuses what a browser would drop or misread.
    pub(crate) fn check(&self) -> Result<Cookie, ConfigError> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if self.name.is_empty() || !self.name.bytes().all(token) {
            return Err(ConfigError::new(
                "cookie.name",
                format!(
                    "{:?} is no cookie name; use letters, digits, '-' and '_' (RFC 6265, section 4.1.1)",
                    self.name
                ),
            ));
        }
        let lower = self.name.to_ascii_lowercase();
        if ["__host-", "__secure-", "__http-", "__host-http-"].iter().any(|prefix| lower.starts_with(prefix)) {
            return Err(ConfigError::new(
                "cookie.name",
                format!("{:?} names a prefix itself; give the name alone, the prefix is put before it", self.name),
            ));
        }
        if self.name.len() > 128 {
            return Err(ConfigError::new("cookie.name", "is longer than 128 bytes; use a shorter one"));
        }
        if let Some(domain) = &self.domain {
            check_domain(domain)?;
        }
        if !self.path.starts_with('/') || self.path.bytes().any(|byte| byte <= b' ' || byte >= 0x7f || byte == b';') {
            return Err(ConfigError::new(
                "cookie.path",
                format!("{:?} is no path; it starts with '/' and has no space, ';' or control character", self.path),
            ));
        }
        if self.path.len() > 1024 {
            return Err(ConfigError::new("cookie.path", "is longer than 1024 bytes, which browsers drop"));
        }
        if !self.secure && self.same_site == SameSite::None {
            return Err(ConfigError::new(
                "cookie.same_site",
                "browsers drop a SameSite=None cookie that is not Secure; use Lax, or leave `insecure_plain_http` out",
            ));
        }
        if !self.secure && self.partitioned {
            return Err(ConfigError::new(
                "cookie.partitioned",
                "browsers drop a Partitioned cookie that is not Secure; leave `insecure_plain_http` out",
            ));
        }
        Ok(Cookie { name: self.full_name(), attributes: self.attributes(), secure: self.secure })
    }

    fn attributes(&self) -> String {
        let mut text = format!("; Path={}", self.path);
        if let Some(domain) = &self.domain {
            text.push_str("; Domain=");
            text.push_str(domain);
        }
        text.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        for (wanted, attribute) in
            [(self.http_only, "; HttpOnly"), (self.secure, "; Secure"), (self.partitioned, "; Partitioned")]
        {
            if wanted {
                text.push_str(attribute);
            }
        }
        text
    }
}

fn check_domain(domain: &str) -> Result<(), ConfigError> {
    let refuse = |why: &str| Err(ConfigError::new("cookie.domain", format!("{domain:?} {why}")));
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() > 253 || !domain.split('.').all(label) {
        return refuse("is no domain; give it bare and in ASCII, as in \"example.org\"");
    }
    if !domain.contains('.') {
        return refuse("has a single label, which browsers drop; leave the domain out for a cookie of this host alone");
    }
    if domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return refuse("is an address; leave the domain out for a cookie of this host alone");
    }
    Ok(())
}

const MAX_AGE: &str = "; Max-Age=";

/// A cookie whose configuration has been checked: what is set and what is removed have the same attributes.
#[derive(Debug)]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) secure: bool,
    attributes: String,
}

impl Cookie {
    /// The value of a `Set-Cookie` header; with no `Max-Age` the browser forgets the cookie when it is closed.
    pub(crate) fn set(&self, value: &str, max_age: Option<Duration>) -> String {
        self.set_by(&self.name, value.len(), max_age, |text| text.push_str(value))
    }

    /// The same for a cookie of another name, as one of several that make up a session, and a value of this length that is
    /// written in place.
    pub(crate) fn set_by(
        &self,
        name: &str,
        length: usize,
        max_age: Option<Duration>,
        write: impl FnOnce(&mut String),
    ) -> String {
        // Exactly as long as it gets, so that it becomes a header value without a copy.
        let mut text = String::with_capacity(self.around(name, max_age) + length);
        text.push_str(name);
        text.push('=');
        write(&mut text);
        text.push_str(&self.attributes);
        if let Some(seconds) = max_age.map(seconds) {
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{MAX_AGE}{seconds}"));
        }
        text
    }

    /// How long the header is without the value.
    pub(crate) fn around(&self, name: &str, max_age: Option<Duration>) -> usize {
        let age = max_age.map_or(0, |age| MAX_AGE.len() + seconds(age).ilog10() as usize + 1);
        name.len() + 1 + self.attributes.len() + age
    }

    /// The value of a `Set-Cookie` header that removes the cookie.
    pub(crate) fn removal(&self) -> String {
        self.removal_named(&self.name)
    }

    /// The same for a cookie with another name.
    pub(crate) fn removal_named(&self, name: &str) -> String {
        format!("{name}={}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", self.attributes)
    }
}

/// Whole seconds, at least one: a session in its last second would otherwise tell the browser to forget it at once.
fn seconds(max_age: Duration) -> u128 {
    max_age.min(LONGEST_COOKIE).as_millis().div_ceil(1_000).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(cookie: CookieConfig) -> &'static str {
        cookie.check().expect_err("is refused").setting()
    }

    // behaviours 84, 86 and 90; defects 19 and 35
    #[test]
    fn the_defaults_are_the_safe_ones_and_removal_has_the_same_attributes() {
        let cookie = CookieConfig::default().check().expect("the default works");
        assert_eq!(
            cookie.set("x", Some(Duration::from_millis(1_500))),
            "__Host-sid=x; Path=/; SameSite=Lax; HttpOnly; Secure; Max-Age=2"
        );
        assert_eq!(cookie.set("x", None), "__Host-sid=x; Path=/; SameSite=Lax; HttpOnly; Secure");
        assert!(cookie.set("x", Some(Duration::MAX)).ends_with("; Max-Age=34560000"));
        assert_eq!(
            cookie.removal(),
            "__Host-sid=; Path=/; SameSite=Lax; HttpOnly; Secure; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    // behaviour 84
    #[test]
    fn every_attribute_can_be_set() {
        let cookie = CookieConfig::new("a")
            .domain("example.org")
            .path("/shop")
            .same_site(SameSite::None)
            .partitioned()
            .insecure_script_access()
            .check()
            .expect("works");
        assert_eq!(
            cookie.set("x", None),
            "__Secure-a=x; Path=/shop; Domain=example.org; SameSite=None; Secure; Partitioned"
        );
        let plain = CookieConfig::new("a").insecure_plain_http().same_site(SameSite::Strict).check().expect("works");
        assert_eq!(plain.set("x", None), "a=x; Path=/; SameSite=Strict; HttpOnly");
    }

    // behaviour 85
    #[test]
    fn what_a_browser_would_drop_is_refused() {
        let cookie = CookieConfig::default;
        for name in ["", "a b", "a;b", "a=b", "é", "a\n", "__Host-sid", "__secure-sid"] {
            assert_eq!(refused(CookieConfig::new(name)), "cookie.name", "{name:?}");
        }
        assert_eq!(refused(CookieConfig::new("n".repeat(129))), "cookie.name");
        for domain in ["", "localhost", "com", ".example.org", "a..b", "ex ample.org", "a;b.c", "127.0.0.1", "-a.org"] {
            assert_eq!(refused(cookie().domain(domain)), "cookie.domain", "{domain:?}");
        }
        for path in ["", "shop", "/a;b", "/a b", "/é", "/\n"] {
            assert_eq!(refused(cookie().path(path)), "cookie.path", "{path:?}");
        }
        assert_eq!(refused(cookie().path(format!("/{}", "p".repeat(1024)))), "cookie.path");
        assert_eq!(refused(cookie().same_site(SameSite::None).insecure_plain_http()), "cookie.same_site");
        assert_eq!(refused(cookie().partitioned().insecure_plain_http()), "cookie.partitioned");
    }
}
