//! Credentials: readable only on purpose, wiped when dropped (spec C17).
#![forbid(unsafe_code)]

use std::fmt;

use zeroize::Zeroizing;

/// A password. `Debug` and `Display` show `<hidden>`; only [`Secret::expose`] gives the bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Keeps `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes, for a computation or the wire. Never for a log.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether `bytes` hold the password, so that they must not be shown. Never for a password of one or two bytes,
    /// which would be found everywhere.
    pub fn occurs_in(&self, bytes: &[u8]) -> bool {
        self.0.len() > 2
            && bytes
                .windows(self.0.len())
                .any(|part| part == self.expose())
    }

    /// Whether the password is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn does_not_show_itself() {
        let secret = Secret::new("dti");
        assert_eq!(format!("{secret:?} {secret}"), "<hidden> <hidden>");
        assert_eq!(secret.expose(), b"dti");
    }

    #[test]
    fn is_found_where_somebody_repeats_it() {
        let secret = Secret::new("dti");
        assert!(secret.occurs_in(b"dti") && secret.occurs_in(b"bad password: dti"));
        assert!(!secret.occurs_in(b"dt") && !secret.occurs_in(b"d-t-i"));
        assert!(!Secret::new("").occurs_in(b"") && !Secret::new("a").occurs_in(b"a"));
    }
}
