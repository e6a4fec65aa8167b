//! Challenge Handshake Authentication Protocol with MD5 (RFC 1994): neither password nor anything
//! that could be replayed goes over the line.
//!
//! The authenticator repeats what is lost, the peer only answers. As in pppd, the peer does not
//! check the identifier of a Success or Failure.

mod client;
mod server;

pub use client::Client;
pub use server::Server;

use md5::{Digest, Md5};

use crate::ppp::wire::Reader;
use crate::secret::Secret;

/// RFC 1994 section 4.1: the hash over the identifier, the secret and the challenge, in that order.
fn digest(id: u8, secret: &Secret, challenge: &[u8]) -> [u8; VALUE_LENGTH] {
    let mut md5 = Md5::new();
    md5.update([id]);
    md5.update(secret.expose());
    md5.update(challenge);
    md5.finalize().into()
}

/// Value and Name of a Challenge or Response. A Value has one octet at least.
fn parse_value(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(data);
    let length = reader.u8().filter(|length| *length > 0)?;
    Some((reader.take(usize::from(length))?, reader.rest()))
}

fn write_value(value: &[u8; VALUE_LENGTH], name: &str) -> Vec<u8> {
    [&[VALUE_LENGTH as u8], &value[..], name.as_bytes()].concat()
}

const CHALLENGE: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;

/// Octets of an MD5 hash, and of the challenges that are sent.
const VALUE_LENGTH: usize = 16;
