//! Finds the values of one cookie in a `Cookie` header, without a jar and without a copy.

/// The values of the cookies called `name`, in the order of the header (RFC 6265bis, section 5.7.3).
///
/// Whatever a stranger sends is split as a browser would have joined it; what makes no sense is passed over.
pub(crate) fn candidates<'a>(header: &'a [u8], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    pairs(header).filter_map(move |pair| value_of(pair, name))
}

/// The cookies of the header, each with its name.
pub(crate) fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let header = rest?;
        let (pair, behind) = match memchr::memchr(b';', header) {
            Some(end) => (&header[..end], Some(&header[end + 1..])),
            None => (header, None),
        };
        rest = behind;
        Some(pair)
    })
}

/// The value of a pair of this name.
pub(crate) fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?.trim_ascii_start().strip_prefix(b"=")?;
    let value = value.trim_ascii();
    Some(value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(header: &str) -> Vec<&str> {
        candidates(header.as_bytes(), "sid").map(|value| std::str::from_utf8(value).expect("test text")).collect()
    }

    #[test]
    fn finds_every_cookie_of_the_name_in_order() {
        assert_eq!(found("sid=a"), ["a"]);
        assert_eq!(found("x=1; sid=a; y=2;sid=b"), ["a", "b"]);
        assert_eq!(found(" sid = a ;sid=\"b\"; sid=\"; sid="), ["a", "b", "\"", ""]);
    }

    #[test]
    fn other_names_do_not_count() {
        assert!(found("").is_empty());
        assert!(found("sidx=a; xsid=b; SID=c; sid; x=sid=d; ;;=;").is_empty());
    }

    proptest! {
        #[test]
        fn junk_never_panics(header: Vec<u8>) {
            let _ = candidates(&header, "sid").count();
        }
    }
}
