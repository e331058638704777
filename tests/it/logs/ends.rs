//! Ends and refusals: what is heard of the dead, and of those whose log is their own.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use actor_core::prelude::*;
use actor_tests::watch::wait_for;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::listener::Listener;
use super::talker::{PATIENCE, TALKER};
use crate::harness::{Method, Trial, isolated};

/// A text that a subscriber writes into.
#[derive(Clone, Default)]
pub(super) struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Text {
    type Writer = Text;

    fn make_writer(&self) -> Text {
        self.clone()
    }
}

/// Installs a subscriber of its own, if it is told to.
#[derive(Actor)]
struct Loner(Text);

#[handlers]
impl Loner {
    #[init]
    fn new(installs: bool) -> Loner {
        let text = Text::default();
        tracing::info!("during init");
        if installs {
            tracing_subscriber::fmt().with_ansi(false).with_writer(text.clone()).init();
        }
        Loner(text)
    }

    #[call]
    fn say(&self, line: String) -> String {
        tracing::info!("{line}");
        self.0.text()
    }
}

#[test]
fn smoke() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        talker.say_and_abort("last words".into()).wait().unwrap_err();
        assert_eq!(listener.wait("last words 9").path(), "say_and_abort");
        let heard = listener.heard();
        let words = heard.iter().filter(|heard| heard.message().starts_with("last words"));
        assert_eq!(words.count(), 10);
        // Its span ended with it.
        wait_for(PATIENCE, || listener.closed().contains(&"say_and_abort".to_owned()).then_some(())).unwrap();
    });
}

#[test]
fn who_installs_a_subscriber_in_init_has_his_log_to_himself() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let loner = Loner::define(true).spawn().unwrap();
        let own = loner.say("to myself".into()).wait().unwrap();
        assert!(own.contains("to myself"), "{own}");
        let other = Loner::define(false).spawn().unwrap();
        assert_eq!(other.say("to everybody".into()).wait().unwrap(), "");
        listener.wait("to everybody");
        let messages: Vec<_> = listener.heard().iter().map(|heard| heard.message().to_owned()).collect();
        assert_eq!(messages, ["during init", "during init", "to everybody"]);
        loner.stop().unwrap();
        other.stop().unwrap();
    });
}

#[test]
fn each_life_is_heard() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let mut app = Supervisor::builder();
        let talker = app.child(TALKER).unwrap();
        let app = app.start().unwrap();
        for life in 1..=2 {
            let pid = talker.say(format!("life {life}")).wait().unwrap();
            assert_eq!(listener.wait(&format!("life {life}")).field("pid"), format!("{pid}u64"));
            talker.incarnation().unwrap().kill().unwrap();
        }
        app.stop().unwrap();
    });
}

/// The subscriber is the user's, and may be of no good.
#[test]
fn a_subscriber_that_panics_costs_one_event() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let talker = TALKER.spawn().unwrap();
        talker.say("panic in the subscriber".into()).wait().unwrap();
        talker.say("after the panic".into()).wait().unwrap();
        listener.wait("after the panic");
        talker.stop().unwrap();
    });
}

/// A file on a full disk takes nothing, which nobody waits for or dies of.
#[test]
fn x_12_a_full_disk_for_logs() {
    isolated(|| {
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
        // It says each time on stderr that it cannot write, unless it is told not to.
        tracing_subscriber::fmt().with_ansi(false).log_internal_errors(false).with_writer(full).init();
        let talker = TALKER.spawn().unwrap();
        talker.count(3000).wait().unwrap();
        let is_done = || {
            let counters = actor_core::node::counters().unwrap();
            (counters.log_events + counters.log_events_dropped == 3000).then_some(())
        };
        wait_for(PATIENCE, is_done).expect("all are given to the subscriber or counted");
        talker.stop().unwrap();
    });
}

/// Nor is a full disk under stdout and stderr waited for or died of, though the subscriber panics there: it cannot even
/// say that it cannot write. The tail of stderr is kept before.
#[test]
fn x_12_a_full_disk_for_everything_that_is_written() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let trial = Trial::new("x_12_a_full_disk_for_everything", Method::Zygote);
    let logs = || trial.command(Path::new(env!("CARGO_BIN_EXE_logs")));
    assert!(trial.run(logs().arg("500").stdout(full()).stderr(full())).status.success());
    let ended = trial.run(logs().arg("stderr").stderr(full()));
    assert!(ended.status.success(), "{}", ended.text);
    let tail = "tail: \"one line\\nand another\\nhalf a line, the other half\\n\"";
    assert!(ended.text.contains(tail), "{}", ended.text);
    trial.assert_nothing_left();
}

/// Whoever forks has lost the shared memory in the child.
#[test]
fn a_fork_is_not_heard_and_lives() {
    isolated(|| {
        let listener = Listener::install(LevelFilter::INFO);
        let forks = |()| {
            tracing::info!("before the fork");
            let status = actor_tests::foreign::fork(|| {
                tracing::info_span!("in the fork").in_scope(|| tracing::info!("in the fork"));
                7
            });
            tracing::info!("after the fork");
            status
        };
        assert_eq!(actor_core::process::Process::spawn(forks, ()).unwrap().join().unwrap(), 7);
        listener.wait("after the fork");
        let messages: Vec<_> = listener.heard().iter().map(|heard| heard.message().to_owned()).collect();
        assert_eq!(messages, ["before the fork", "after the fork"]);
    });
}

/// The end of `main` waits for what was logged, if not for ever.
#[test]
fn the_end_of_the_program_waits_for_what_was_logged() {
    let trial = Trial::new("the_end_of_the_program_waits", Method::Zygote);
    let mut command = trial.command(Path::new(env!("CARGO_BIN_EXE_logs")));
    let ended = trial.run(command.arg("500"));
    assert!(ended.status.success(), "{}", ended.text);
    let lines = ended.text.lines().filter(|line| line.contains("main:count: logs: counting"));
    assert_eq!(lines.count(), 500, "{}", ended.text);
    trial.assert_nothing_left();
}
