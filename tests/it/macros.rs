//! What the macros accept, and what they make of it: this compiles, so it works as written.
//!
//! What handlers do in the long run is in [`actors`](crate::actors); here is the shape of the surface,
//! each form of it used once. Mistakes stand in `tests/ui`.

use std::any::type_name_of_val;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::{Message, handler};
use actor_tests::watch::until;
use serde::{Deserialize, Serialize};

use crate::harness::isolated_for_both;

/// Counts words.
#[derive(Actor, Serialize, Deserialize)]
struct Counter {
    words: u64,
}

#[handlers]
impl Counter {
    /// Adds the words of `text` and returns the running total.
    #[call]
    fn add(&mut self, text: String) -> u64 {
        self.words += text.split_whitespace().count() as u64;
        self.words
    }

    #[cast]
    fn reset(&mut self) {
        self.words = 0;
    }
}

#[test]
fn smoke() {
    assert_eq!(Counter::OPTIONS.name, "Counter");
    assert_eq!(Counter::HANDLERS, ["add", "reset"]);
    assert_eq!(Counter::OPTIONS.timeout, Duration::from_secs(5));
}

#[test]
fn calls_look_like_method_calls() {
    fn calls(counter: ActorRef<Counter>) -> actor_core::Result<()> {
        assert_eq!(counter.add("two words".into()).wait()?, 2);
        assert_eq!(counter.add("two words".into()).timeout(Duration::from_secs(10)).wait()?, 4);
        assert_eq!(counter.add("two words".into()).deadline(Instant::now() + Duration::from_secs(10)).wait()?, 6);
        assert_eq!(counter.calls().add("two words".into()).kill_after(Duration::from_secs(10)).wait()?, 8);
        counter.reset().send()?;
        counter.reset().timeout(Duration::from_secs(1)).send()?;
        if let Err(SendError::Full(cast)) = counter.reset().try_send() {
            cast.send()?;
        }
        let same = counter;
        assert_eq!(same, counter);
        assert_eq!(same.add("two words".into()).wait()?, 2);
        counter.stop()?;
        Ok(())
    }
    isolated_for_both(|| calls(Counter { words: 0 }.spawn().unwrap()).unwrap());
}

#[test]
fn the_same_calls_work_in_async_code() {
    fn movable<T: Send>(future: T) -> T {
        future
    }
    async fn calls(counter: ActorRef<Counter>) -> actor_core::Result<()> {
        assert_eq!(counter.add("two words".into()).await?, 2);
        assert_eq!(movable(counter.add("two words".into()).into_future()).await?, 4);
        counter.reset().timeout(Duration::from_secs(1)).await?;
        assert_eq!(counter.add("two words".into()).await?, 2);
        Ok(())
    }
    isolated_for_both(|| {
        let counter = Counter { words: 0 }.spawn().unwrap();
        futures::executor::block_on(calls(counter)).unwrap();
        counter.stop().unwrap();
    });
}

const CAPACITY: u32 = 64;

/// Every form that a handler can have.
#[derive(Actor)]
#[actor(name = "indexer", capacity = CAPACITY, max_message = "64KiB", timeout = "250ms")]
struct Indexer {
    root: PathBuf,
    peers: Vec<ActorRef<Counter>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct NotFound(String);

#[handlers]
impl Indexer {
    /// Not a handler: stays what it is.
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    #[init]
    async fn open(root: PathBuf, context: &mut Context<Self>) -> io::Result<Self> {
        let _ = context.incarnation();
        Ok(Indexer { root, peers: Vec::new() })
    }

    #[call]
    fn find(&self, name: String) -> Result<PathBuf, NotFound> {
        Some(self.path(&name)).filter(|path| path.exists()).ok_or(NotFound(name))
    }

    #[call(on_crash = "redeliver(3)")]
    async fn read(&mut self, context: &mut Context<Self>, (name, limit): (String, u64), mut lines: usize) -> Vec<u8> {
        lines += usize::from(context.is_redelivered());
        self.peers.iter().for_each(|peer| drop(peer.reset()));
        vec![0; name.len() + limit as usize + lines]
    }

