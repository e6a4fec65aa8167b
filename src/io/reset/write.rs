//! Values for a file that the user names, such as one of sysfs or of a board's own driver.

use std::path::Path;
use std::time::Duration;

use super::put_back::PutBack;
use super::{ResetError, pause, put};

/// Writes `value`, and `then` a second value after a pause. The second one is written even if the step is given up
/// between them.
///
/// # Errors
/// [`ResetError::File`]: the file must be there already; it is neither made nor cut.
pub async fn write(
    path: &Path,
    value: &str,
    then: Option<(Duration, &str)>,
) -> Result<(), ResetError> {
    let Some((after, second)) = then else {
        return put(path, value).await;
    };
    put(path, value).await?;
    let back = PutBack::new(path, second);
    pause(after).await;
    back.now().await
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::super::testing::TestDir;
    use super::super::testing::Kernel;
    use super::*;

    #[tokio::test]
    async fn writes_both_values() {
        let dir = TestDir::new();
        let file = dir.join("perst");
        fs::write(&file, "").unwrap();
        let kernel = Kernel::watch(&file, |_| {});
        let then = Some((Duration::from_millis(200), "1"));
        write(&file, "0", then).await.unwrap();
        assert_eq!(kernel.seen(), ["0", "1"]);
    }

    #[tokio::test]
    async fn makes_no_file() {
        let dir = TestDir::new();
        let error = write(&dir.join("perst"), "0", None).await.unwrap_err();
        assert!(error.to_string().contains("could not be written"));
        assert!(!dir.join("perst").exists());
    }
}
