//! Waiting for many things at once, by threads and in async code, and descriptors in actors.

mod cancel;
mod many;
mod peers;
mod runtimes;
mod watched;

use std::future::Future;
use std::time::Duration;

use actor_core::queue::Queue;
use futures::executor::block_on;

/// How long something may take on a machine that does other things besides.
const SOON: Duration = Duration::from_secs(20);
/// How long to wait for what must not come. Each of these tests knows by other means that it could have.
const NOT_YET: Duration = Duration::from_millis(50);

fn queue(capacity: usize) -> Queue<u32> {
    Queue::bounded(capacity).expect("there is room for a queue")
}

/// Runs `body` without a runtime, in tokio on one thread, and in tokio on several.
fn everywhere<F: Future<Output = ()> + Send + 'static>(body: impl Fn() -> F) {
    block_on(body());
    let one = tokio::runtime::Builder::new_current_thread().build().expect("tokio starts");
    one.block_on(body());
    drop(one);
    on_many_threads(body());
}

/// Runs `body` as a task of tokio on several threads.
fn on_many_threads<F: Future<Output = ()> + Send + 'static>(body: F) {
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("tokio starts");
    many.block_on(async move { tokio::spawn(body).await.expect("it does not panic") });
}
