//! A pulse on a GPIO line, by the kernel's character device (uAPI v2).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gpiocdev::Request;
use gpiocdev::chip::Chip;
use gpiocdev::line::{Offset, Value};

use super::pause;

/// No more chips are looked at.
const MAX_CHIPS: usize = 256;

/// Why there was no pulse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpioError {
    /// The chip is none, or cannot be opened.
    #[error("the GPIO chip {} cannot be used: {error}", .path.display())]
    Chip {
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: String,
    },
    /// No chip at all.
    #[error("there is no GPIO chip (gpiochipN) in {}", .folder.display())]
    NoChips {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// No line of that name or number.
    #[error("no GPIO line {line} on {}", .chips.join(", "))]
    NoLine {
        /// As configured.
        line: String,
        /// Chips that were looked at.
        chips: Vec<String>,
    },
    /// A number says nothing without a chip.
    #[error("the GPIO line {line} is a number: its chip must be named")]
    ChipNeeded {
        /// As configured.
        line: String,
    },
    /// The kernel refuses, e.g. because the line is in use.
    #[error("the GPIO line {line} of {} cannot be driven: {error}", .chip.display())]
    Line {
        /// As configured.
        line: String,
        /// The chip.
        chip: PathBuf,
        /// The system's words.
        error: String,
    },
}

/// Which line, and how it is pulsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pulse<'a> {
    /// `/dev/gpiochip0` or `gpiochip0`; `None`: the chip that has a line of this name.
    pub chip: Option<&'a str>,
    /// The line's name, or its number on the chip.
    pub line: &'a str,
    /// The pulse is low.
    pub active_low: bool,
    /// How long.
    pub length: Duration,
}

/// Drives the line to its rest, pulses it, and lets go of it. It is at rest again also if the future is dropped.
///
/// # Errors
/// [`GpioError`].
pub async fn pulse(dev: &Path, pulse: Pulse<'_>) -> Result<(), GpioError> {
    let (chip, offset) = find(dev, pulse.chip, pulse.line)?;
    let failed = |error: gpiocdev::Error| GpioError::Line {
        line: pulse.line.to_owned(),
        chip: chip.clone(),
        error: error.to_string(),
    };
    let mut builder = Request::builder();
    builder
        .on_chip(&chip)
        .with_consumer("uplinkd")
        .with_line(offset)
        .as_output(Value::Inactive);
    if pulse.active_low {
        builder.as_active_low();
    }
    let line = Held(builder.request().map_err(failed)?);
    line.0.set_lone_value(Value::Active).map_err(failed)?;
    pause(pulse.length).await;
    line.0.set_lone_value(Value::Inactive).map_err(failed)
}

/// A line that is put to rest when dropped.
struct Held(Request);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.set_lone_value(Value::Inactive);
    }
}

fn find(dev: &Path, chip: Option<&str>, line: &str) -> Result<(PathBuf, Offset), GpioError> {
    let chips = match chip {
        // `gpiochip0` as well as `/dev/gpiochip0`: an absolute path replaces the folder.
        Some(chip) => vec![dev.join(chip)],
        None if line.parse::<Offset>().is_ok() => {
            return Err(GpioError::ChipNeeded {
                line: line.to_owned(),
            });
        }
        None => all_chips(dev)?,
    };
    for path in &chips {
        let opened = Chip::from_path(path).and_then(|chip| {
            let count = chip.info()?.num_lines;
            Ok((chip, count))
        });
        match opened {
            Ok((opened, count)) => {
                if let Some(info) = opened.find_line_info(line) {
                    return Ok((path.clone(), info.offset));
                }
                if let Some(offset) = line.parse().ok().filter(|offset| *offset < count) {
                    return Ok((path.clone(), offset));
                }
            }
            // Among all chips one that cannot be opened is no reason to stop.
            Err(_) if chip.is_none() => {}
            Err(error) => {
                return Err(GpioError::Chip {
                    path: path.clone(),
                    error: error.to_string(),
                });
            }
        }
    }
    let name = |chip: &PathBuf| chip.display().to_string();
    Err(GpioError::NoLine {
        line: line.to_owned(),
        chips: chips.iter().map(name).collect(),
    })
}

fn all_chips(dev: &Path) -> Result<Vec<PathBuf>, GpioError> {
    let is_chip = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("gpiochip"))
    };
    let mut chips: Vec<PathBuf> = fs::read_dir(dev)
        .map(|entries| {
            let paths = entries.flatten().map(|entry| entry.path());
            paths.filter(is_chip).take(MAX_CHIPS).collect()
        })
        .unwrap_or_default();
    if chips.is_empty() {
        return Err(GpioError::NoChips {
            folder: dev.to_owned(),
        });
    }
    chips.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    Ok(chips)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::TestDir;
    use super::*;

    async fn message(dev: &Path, chip: Option<&str>, line: &str) -> String {
        let error = pulse(
            dev,
            Pulse {
                chip,
                line,
                active_low: true,
                length: Duration::from_millis(1),
            },
        )
        .await
        .unwrap_err();
        error.to_string().replace(&dev.display().to_string(), "DEV")
    }

    #[tokio::test]
    async fn says_what_is_missing() {
        let dir = TestDir::new();
        let dev = dir.path();
        assert_eq!(
            message(dev, None, "RESET").await,
            "there is no GPIO chip (gpiochipN) in DEV"
        );
        assert_eq!(
            message(dev, None, "17").await,
            "the GPIO line 17 is a number: its chip must be named"
        );
        let missing = message(dev, Some("gpiochip0"), "17").await;
        assert!(
            missing.starts_with("the GPIO chip DEV/gpiochip0 cannot be used: "),
            "{missing}"
        );
        fs::write(dir.join("gpiochip0"), "").unwrap();
        fs::write(dir.join("gpiochip10"), "").unwrap();
        let no_chip = message(dev, Some("gpiochip0"), "RESET").await;
        assert!(
            no_chip.starts_with("the GPIO chip DEV/gpiochip0 cannot be used: "),
            "{no_chip}"
        );
        assert_eq!(
            message(dev, None, "RESET").await,
            "no GPIO line RESET on DEV/gpiochip0, DEV/gpiochip10"
        );
    }
}
