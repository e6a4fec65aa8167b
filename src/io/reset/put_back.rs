//! Values that must not stay.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::{ResetError, put, put_now};

/// So long a drop waits for the kernel to take the value.
const LIMIT: Duration = Duration::from_secs(2);

/// Writes `value` to `path` when dropped, unless [`now`](Self::now) has done so.
#[derive(Debug)]
pub(super) struct PutBack {
    path: PathBuf,
    value: String,
    armed: bool,
}

impl PutBack {
    pub(super) fn new(path: &Path, value: &str) -> Self {
        Self {
            path: path.to_owned(),
            value: value.to_owned(),
            armed: true,
        }
    }

    /// Writes it.
    pub(super) async fn now(mut self) -> Result<(), ResetError> {
        let result = put(&self.path, &self.value).await;
        // One that failed is not tried a second time.
        self.armed = false;
        result
    }
}

impl Drop for PutBack {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (path, value) = (self.path.clone(), self.value.clone());
        let (sender, receiver) = mpsc::channel();
        let writer = thread::Builder::new().spawn(move || {
            let _ = put_now(&path, &value);
            let _ = sender.send(());
        });
        // The program may be about to end, so it is waited for; but not for a kernel that is stuck.
        if writer.is_ok() {
            let _ = receiver.recv_timeout(LIMIT);
        }
    }
}
