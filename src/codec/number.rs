//! Numbers that serde's data model has, and MessagePack has not.

/// The name of the struct, and of its field, in which serde_json hands on numbers as texts where any dependency has switched
/// on its feature `arbitrary_precision`.
pub(super) const TOKEN: &str = "$serde_json::private::Number";

/// Our extension types of MessagePack, each of 16 bytes, big-endian: for what no 64 bits hold.
pub(super) const UNSIGNED: u8 = 1;
pub(super) const SIGNED: u8 = 2;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    LargeUnsigned(u128),
    LargeSigned(i128),
}

impl From<u128> for Number {
    fn from(value: u128) -> Self {
        u64::try_from(value).map_or(Self::LargeUnsigned(value), Self::Unsigned)
    }
}

impl From<i128> for Number {
    fn from(value: i128) -> Self {
        match u128::try_from(value) {
            Ok(value) => value.into(),
            Err(_) => i64::try_from(value).map_or(Self::LargeSigned(value), Self::Signed),
        }
    }
}

impl Number {
    /// The number that a text of JSON stands for, to the last digit; none where only the text says it exactly.
    pub(super) fn exactly(text: &str) -> Option<Self> {
        if let Ok(value) = text.parse() {
            return Some(Self::Unsigned(value));
        }
        if let Ok(value) = text.parse() {
            // Its sign is all that tells zero from this one.
            return if value == 0 { Some(Self::Float(-0.0)) } else { Some(Self::Signed(value)) };
        }
        let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
        let is_integer = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        (!is_integer && digits(text) == digits(&format!("{value:e}"))).then_some(Self::Float(value))
    }

    /// The number that a text of JSON stands for, as near as it gets.
    pub(super) fn nearly(text: &str) -> Option<Self> {
        let large = text.parse::<u128>().map(Self::from).or_else(|_| text.parse::<i128>().map(Self::from));
        Self::exactly(text).or_else(|| large.ok()).or_else(|| text.parse().ok().map(Self::Float))
    }
}

/// The digits of a number without zeros around them, and how far the point is behind them.
fn digits(text: &str) -> Option<(String, i64)> {
    let text = text.trim_start_matches('-');
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all = format!("{whole}{fraction}");
    let all = all.trim_start_matches('0');
    let kept = all.trim_end_matches('0');
    let zeros = i64::try_from(all.len() - kept.len()).ok()?;
    let exponent: i64 = exponent.parse().ok()?;
    let point = exponent - i64::try_from(fraction.len()).ok()? + zeros;
    Some((kept.to_owned(), if kept.is_empty() { 0 } else { point }))
}

/// The text of the number in the struct of serde_json, given what is encoded behind its head.
pub(super) fn in_struct(encoded: &[u8]) -> Option<&str> {
    let mut reader = super::read::Reader::new(encoded);
    (reader.text()? == TOKEN).then_some(())?;
    let text = reader.text()?;
    reader.is_at_end().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_number_says_exactly_stays_a_text() {
        let float =
            |text: &str| matches!(Number::exactly(text), Some(Number::Float(value)) if text.parse() == Ok(value));
        for text in ["0.1", "1.5e300", "-2.50", "1E2", "0.0", "-0.0", "5e-324", "100.0"] {
            assert!(float(text), "{text}");
        }
        for text in
            ["0.1000000000000000055511151231257827", "1e400", "18446744073709551616", "0.30000000000000000000001"]
        {
            assert_eq!(Number::exactly(text), None, "{text}");
        }
        assert_eq!(Number::exactly("18446744073709551615"), Some(Number::Unsigned(u64::MAX)));
        assert_eq!(Number::exactly("-9223372036854775808"), Some(Number::Signed(i64::MIN)));
        assert_eq!(Number::nearly("18446744073709551616"), Some(Number::LargeUnsigned(1 << 64)));
        assert_eq!(Number::nearly("1e400"), Some(Number::Float(f64::INFINITY)));
    }
}
