//! The channels of `ipc-channel`: its bytes, and for structs its typed ones.

use std::time::Instant;

use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender};

use crate::Result;
use crate::case::Case;
use crate::contestant::{Contestant, Effort, Outcome, Place};
use crate::cpu::{self, Seats};
use crate::message::Order;
use crate::transport::{self, Link, Transport};
use crate::worker::{Part, Worker};

pub(crate) struct IpcChannel;

impl Contestant for IpcChannel {
    fn who(&self) -> &'static str {
        "ipc-channel"
    }

    fn place(&self) -> Place {
        Place::Across
    }

    fn takes(&self, case: Case) -> bool {
        case.flow().is_some() || case.is_call() || case == Case::Cast64
    }

    fn measure(&self, case: Case, effort: Effort) -> Result<Outcome> {
        match case {
            Case::Cast64 => measure_casts(self, effort),
            _ => transport::measure::<Ends>(self, case, effort),
        }
    }

    fn work(&self, part: Part) -> Result<()> {
        match part.args[0].as_str() {
            CAST => cast(part),
            _ => transport::work::<Ends>(part),
        }
    }
}

/// The first argument of a worker that sends structs.
const CAST: &str = "cast";

/// One end of two channels. All producers send into the same.
struct Ends {
    to: IpcBytesSender,
    from: IpcBytesReceiver,
}

/// What the others say first: where they take requests, and where they want to be told the rest.
type Hello = (IpcBytesSender, IpcSender<IpcBytesSender>);

/// A server for the first word of each of the others.
struct Servers(Vec<IpcOneShotServer<Hello>>);

impl Transport for Ends {
    type Listener = Servers;

    fn pace(size: usize) -> f64 {
        if size > 4096 { 3e9 / size as f64 } else { 8e5 }
    }

    fn listen(link: Link) -> Result<(Servers, String)> {
        let made: Vec<_> = (0..link.others).map(|_| IpcOneShotServer::new()).collect::<std::io::Result<_>>()?;
        let (servers, names): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        Ok((Servers(servers), names.join(" ")))
    }

    fn accept(Servers(servers): Servers) -> Result<Ends> {
        let (to_us, from) = ipc::bytes_channel()?;
        let mut to = None;
        for server in servers {
            let (_, (to_it, tell)) = server.accept()?;
            tell.send(to_us.clone())?;
            to = Some(to_it);
        }
        Ok(Ends { to: to.ok_or("there are others")?, from })
    }

    fn connect(address: &str, link: Link) -> Result<Ends> {
        let name = address.split(' ').nth(link.number).ok_or("there is a server for each")?;
        let (to_it, from) = ipc::bytes_channel()?;
        let (tell, told) = ipc::channel()?;
        IpcSender::<Hello>::connect(name.to_owned())?.send((to_it, tell))?;
        Ok(Ends { to: told.recv()?, from })
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.to.send(bytes)?)
    }

    fn receive(&mut self, look: impl FnOnce(&[u8]) -> u64) -> Result<u64> {
        Ok(look(&self.from.recv()?))
    }
}

fn measure_casts(who: &dyn Contestant, effort: Effort) -> Result<Outcome> {
    let count = effort.casts(8e5);
    let seats = Seats::apart()?;
    let (server, name) = IpcOneShotServer::<IpcReceiver<Order>>::new()?;
    let args = [CAST.to_owned(), name, count.to_string(), seats.there.to_string()];
    let mut worker = Worker::start(who, std::process::Stdio::null(), &args)?;
    let (_, orders) = server.accept()?;
    worker.wait_ready()?;
    cpu::stay_on(seats.here)?;
    let mut value = 0;
    worker.go()?;
    let start = Instant::now();
    for _ in 0..count {
        value ^= orders.recv()?.value();
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    match value == if count.is_multiple_of(2) { 0 } else { Order::some().value() } {
        true => Outcome::of([rate]),
        false => Err("other orders came than were sent".into()),
    }
}

fn cast(mut part: Part) -> Result<()> {
    let (name, count, cpu): (String, usize, usize) = (part.arg(1)?, part.arg(2)?, part.arg(3)?);
    let (sender, orders) = ipc::channel()?;
    IpcSender::connect(name)?.send(orders)?;
    let order = Order::some();
    cpu::stay_on(cpu)?;
    part.ready()?;
    part.wait_go()?;
    for _ in 0..count {
        sender.send(order.clone())?;
    }
    part.wait_end()
}
