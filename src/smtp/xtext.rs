//! xtext, the encoding of parameter values.

/// `value` as xtext (RFC 3461, 4): printable ASCII but `+` and `=` stands as
/// it is, every other octet becomes `+` and two upper-case hexadecimal digits.
#[must_use]
pub fn xtext(value: &str) -> String {
    value
        .bytes()
        .map(|byte| match byte {
            b'!'..=b'~' if byte != b'+' && byte != b'=' => char::from(byte).to_string(),
            _ => format!("+{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::xtext;

    #[test]
    fn only_what_must_be_is_encoded() {
        assert_eq!(xtext("IPV6:2001:db8::1"), "IPV6:2001:db8::1");
        assert_eq!(xtext("[UNAVAILABLE]"), "[UNAVAILABLE]");
        assert_eq!(xtext("a+b=c d\r\né"), "a+2Bb+3Dc+20d+0D+0A+C3+A9");
    }
}
