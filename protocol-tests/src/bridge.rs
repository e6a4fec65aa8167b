//! Joins a tty and a byte stream, as a cable would: for clients that sit behind a stream (pppd in a guest) and need the
//! modem's tty.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use rustix::fs::{Mode, OFlags, open};

use crate::modem::make_raw;

/// Opens the tty at `path` and passes bytes both ways until one side ends; then the other is closed.
///
/// # Panics
/// If the tty cannot be opened.
pub fn join(path: &Path, stream: UnixStream) {
    let tty = open(
        path,
        OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    make_raw(&tty);
    let mut from_tty = std::fs::File::from(tty.try_clone().expect("clone a descriptor"));
    let mut to_tty = std::fs::File::from(tty);
    let mut from_stream = stream.try_clone().expect("clone a descriptor");
    let mut to_stream = stream;
    thread::spawn(move || {
        pass(&mut from_tty, &mut to_stream);
        let _ = to_stream.shutdown(Shutdown::Both);
    });
    thread::spawn(move || pass(&mut from_stream, &mut to_tty));
}

fn pass(from: &mut impl Read, to: &mut impl Write) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}
