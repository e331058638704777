//! What victims do: each prepares what it needs, begins, does one thing, and ends.
//!
//! Between beginning and end there is nothing else, so every instruction there is one of the operation or
//! of a note about it. A victim must not take an error for a failure: what it was told is checked later.

use std::io::Read;
use std::time::Duration;

use actor_core::process::Process;
use actor_core::queue::{Close, ItemReader, SendError};
use actor_core::testing::{proof, raw};

use super::channel::Channel;
use super::scene::{Item, NOTES, Note, Scene, Sender};
use super::table::{CAPACITY, SIZE, TABLE};

/// Long enough for a sleep, short enough to be waited for at each instruction behind it.
const A_WHILE: Duration = Duration::from_millis(1);

/// A victim of this case, on its way to the beginning of the operation.
pub(super) fn start(case: usize, scene: &Scene) -> Process<()> {
    let begin = |(case, scene): (usize, Scene)| {
        let notes = NOTES.get_or_init(|| scene.notes.clone());
        notes.set(Note::Who, u64::from(proof::me()));
        if !TABLE[case].is_cold {
            warm_up(&scene);
        }
        (TABLE[case].act)(&scene);
    };
    Process::spawn(begin, (case, scene.clone())).expect("a victim can be started")
}

/// What a process does for the first time in its life is not what is tried.
fn warm_up(scene: &Scene) {
    let (used, item) = (&scene.used, scene.item(0));
    used.try_send(item).expect("nobody else uses this queue");
    drop(used.try_recv_task().expect("it was sent just now"));
    used.try_recv().expect("it was given back just now");
    if scene.queue.is_none() {
        drop(SIZE.create::<Item>());
    }
}

pub(super) fn send(scene: &Scene) {
    send_as(scene, |queue, item| queue.try_send(item));
}

pub(super) fn send_for_a_while(scene: &Scene) {
    send_as(scene, |queue, item| queue.send_timeout(item, A_WHILE));
}

pub(super) fn send_patiently(scene: &Scene) {
    send_as(scene, |queue, item| queue.send(item));
}

fn send_as(scene: &Scene, send: fn(&Channel, Item) -> Result<(), SendError<Item>>) {
    let (item, bit) = (scene.item(0), Sender::Victim(scene.notes.seat).bit(0));
    scene.notes.set(Note::Sending, bit);
    scene.begin();
    match send(scene.queue(), item) {
        Ok(()) => scene.notes.set(Note::Sent, bit),
        Err(_) => scene.notes.set(Note::Refused, bit),
    }
    scene.end();
}

pub(super) fn send_batch(scene: &Scene) {
    let bit = |number| Sender::Victim(scene.notes.seat).bit(number);
    let all = (0..CAPACITY).map(bit).sum();
    let items = (0..CAPACITY).map(|number| scene.item(number)).collect();
    scene.notes.set(Note::Sending, all);
    scene.begin();
    let back = scene.queue().fifo().try_send_batch(items).map_or_else(|error| error.into_item().len() as u32, |()| 0);
    let sent = (0..CAPACITY - back).map(bit).sum();
    scene.notes.set(Note::Sent, sent);
    scene.notes.set(Note::Refused, all & !sent);
    scene.end();
}

pub(super) fn recv(scene: &Scene) {
    recv_as(scene, |queue| queue.try_recv().into_iter().collect());
}

pub(super) fn recv_for_a_while(scene: &Scene) {
    recv_as(scene, |queue| queue.recv_timeout(A_WHILE).into_iter().collect());
}

pub(super) fn recv_patiently(scene: &Scene) {
    recv_as(scene, |queue| queue.recv().into_iter().collect());
}

pub(super) fn recv_batch(scene: &Scene) {
    recv_as(scene, |queue| queue.fifo().try_recv_batch(CAPACITY as usize).unwrap_or_default());
}

pub(super) fn recv_reader(scene: &Scene) {
    recv_as(scene, |queue| {
        let read = |mut item: ItemReader<'_>| {
            let mut bytes = Vec::with_capacity(item.len());
            item.read_to_end(&mut bytes).expect("it is read from memory");
            raw::decode(&bytes).expect("it was sent as an item")
        };
        queue.fifo().try_recv_reader().into_iter().map(read).collect()
    });
}

fn recv_as(scene: &Scene, recv: fn(&Channel) -> Vec<Item>) {
    scene.notes.set(Note::Touches, u64::MAX);
    scene.receives();
    scene.begin();
    let items = recv(scene.queue());
    let taken = items.iter().filter_map(|item| item.bit(scene.notes.trial)).sum();
    scene.notes.set(Note::Taken, taken);
    scene.end();
}