    #[call]
    fn nothing(&self) {}

    #[call]
    fn itself(&self, other: Option<ActorRef<Self>>, context: &Context<Self>) -> (ActorRef<Self>, bool) {
        (context.actor_ref(), other.is_some())
    }

    #[cast]
    async fn forget(&mut self, _: u8) -> Result<(), String> {
        if self.peers.is_empty() { Err("nothing to forget".into()) } else { Ok(()) }
    }

    #[cast(on_crash = "redeliver(2)")]
    fn enough(&mut self, context: &mut Context<Self>) {
        match self.peers.len() {
            0 => context.stop(),
            _ => context.fail(Failure::for_good("still has peers")),
        }
    }

    #[allow(clippy::too_many_arguments)]
    #[call]
    fn wide(&self, a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8) -> u32 {
        [a, b, c, d, e, f, g, h, i, j, k, l].into_iter().map(u32::from).sum()
    }

    #[cfg(any())]
    #[call]
    fn compiled_out(&self, nonsense: NoSuchType) {}

    #[call]
    fn r#type(&self) -> String {
        "raw names work".into()
    }

    #[terminate]
    async fn close(&mut self, reason: &ExitReason, _context: &mut Context<Self>) {
        drop(reason.clone());
    }
}

#[test]
fn options_and_handlers_are_what_was_written() {
    let options = Indexer::OPTIONS;
    assert_eq!((options.name, options.capacity, options.max_message), ("indexer", 64, 64 << 10));
    assert_eq!(options.timeout, Duration::from_millis(250));
    assert_eq!((options.call_policy, options.cast_policy), (OnCrash::Fail, OnCrash::DeadLetter));
    let names = ["find", "read", "nothing", "itself", "forget", "enough", "wide", "compiled_out", "type"];
    assert_eq!(Indexer::HANDLERS, names);
}

/// With other arguments than itself it is defined first, and its `init` may be async.
#[test]
fn every_form_of_a_handler_works() {
    isolated_for_both(|| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "").unwrap();
        let definition: Definition<Indexer> = Indexer::define(folder.path().to_owned());
        let indexer = definition.spawn().unwrap();
        assert_eq!(indexer.find("x".into()).wait().unwrap(), folder.path().join("x"));
        let missing = indexer.find("y".into()).wait();
        assert!(matches!(&missing, Err(CallError::Handler(NotFound(name))) if name == "y"), "{missing:?}");
        assert_eq!(indexer.read(("x".into(), 1), 2).wait().unwrap(), [0; 4]);
        indexer.nothing().wait().unwrap();
        assert_eq!(indexer.itself(Some(indexer)).wait().unwrap(), (indexer, true));
        assert_eq!(indexer.wide(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).wait().unwrap(), 78);
        assert_eq!(indexer.r#type().wait().unwrap(), "raw names work");
        indexer.enough().send().unwrap();
        until("it has stopped itself", || matches!(indexer.nothing().wait(), Err(CallError::NoProc(_))));
    });
}

/// Types, numbers and bounds as parameters.
#[derive(Actor, Serialize, Deserialize)]
#[serde(bound = "")]
struct Store<T: Message + Clone, const N: usize>
where
    T: Default,
{
    values: Vec<T>,
}

#[handlers]
impl<T: Message + Clone, const N: usize> Store<T, N>
where
    T: Default,
{
    #[call]
    fn put(&mut self, value: T) -> Option<T> {
        self.values.push(value);
        (N < self.values.len()).then(|| self.values.remove(0))
    }

    #[call]
    fn all(&self) -> Result<Vec<T>, String> {
        Ok(self.values.clone())
    }
}

/// Each set of parameters is a type of its own, entered at a place of its own.
#[test]
fn generic_actors_work() {
    isolated_for_both(|| {
        let store = Store::<String, 3> { values: vec![] }.spawn().unwrap();
        let small = Store::<u8, 1> { values: vec![] }.spawn().unwrap();
        let words = ["a", "b", "c", "d"].map(|word| store.put(word.into()).wait().unwrap());
        assert_eq!(words, [None, None, None, Some("a".into())]);
        assert_eq!([7, 8].map(|number| small.put(number).wait().unwrap()), [None, Some(7)]);
        assert_eq!(store.all().wait().unwrap(), ["b", "c", "d"]);
        assert_eq!(small.all().wait().unwrap(), [8]);
        store.stop().unwrap();
        small.stop().unwrap();
    });
}

