//! The Basic Encoding Rules as LDAP uses them (RFC 4511 section 5.1): one-byte
//! tags, definite lengths.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A tag and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) tag: u8,
    pub(super) content: Vec<u8>,
}

impl Value {
    /// The content as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
}

pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    if let Ok(length @ ..0x80) = u8::try_from(content.len()) {
        bytes.push(length);
    } else {
        bytes.push(0x84);
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        bytes.extend(length.to_be_bytes());
    }
    bytes.extend(content);
    bytes
}

/// A number below 128, which needs no sign octet.
pub(super) fn integer(value: u8) -> Vec<u8> {
    element(INTEGER, &[value])
}

pub(super) fn octets(value: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, value)
}

pub(super) fn sequence(content: &[u8]) -> Vec<u8> {
    element(SEQUENCE, content)
}

/// The first value in `bytes` and how long it is; `None` while it is not whole.
pub(super) fn first(bytes: &[u8]) -> Option<(Value, usize)> {
    let (&tag, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = if length < 0x80 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |sum, d| {
            sum.checked_mul(256)?.checked_add(usize::from(*d))
        })?;
        (length, rest)
    };
    let content = rest.get(..length)?.to_vec();
    let end = bytes.len() - rest.len() + length;
    Some((Value { tag, content }, end))
}

/// All values in `bytes`; `None` where the last is not whole.
pub(super) fn values(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, length) = first(bytes)?;
        values.push(value);
        bytes = &bytes[length..];
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_request_is_encoded_as_in_the_rfc() {
        let body = [integer(3), octets(b"cn=a"), element(0x80, b"pw")].concat();
        let message = sequence(&[integer(1), element(0x60, &body)].concat());
        let expected = b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04cn=a\x80\x02pw";
        assert_eq!(message, expected);
    }

    #[test]
    fn long_values_come_back_whole() {
        let long = vec![7; 300];
        let bytes = [octets(&long), integer(5)].concat();
        let values = values(&bytes).unwrap();
        assert_eq!(values[0].content, long);
        assert_eq!(values[1].content, [5]);
    }

    #[test]
    fn a_value_that_is_not_whole_is_waited_for() {
        let bytes = octets(b"alice");
        for end in 0..bytes.len() {
            assert_eq!(first(&bytes[..end]), None, "{end}");
        }
        assert_eq!(first(&bytes).unwrap().1, bytes.len());
    }

    #[test]
    fn a_length_beyond_memory_is_no_panic() {
        assert_eq!(first(&[0x30, 0xff, 1, 2]), None);
        assert_eq!(first(&[0x30, 0x89, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
