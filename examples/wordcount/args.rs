//! The command line: what may be asked for, and what is wrong with what was.
//!
//! It decides by the arguments alone; whether a directory exists is found out by `input`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) const USAGE: &str = "\
Counts the words of the UTF-8 files below DIR in worker processes.

usage: wordcount [DIR] [--workers N] [--kill-every TIME] [--top N] [--verify] [--seed N]

  DIR                a directory or a single file; without it the sources of the crates
                     that this program was built from
  --workers N        how many processes count (1 to 256; one per CPU)
  --kill-every TIME  SIGKILL a random worker every so often, as in 20ms, 1.5s or 500us
  --top N            how many words to print (20)
  --verify           compare with the count of one thread; a difference is exit code 1
  --seed N           what the random choices start from, for a repetition
";

/// Each worker is a process; more of them than this only take memory from each other.
const WORKERS_MAX: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) dir: Option<PathBuf>,
    /// One per CPU if not given.
    pub(crate) workers: Option<usize>,
    pub(crate) kill_every: Option<Duration>,
    pub(crate) top: usize,
    pub(crate) verify: bool,
    /// By chance if not given.
    pub(crate) seed: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Count(Options),
    Help,
}

/// What is wrong with the command line, for the person who wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(String);

/// Reads the arguments, the name of the program not among them.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut options = Options { dir: None, workers: None, kill_every: None, top: 20, verify: false, seed: None };
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("workers") => options.workers = Some(workers(&text(&mut parser)?)?),
            Long("kill-every") => options.kill_every = Some(interval(&text(&mut parser)?)?),
            Long("top") => options.top = number("--top", &text(&mut parser)?)?,
            Long("verify") => options.verify = true,
            Long("seed") => options.seed = Some(number("--seed", &text(&mut parser)?)?),
            Long("help") | Short('h') => return Ok(Command::Help),
            Value(dir) if options.dir.is_none() => options.dir = Some(dir.into()),
            Value(second) => {
                return Err(UsageError(format!("one DIR at most, not also {second:?}")));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(Command::Count(options))
}

fn text(parser: &mut lexopt::Parser) -> Result<String, UsageError> {
    Ok(parser.value()?.string()?)
}

fn workers(text: &str) -> Result<usize, UsageError> {
    match number("--workers", text)? {
        0 => Err(UsageError("--workers 0: nobody would count; give at least 1".into())),
        n if n > WORKERS_MAX as u64 => Err(UsageError(format!("--workers {n}: at most {WORKERS_MAX}"))),
        n => Ok(n as usize),
    }
}

fn number<N: TryFrom<u64>>(option: &str, text: &str) -> Result<N, UsageError> {
    let parsed = text.parse::<u64>().ok().and_then(|n| N::try_from(n).ok());
    parsed.ok_or_else(|| UsageError(format!("{option} {text}: not a number that fits")))
}

fn interval(text: &str) -> Result<Duration, UsageError> {
    let wrong = |what: &str| UsageError(format!("--kill-every {text}: {what}"));
    let digits = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let count: f64 = count.parse().map_err(|_| wrong("a time looks like 20ms or 1.5s"))?;
    if count == 0.0 {
        return Err(wrong("the time between two kills must be longer than nothing"));
    }
    let seconds = match unit {
        "us" => count / 1e6,
        "ms" => count / 1e3,
        "s" => count,
        "min" => count * 60.0,
        "" => return Err(wrong("a unit is missing: us, ms, s or min")),
        _ => return Err(wrong("the units are us, ms, s and min")),
    };
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| wrong("too long"))?;
    if time.is_zero() { Err(wrong("too short")) } else { Ok(time) }
}

impl From<lexopt::Error> for UsageError {
    fn from(error: lexopt::Error) -> UsageError {
        UsageError(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Options {
        match parse(line.split_whitespace().map(OsString::from)) {
            Ok(Command::Count(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        parse(line.split_whitespace().map(OsString::from)).unwrap_err().to_string()
    }

    #[test]
    fn smoke() {
        let given = options("src --workers 3 --kill-every 20ms --top=5 --verify --seed 7");
        let expected = Options {
            dir: Some("src".into()),
            workers: Some(3),
            kill_every: Some(Duration::from_millis(20)),
            top: 5,
            verify: true,
            seed: Some(7),
        };
        assert_eq!(given, expected);
        assert_eq!(options("").top, 20);
        assert_eq!(options("").dir, None);
        assert_eq!(parse(["--help".into()]).unwrap(), Command::Help);
    }

    #[test]
    fn intervals_have_units() {
        for (text, time) in [
            ("500us", Duration::from_micros(500)),
            ("0.5ms", Duration::from_micros(500)),
            ("1.5s", Duration::from_millis(1500)),
            ("2min", Duration::from_secs(120)),
        ] {
            assert_eq!(interval(text).unwrap(), time, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (line, word) in [
            ("--workers 0", "at least 1"),
            ("--workers 257", "at most 256"),
            ("--workers -1", "not a number"),
            ("--workers", "missing"),
            ("--kill-every 0", "longer than nothing"),
            ("--kill-every 0ms", "longer than nothing"),
            ("--kill-every 20", "unit is missing"),
            ("--kill-every 20h", "units are"),
            ("--kill-every 1.2.3s", "looks like"),
            ("--kill-every -1s", "looks like"),
            ("--kill-every 99999999999999999999999s", "too long"),
            ("--kill-every 0.0000001us", "too short"),
            ("--top x", "not a number"),
            ("--seed 99999999999999999999", "not a number"),
            ("--verify=yes", "--verify"),
            ("--fast", "--fast"),
            ("a b", "one DIR"),
        ] {
            assert!(error(line).contains(word), "{line}: {}", error(line));
        }
    }

    #[test]
    fn a_directory_need_not_be_utf8() {
        use std::os::unix::ffi::OsStringExt;
        let dir = OsString::from_vec(vec![b'a', 0xff]);
        let Ok(Command::Count(options)) = parse([dir.clone()]) else { panic!() };
        assert_eq!(options.dir, Some(dir.into()));
    }
}
