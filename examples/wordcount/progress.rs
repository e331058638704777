//! What is shown while the counting goes on: a bar on a terminal, nothing elsewhere.

use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar counts files; beside it stand speed, kills and restarts.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
}

/// Where the counting is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Position {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) kills: u64,
    pub(crate) restarts: u64,
}

impl Progress {
    pub(crate) fn new(what: &'static str, files: usize) -> Progress {
        let target = match io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(Some(files as u64), target);
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} files {msg}");
        bar.set_style(style.expect("the template is a constant"));
        bar.set_prefix(what);
        Progress { bar, started: Instant::now() }
    }

    pub(crate) fn show(&self, at: Position) {
        self.bar.set_message(message(at, self.started.elapsed()));
        self.bar.set_position(at.files);
    }

    /// Lets `print` write to the terminal with the bar out of the way.
    pub(crate) fn aside<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    pub(crate) fn finish(self) -> Duration {
        self.bar.finish_and_clear();
        self.started.elapsed()
    }
}

fn message(at: Position, elapsed: Duration) -> String {
    let speed = at.bytes as f64 / 1e6 / elapsed.as_secs_f64().max(1e-9);
    let mut message = format!("{speed:.0} MB/s");
    if at.kills > 0 || at.restarts > 0 {
        message += &format!(", {} kills, {} restarts", at.kills, at.restarts);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_speed_and_what_went_wrong() {
        let mut at = Position { files: 1, bytes: 50_000_000, ..Position::default() };
        assert_eq!(message(at, Duration::from_millis(500)), "100 MB/s");
        at = Position { kills: 3, restarts: 2, ..at };
        assert_eq!(message(at, Duration::from_secs(1)), "50 MB/s, 3 kills, 2 restarts");
        assert!(!message(at, Duration::ZERO).is_empty());
    }
}
