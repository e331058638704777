//! What the macros accept, and what they make of it: this compiles, so it works as written.
//!
//! Handlers run in [`actors`](crate::actors); here is the shape of the surface. Mistakes stand in
//! `tests/ui`.

use std::any::type_name_of_val;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use actor_core::prelude::*;
use actor_core::{Message, handler};
use serde::{Deserialize, Serialize};

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

/// Never called: a reference needs a node, and this is about types.
#[expect(dead_code, reason = "it is enough that this compiles")]
fn calls_look_like_method_calls(counter: ActorRef<Counter>) -> actor_core::Result<()> {
    let _: u64 = counter.add("two words".into()).wait()?;
    let _: u64 = counter.add("two words".into()).timeout(Duration::from_secs(1)).wait()?;
    let _: u64 = counter.add("two words".into()).deadline(Instant::now()).wait()?;
    let _: u64 = counter.calls().add("two words".into()).kill_after(Duration::from_secs(1)).wait()?;
    counter.reset().send()?;
    counter.reset().try_send()?;
    counter.reset().timeout(Duration::from_secs(1)).send()?;
    if let Err(SendError::Full(cast)) = counter.reset().try_send() {
        cast.send()?;
    }
    let same = counter;
    assert_eq!(same, counter);
    counter.stop()?;
    Ok(())
}

#[expect(dead_code, reason = "it is enough that this compiles")]
async fn the_same_calls_work_in_async_code(counter: ActorRef<Counter>) -> actor_core::Result<()> {
    fn movable<T: Send>(future: T) -> T {
        future
    }
    let _: u64 = counter.add("two words".into()).await?;
    let _: u64 = movable(counter.add("two words".into()).into_future()).await?;
    counter.reset().timeout(Duration::from_secs(1)).await?;
    Ok(())
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

#[expect(dead_code, reason = "it is enough that this compiles")]
fn errors_of_a_handler_keep_their_type(indexer: ActorRef<Indexer>) {
    match indexer.find("x".into()).wait() {
        Ok(path) => drop::<PathBuf>(path),
        Err(CallError::Handler(NotFound(name))) => drop(name),
        Err(other) => drop(other.to_string_lossy()),
    }
    let _: Result<Vec<u8>, CallError> = indexer.read(("x".into(), 1), 2).wait();
    let _: Result<(ActorRef<Indexer>, bool), CallError> = indexer.itself(Some(indexer)).wait();
    let _: Result<String, CallError> = indexer.r#type().wait();
    let _: Result<u32, CallError> = indexer.wide(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12).wait();
}

/// [`NotFound`] has no text.
trait ToStringLossy: std::fmt::Debug {
    fn to_string_lossy(&self) -> String {
        format!("{self:?}")
    }
}

impl ToStringLossy for CallError<NotFound> {}

#[expect(dead_code, reason = "it is enough that this compiles")]
fn an_actor_with_other_arguments_is_defined_first() -> Result<ActorRef<Indexer>, SpawnError<io::Error>> {
    let definition: Definition<Indexer> = Indexer::define("sources".into());
    definition.spawn()
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

#[expect(dead_code, reason = "it is enough that this compiles")]
fn generic_actors_work(store: ActorRef<Store<String, 3>>) -> actor_core::Result<()> {
    let _: Option<String> = store.put("x".into()).wait()?;
    let _: Vec<String> = store.all().wait()?;
    Store::<u8, 1> { values: vec![] }.spawn()?.put(7).wait()?;
    Ok(())
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

    #[expect(dead_code, reason = "it is enough that this compiles")]
    fn private_actors_and_messages_work(private: ActorRef<Private>) -> actor_core::Result<()> {
        private.swap(Secret(1)).wait()?;
        Private::Idle.spawn()?;
        Ok(())
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

/// Without macros; the names of the handler's parts come from [`handler`].
#[test]
fn the_constructors_go_as_far_as_the_macros() {
    let name = type_name_of_val(&handler::call12::<u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8>);
    assert!(name.contains("call12"));
}
