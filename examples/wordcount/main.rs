//! Counts words in worker processes, and gets the right result while they are being killed.
//!
//! `cargo run --release --example wordcount -- [DIR] [--workers N] [--kill-every 20ms] [--verify]`
//!
//! The main process reads the files below DIR and hands out pieces of text, each worker counts one
//! piece after the other, and the main process adds up. Start reading in `workers`; the other files
//! are what any program of this kind has. Exit codes: 0, 1 if `--verify` finds a difference or the
//! workers cannot work, 2 if what was asked for makes no sense.
//! `ratio.sh` measures what a second worker is good for.

mod args;
mod built_from;
mod chance;
mod chunks;
mod counter;
mod input;
mod killer;
mod progress;
mod report;
mod tally;
mod word;
mod workers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use args::{Command, Options};
use chunks::Chunks;
use input::Input;
use progress::{Position, Progress};
use report::Report;
use tally::Totals;
use workers::{Crew, CrewError};

#[actor_core::main]
fn main() -> ExitCode {
    let code = run(std::env::args_os().skip(1), &mut io::stdout(), &mut io::stderr());
    ExitCode::from(code)
}

/// The whole program, with its exit code. Results go to `out`, all that is about them to `err`.
fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut (dyn Write + Send)) -> u8 {
    let options = match args::parse(args) {
        Ok(Command::Count(options)) => options,
        Ok(Command::Help) => return print(out, args::USAGE),
        Err(error) => {
            print(err, &format!("wordcount: {error}\n\n{}", args::USAGE));
            return 2;
        }
    };
    let roots = options.dir.clone().map_or_else(built_from::directories, |dir| vec![dir]);
    if roots.is_empty() {
        print(err, "wordcount: the sources of the crates are not where cargo puts them; give DIR\n");
        return 2;
    }
    let input = match input::find(&roots) {
        Ok(input) => input,
        Err(error) => {
            print(err, &format!("wordcount: {error}\n"));
            return 2;
        }
    };
    let (report, alone) = match count(&input, &options, err) {
        Ok(counted) => counted,
        Err(error) => {
            print(err, &format!("wordcount: {error}\n"));
            return 1;
        }
    };
    print(out, &report::text(&report, options.top));
    if options.verify { verify(&report.totals, &alone, out, err) } else { 0 }
}

/// Counts twice: with workers, which gives the result, and alone, for the comparison.
fn count(input: &Input, options: &Options, err: &mut (dyn Write + Send)) -> Result<(Report, Totals), CrewError> {
    let cpus = || thread::available_parallelism().map_or(1, usize::from);
    let crew = Crew {
        workers: options.workers.unwrap_or_else(cpus),
        kill_every: options.kill_every,
        seed: options.seed.unwrap_or_else(chance::any_seed),
    };
    let mut report = Report { workers: crew.workers, intensity: crew.intensity(), ..Report::default() };
    report.seed = crew.kill_every.map(|_| crew.seed);
    for skip in &input.skipped {
        report.skipped.add(skip);
        print(err, &format!("skipped {skip}\n"));
    }

    let progress = Progress::new("counting", input.files.len());
    let counted = workers::count_with_workers(Chunks::new(&input.files), crew, &mut |chunk, losses| {
        report.files += chunk.files;
        report.bytes += chunk.bytes;
        for skip in &chunk.skipped {
            report.skipped.add(skip);
            progress.aside(|| print(err, &format!("skipped {skip}\n")));
        }
        progress.show(Position {
            files: report.files,
            bytes: report.bytes,
            kills: losses.kills,
            restarts: losses.restarts,
        });
    });
    report.time = progress.finish();
    (report.totals, report.losses) = counted?;

    let progress = Progress::new("comparing", input.files.len());
    let mut at = Position::default();
    let alone = workers::count_alone(Chunks::new(&input.files), &mut |chunk| {
        at.files += chunk.files;
        at.bytes += chunk.bytes;
        progress.show(at);
    });
    report.time_alone = progress.finish();
    Ok((report, alone))
}

/// Says whether both counts agree, and where they do not.
fn verify(counted: &Totals, alone: &Totals, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    const SHOWN: usize = 20;
    let differences = counted.differences(alone);
    if differences.is_empty() {
        return print(out, "verified       equal to the count of one thread\n");
    }
    let mut text = format!("wordcount: {} words differ\n", differences.len());
    for (word, ours, theirs) in differences.iter().take(SHOWN) {
        text += &format!("  {word}: {ours} by workers, {theirs} by one thread\n");
    }
    print(err, &text);
    1
}

