//! Seeds from the operating system.

use std::io;

/// A seed for [`Random`](crate::random::Random): fresh for each session, so that challenges and
/// magic numbers cannot be foretold.
///
/// # Errors
///
/// When the system has no random numbers to give.
pub fn seed() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed().unwrap(), seed().unwrap());
    }
}