pub(super) fn recv_task(scene: &Scene) {
    scene.notes.set(Note::Touches, u64::MAX);
    scene.begin();
    let task = scene.queue().try_recv_task();
    let held = task.as_ref().ok().and_then(|task| task.bit(scene.notes.trial)).unwrap_or(0);
    scene.notes.set(Note::Held, held);
    scene.end();
}

/// What it receives was given back before.
pub(super) fn recv_task_again(scene: &Scene) {
    let returned = hold(scene).bit(scene.notes.trial).unwrap_or(0);
    scene.notes.set(Note::Returned, returned);
    scene.notes.set(Note::Held, 0);
    recv_task(scene);
}

/// All hands are taken, by tasks that this process holds as well.
pub(super) fn recv_task_without_hand(scene: &Scene) {
    let tasks = hold_all(scene);
    refill(scene);
    recv_task(scene);
    drop(tasks);
}

pub(super) fn done(scene: &Scene) {
    let task = hold(scene);
    let bit = task.bit(scene.notes.trial).unwrap_or(0);
    scene.begin();
    scene.notes.set(Note::Finishing, bit);
    task.done();
    scene.notes.set(Note::Finished, bit);
    scene.end();
}

/// The task has stayed in its slot, since all hands were taken.
pub(super) fn done_without_hand(scene: &Scene) {
    let tasks = hold_all(scene);
    refill(scene);
    done(scene);
    drop(tasks);
}

pub(super) fn give_back(scene: &Scene) {
    let task = hold(scene);
    scene.begin();
    drop(task);
    scene.end();
}

pub(super) fn give_back_without_hand(scene: &Scene) {
    let tasks = hold_all(scene);
    refill(scene);
    give_back(scene);
    drop(tasks);
}

/// As if it had never been handed out, for others than this one.
pub(super) fn put_back(scene: &Scene) {
    let task = hold(scene);
    // A death in the midst of it counts as one with the task in hand, or does not.
    scene.notes.set(Note::Held, 0);
    scene.begin();
    task.put_back();
    scene.notes.set(Note::Touches, 0);
    scene.end();
}

pub(super) fn keep(scene: &Scene) {
    let task = hold(scene);
    scene.begin();
    drop(task.keep());
    scene.end();
}

pub(super) fn task_done(scene: &Scene) {
    let task = hold(scene);
    let bit = task.bit(scene.notes.trial).unwrap_or(0);
    drop(task.keep());
    scene.begin();
    scene.notes.set(Note::Finishing, bit);
    scene.queue().task_done().expect("one was kept");
    scene.notes.set(Note::Finished, bit);
    scene.end();
}

type Task = actor_core::queue::Task<Item>;

fn hold(scene: &Scene) -> Task {
    let task = scene.queue().try_recv_task().expect("there is a message to be held");
    let held = task.bit(scene.notes.trial).unwrap_or(0);
    scene.notes.add(Note::Touches, held);
    scene.notes.add(Note::Held, held);
    task
}

fn hold_all(scene: &Scene) -> Vec<Task> {
    (0..CAPACITY).map(|_| hold(scene)).collect()
}

/// Queues as many messages as there is room for.
fn refill(scene: &Scene) {
    for number in 0..CAPACITY {
        let bit = Sender::Victim(scene.notes.seat).bit(number);
        scene.notes.add(Note::Sending, bit);
        scene.queue().try_send(scene.item(number)).expect("there is room");
        scene.notes.add(Note::Sent, bit);
    }
}

pub(super) fn close_draining(scene: &Scene) {
    close(scene, Close::Drain, 1);
}

pub(super) fn close_now(scene: &Scene) {
    close(scene, Close::Now, 2);
}

fn close(scene: &Scene, how: Close, note: u64) {
    scene.begin();
    scene.notes.set(Note::Closing, note);
    scene.queue().close(how);
    scene.notes.set(Note::Closed, 1);
    scene.end();
}

pub(super) fn attach(scene: &Scene) {
    scene.begin();
    let queue = scene.find_queue();
    scene.end();
    drop(queue);
}

pub(super) fn detach(scene: &Scene) {
    let queue = scene.find_queue();
    scene.begin();
    drop(queue);
    scene.end();
}

/// The only handle on a queue.
pub(super) fn let_go(scene: &Scene) {
    let queue = SIZE.create::<Item>();
    scene.begin();
    drop(queue);
    scene.end();
}

/// A queue that nobody else knows.
pub(super) fn make(scene: &Scene) {
    scene.begin();
    drop(SIZE.create::<Item>());
    scene.end();
}