/// Writes text; a reader who has gone away has seen enough, and is no failure.
fn print(to: &mut dyn Write, text: &str) -> u8 {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use actor_core::process::Process;
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    /// Runs the program; gives its exit code and what it printed.
    fn wordcount(dir: &Path, args: &[&str]) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let args = args.iter().map(OsString::from);
        let code = run(std::iter::once(dir.into()).chain(args), &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (code, text(out), text(err))
    }

    #[test]
    fn smoke() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "To be, or not to be.").unwrap();
        fs::write(dir.path().join("b"), "be\0").unwrap();
        let (code, out, err) = wordcount(dir.path(), &["--workers", "1", "--top", "1", "--verify"]);
        assert_eq!(code, 0, "{err}");
        let out: Vec<String> = out.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(out[0], "2 be");
        for line in ["files 1", "bytes 20", "words 6, 4 different"] {
            assert!(out.iter().any(|l| l == line), "{line} is not in {out:?}");
        }
        assert!(out.last().unwrap().contains("equal"), "{out:?}");
        assert_eq!(err.lines().count(), 1, "{err}");
        assert!(err.contains("b: binary"), "{err}");
    }

    #[test]
    fn kills_cost_time_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let text = "Ärger im Straßenbau: 12 Baustellen, 日本語 und κόσμος. ".repeat(20_000);
        fs::write(dir.path().join("a"), text).unwrap();
        let args = ["--workers", "2", "--kill-every", "2ms", "--seed", "7", "--top", "1", "--verify"];
        let (code, out, err) = wordcount(dir.path(), &args);
        assert_eq!((code, &*err), (0, ""), "{out}");
        assert!(out.contains("20,000  baustellen") && out.contains("equal"), "{out}");
        assert!(out.contains("(seed 7)"), "{out}");
    }

    #[test]
    fn a_kill_that_prevents_the_first_start_costs_time_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "to be or not to be").unwrap();
        let prevented = (0..1000).any(|seed: u32| {
            let seed = seed.to_string();
            let args = ["--workers", "3", "--kill-every", "300us", "--seed", &seed, "--top", "1", "--verify"];
            let (code, out, err) = wordcount(dir.path(), &args);
            assert_eq!((code, &*err), (0, ""), "seed {seed}: {out}");
            assert!(out.contains("2  be") && out.contains("equal"), "seed {seed}: {out}");
            !out.contains(" 0 at the first start")
        });
        assert!(prevented, "no start was hit");
    }

    /// The name of a directory to be made, and how.
    type Place = (&'static str, fn(&Path) -> io::Result<()>);

    #[test]
    fn bad_input_is_exit_code_2_and_said_on_stderr() {
        const PLACES: [Place; 6] = [
            ("absent", |_| Ok(())),
            ("empty", |path| fs::create_dir(path)),
            ("dangling", |path| symlink("nowhere", path)),
            ("loop", |path| symlink("loop", path)),
            ("fifo", |path| Ok(mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?)),
            ("folders only", |path| fs::create_dir_all(path.join("a/b"))),
        ];
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        for (args, word) in [
            (&["--workers", "0"][..], "at least 1"),
            (&["--workers", "257"], "at most 256"),
            (&["--kill-every", "0"], "longer"),
            (&["--kill-every", "soon"], "looks like"),
            (&["--top", "all"], "not a number"),
            (&["--seed"], "missing"),
            (&["--fast"], "usage:"),
            (&["another"], "one DIR"),
        ] {
            refuses(dir.path(), args, word);
        }
        for (name, make) in PLACES {
            let place = dir.path().join(name);
            make(&place).unwrap();
            refuses(&place, &[], name);
        }
    }

    #[track_caller]
    fn refuses(dir: &Path, args: &[&str], word: &str) {
        let (code, out, err) = wordcount(dir, args);
        assert_eq!((code, &*out), (2, ""), "{args:?}: {err}");
        assert!(err.contains(word), "{word} is not in {err}");
    }

    #[test]
    fn a_file_in_place_of_a_directory_is_counted_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "to be").unwrap();
        fs::write(dir.path().join("b"), "or not").unwrap();
        let (code, out, err) = wordcount(&file, &["--workers", "1", "--verify"]);
        assert_eq!((code, &*err), (0, ""), "{out}");
        assert!(out.contains("2, 2 different"), "{out}");
    }

    /// Runs in a process of its own, whose memory nobody else uses: the exit code, and by how many
    /// KiB the most memory that it ever had has grown.
    fn run_measured(dir: PathBuf) -> (u8, String, u64) {
        let before = peak_kib();
        let (code, out, err) = wordcount(&dir, &["--workers", "2", "--top", "0", "--verify"]);
        (code, out + &err, peak_kib() - before)
    }

    fn peak_kib() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn large_files_are_streamed() {
        const MIB: usize = 1 << 20;
        let dir = tempfile::tempdir().unwrap();
        let text = "to be or not to be\n".repeat(MIB / 19);
        let mut large = File::create(dir.path().join("large")).unwrap();
        (0..48).for_each(|_| large.write_all(text.as_bytes()).unwrap());
        // Text at its beginning, and then 4 GiB of nothing.
        let sparse = dir.path().join("sparse");
        fs::write(&sparse, text.repeat(4)).unwrap();
        File::options().write(true).open(&sparse).unwrap().set_len(4 << 30).unwrap();
        let (code, out, grown) = Process::spawn(run_measured, dir.path().to_owned()).unwrap().join().unwrap();
        assert_eq!(code, 0, "{out}");
        assert!(out.contains("1 binary") && out.contains("sparse: binary"), "{out}");
        assert!(grown < 16 * 1024, "{grown} KiB for 48 MiB of text:\n{out}");
    }

    #[test]
    fn a_difference_is_exit_code_1_and_names_the_words() {
        let (mut counted, mut alone) = (Totals::default(), Totals::default());
        counted.add("lost", 1);
        alone.add("lost", 2);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        assert_eq!(verify(&counted, &alone, &mut out, &mut err), 1);
        assert!(String::from_utf8(err).unwrap().contains("lost: 1 by workers, 2 by one thread"));
        assert_eq!(verify(&alone, &alone, &mut out, &mut io::sink()), 0);
    }
}
