//! One shot of a LED line: how the kernels of these gateways name the modem's reset and power keys.
//!
//! The trigger `oneshot` turns the line on for `delay_on` ms and then keeps it off for `delay_off` ms at least, each time
//! something is written to `shot`. Where the device tree has set trigger and times already they are left as they are:
//! setting the trigger again would make the kernel forget the times.

use std::path::Path;
use std::time::Duration;

use super::{ResetError, get, pause, put};

/// Longest that the kernel's own times are waited for.
const LONGEST: Duration = Duration::from_secs(60);

/// Shoots once, and waits until it is over. `on`: how long the line is on; what the kernel has, if `None`.
///
/// # Errors
/// [`ResetError`] if there is no such LED, or it cannot be written to.
pub async fn shot(sys: &Path, name: &str, on: Option<Duration>) -> Result<(), ResetError> {
    let folder = sys.join("class/leds");
    let no_led = || ResetError::NoLed {
        name: name.to_owned(),
        folder: folder.clone(),
    };
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\0']) {
        return Err(no_led());
    }
    let led = folder.join(name);
    if !led.is_dir() {
        return Err(no_led());
    }
    let triggers = get(&led.join("trigger"))?;
    // `none timer [oneshot] default-on`: the one in brackets is set.
    let mut words = triggers.split_ascii_whitespace();
    if !words.any(|word| word == "[oneshot]") {
        // A long list of triggers is cut; then the write says whether there is one.
        if put(&led.join("trigger"), "oneshot").await.is_err() {
            return Err(ResetError::NoOneShot {
                name: name.to_owned(),
            });
        }
    }
    if let Some(on) = on {
        put(&led.join("delay_on"), &on.as_millis().to_string()).await?;
    }
    put(&led.join("shot"), "1").await?;
    pause(delay(&led, "delay_on")).await;
    pause(delay(&led, "delay_off")).await;
    Ok(())
}

/// A time that the kernel has; 100 ms is its own default.
fn delay(led: &Path, name: &str) -> Duration {
    let ms = get(&led.join(name))
        .ok()
        .and_then(|text| text.lines().next()?.trim().parse().ok())
        .unwrap_or(100);
    Duration::from_millis(ms).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::super::testing::TestDir;
    use super::super::testing::Kernel;
    use super::*;

    fn led(dir: &TestDir, trigger: &str) -> PathBuf {
        let led = dir.join("class/leds/Mobile_RESETN");
        fs::create_dir_all(&led).unwrap();
        fs::write(led.join("trigger"), trigger).unwrap();
        fs::write(led.join("delay_on"), "60\n").unwrap();
        fs::write(led.join("delay_off"), "40\n").unwrap();
        fs::write(led.join("shot"), "").unwrap();
        led
    }

    #[tokio::test]
    async fn a_line_that_is_set_up_is_only_shot() {
        let dir = TestDir::new();
        let trigger = "none timer [oneshot] heartbeat\n";
        let led = led(&dir, trigger);
        let kernel = Kernel::watch(&led.join("shot"), |_| {});
        let start = tokio::time::Instant::now();
        shot(dir.path(), "Mobile_RESETN", None).await.unwrap();
        assert!(
            start.elapsed() >= Duration::from_millis(100),
            "until it is over"
        );
        assert_eq!(kernel.seen(), ["1"]);
        assert_eq!(fs::read_to_string(led.join("trigger")).unwrap(), trigger);
        assert_eq!(fs::read_to_string(led.join("delay_on")).unwrap(), "60\n");
    }

    #[tokio::test]
    async fn a_line_without_the_trigger_gets_it_and_its_time_first() {
        let dir = TestDir::new();
        let led = led(&dir, "[none] timer oneshot heartbeat\n");
        fs::write(led.join("delay_on"), "").unwrap();
        let (delay, seen) = (led.join("delay_on"), led.join("seen"));
        // When it is shot, the time must stand already.
        let kernel = Kernel::watch(&led.join("shot"), move |_| {
            fs::copy(&delay, &seen).unwrap();
        });
        shot(
            dir.path(),
            "Mobile_RESETN",
            Some(Duration::from_millis(250)),
        )
        .await
        .unwrap();
        assert_eq!(kernel.seen(), ["1"]);
        assert!(
            fs::read_to_string(led.join("trigger"))
                .unwrap()
                .starts_with("oneshot")
        );
        assert_eq!(fs::read_to_string(led.join("seen")).unwrap(), "250");
    }

    #[tokio::test]
    async fn what_is_not_there_is_named() {
        let dir = TestDir::new();
        led(&dir, "[none]\n");
        for name in ["Mobile", "..", "../leds/Mobile_RESETN", "", "a\0b"] {
            let error = shot(dir.path(), name, None).await.unwrap_err();
            assert!(
                matches!(error, ResetError::NoLed { .. }),
                "{name:?}: {error}"
            );
        }
        let error = shot(dir.path(), "Mobile", None).await.unwrap_err();
        let folder = dir.join("class/leds");
        assert_eq!(
            error.to_string(),
            format!("there is no LED \"Mobile\" in {}", folder.display())
        );
        fs::remove_file(dir.join("class/leds/Mobile_RESETN/trigger")).unwrap();
        let error = shot(dir.path(), "Mobile_RESETN", None).await.unwrap_err();
        assert!(error.to_string().contains("trigger could not be read"));
    }
}