mod inner {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Secret(u8);

    #[derive(Actor, Serialize, Deserialize)]
    enum Private {
        Idle,
        Busy(Secret),
    }

    /// The block may stand elsewhere.
    mod deeper {
        use super::*;

        #[handlers]
        impl Private {
            #[call]
            fn swap(&mut self, secret: Secret) -> Option<Secret> {
                match std::mem::replace(self, Private::Busy(secret)) {
                    Private::Idle => None,
                    Private::Busy(secret) => Some(secret),
                }
            }
        }
    }

    #[test]
    fn private_actors_and_messages_work() {
        isolated_for_both(|| {
            let private = Private::Idle.spawn().unwrap();
            let swapped = [1, 2].map(|number| private.swap(Secret(number)).wait().unwrap().map(|Secret(was)| was));
            assert_eq!(swapped, [None, Some(1)]);
            private.stop().unwrap();
        });
    }
}

#[test]
fn an_actor_may_stand_inside_a_function() {
    #[derive(Actor, Serialize, Deserialize)]
    struct Local;

    #[handlers]
    impl Local {
        #[call]
        fn ping(&self) -> u8 {
            1
        }
    }
    assert_eq!(Local::HANDLERS, ["ping"]);
    isolated_for_both(|| {
        let local = Local.spawn().unwrap();
        assert_eq!(local.ping().wait().unwrap(), 1);
        local.stop().unwrap();
    });
}

/// Two actors that know each other, in state and messages.
#[derive(Actor, Serialize, Deserialize)]
struct Left {
    right: Option<ActorRef<Right>>,
}

#[derive(Actor, Serialize, Deserialize)]
struct Right {
    left: ActorRef<Left>,
}

#[handlers]
impl Left {
    #[cast]
    fn meet(&mut self, right: ActorRef<Right>) {
        self.right = Some(right);
    }
}

#[handlers]
impl Right {
    #[call]
    fn other(&self) -> ActorRef<Left> {
        self.left
    }
}

#[test]
fn references_are_plain_data() {
    fn plain<T: Copy + Eq + std::hash::Hash + Send + Sync + Serialize + Unpin + 'static>() {}
    plain::<ActorRef<Left>>();
    plain::<ActorRef<Right>>();
    plain::<ActorRef<Store<String, 1>>>();
}

#[derive(Actor, Serialize, Deserialize)]
#[actor(runtime = "tokio")]
struct Tokio;

#[handlers]
impl Tokio {
    #[call]
    async fn twice(&self, n: u32) -> u32 {
        tokio::spawn(async move { 2 * n }).await.unwrap_or(0)
    }
}

#[test]
fn tokio_is_around_the_handlers_if_asked_for() {
    let (mut in_handler, mut while_waiting) = (0, 0);
    let runtime = Tokio::OPTIONS.runtime;
    (runtime.around)(&mut || {
        (runtime.block_on)(std::pin::pin!(async { in_handler = Tokio.twice(21).await }));
        // What was spawned goes on while the thread waits for messages.
        let (sender, receiver) = std::sync::mpsc::channel();
        tokio::spawn(async move { sender.send(7) });
        while_waiting = receiver.recv_timeout(Duration::from_secs(10)).unwrap_or(0);
    });
    assert_eq!((in_handler, while_waiting), (42, 7));
}

#[test]
fn an_actor_in_tokio_answers() {
    isolated_for_both(|| {
        let tokio = Tokio.spawn().unwrap();
        assert_eq!(tokio.twice(21).wait().unwrap(), 42);
        tokio.stop().unwrap();
    });
}

/// Without macros; the names of the handler's parts come from [`handler`].
#[test]
fn the_constructors_go_as_far_as_the_macros() {
    let name = type_name_of_val(&handler::call12::<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>);
    assert!(name.contains("call12"));
}
