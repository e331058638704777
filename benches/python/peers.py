"""What CPython's multiprocessing does in the cases of `peers`.

    python3 peers.py CASE KIND SIZE PRODUCERS COUNT

prints the figures of one round as a JSON array, in the order of `src/case.rs`. Nothing is imported but
what comes with Python.
"""

import concurrent.futures
import json
import multiprocessing
import os
import sys
import time

CPUS = sorted(os.sched_getaffinity(0))
HERE, THERE = CPUS[0], CPUS[1 % len(CPUS)]
LAST = -1
ORDER = (1 << 40, 99, 1.25, 3, "ACTR.PROC.LONG.NAME.OF.A.SHARE")


def main(case, kind, size, producers, count):
    if case.startswith("oneway"):
        figures = [flow(channel(kind), bytes([1]) * size, producers, count)]
    elif case == "cast_64":
        figures = [flow(channel(kind), ORDER, 1, count)]
    elif case == "pool_map_10k":
        figures = [pool_map(kind, size, producers, count)]
    elif case.startswith("call"):
        figures = calls(kind, count, is_hot=case == "call_hot")
    else:
        figures = LIVES[case](multiprocessing.get_context(kind), count)
    print(json.dumps(figures))


def look(message):
    """Reads all of it: for bytes a search that is in vain, which goes at the speed of memory."""
    if type(message) is bytes:
        assert message.find(b"\xff") == -1
    else:
        assert message[3] == 3 and message[4].find("%") == -1


class Pipe:
    """A pipe with the names that queues have."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def put(self, message):
        # What bytes need no pickle for goes as it is.
        self.writer.send_bytes(message) if type(message) is bytes else self.writer.send(message)

    def get(self):
        return self.reader.recv()


class BytesPipe(Pipe):
    def get(self):
        return self.reader.recv_bytes()


def channel(kind, of_bytes=False):
    if kind == "Pipe":
        return (BytesPipe if of_bytes else Pipe)(*multiprocessing.Pipe(duplex=False))
    return getattr(multiprocessing, kind)()


def flow(queue, message, producers, count):
    if isinstance(queue, Pipe) and type(message) is bytes:
        queue = BytesPipe(queue.reader, queue.writer)
    warm_up = count // 4 // producers * producers
    share = (warm_up + count) // producers
    go = multiprocessing.Event()
    args = (queue, message, share, go)
    workers = [multiprocessing.Process(target=produce, args=args, daemon=True) for _ in range(producers)]
    for worker in workers:
        worker.start()
    os.sched_setaffinity(0, {HERE})
    go.set()
    get = queue.get
    for _ in range(warm_up):
        look(get())
    start = time.perf_counter()
    for _ in range(count):
        look(get())
    elapsed = time.perf_counter() - start
    for worker in workers:
        worker.join()
    return count / elapsed


def produce(queue, message, count, go):
    os.sched_setaffinity(0, {THERE})
    go.wait()
    put = queue.put
    for _ in range(count):
        put(message)


def calls(kind, count, is_hot):
    """Hot: two CPUs with the bad ones, then one. Cold: one, then two."""
    seats = [THERE, HERE] if is_hot else [HERE, THERE]
    spreads = [calls_to(kind, count, there, is_hot) for there in seats]
    return [*spreads[0], spreads[1][0]] if is_hot else [spreads[0][0], spreads[1][0]]


def calls_to(kind, count, there, is_hot):
    os.sched_setaffinity(0, set(CPUS))
    if kind == "Pool":
        pool = multiprocessing.Pool(1, initializer=os.sched_setaffinity, initargs=(0, {there}))
        ask, end = lambda number: pool.apply(reply, (number,)), pool.terminate
    else:
        there_q, back_q = channel(kind), channel(kind)
        worker = multiprocessing.Process(target=serve, args=(there_q, back_q, there), daemon=True)
        worker.start()

        def ask(number):
            there_q.put((number, ORDER))
            return back_q.get()

        def end():
            there_q.put((LAST, ORDER))
            worker.join()

    os.sched_setaffinity(0, {HERE})
    samples = []
    for number in range(count // 4 + count):
        if not is_hot:
            time.sleep(0.001)
        start = time.perf_counter()
        replied = ask(number)
        if number >= count // 4:
            samples.append(time.perf_counter() - start)
        assert replied[0] == number + 1
    end()
    return middle_and_bad(samples)


def reply(number):
    return number + 1, ORDER


def serve(there_q, back_q, cpu):
    os.sched_setaffinity(0, {cpu})
    while True:
        number, order = there_q.get()
        if number == LAST:
            return
        look(order)
        back_q.put(reply(number))


ITEMS = 10_000


def pool_map(kind, size, workers, rounds):
    items = [f"{number:0{size}}" for number in range(ITEMS)]
    if kind == "ProcessPoolExecutor":
        pool = concurrent.futures.ProcessPoolExecutor(workers)
        run, end = lambda: list(pool.map(len, items)), pool.shutdown
    else:
        pool = multiprocessing.Pool(workers)
        chunk = 1 if kind == "Pool-1" else None
        run, end = lambda: pool.map(len, items, chunk), pool.terminate
    run()
    samples = []
    for _ in range(rounds):
        begin = time.perf_counter()
        lengths = run()
        samples.append(time.perf_counter() - begin)
        assert lengths == [size] * ITEMS
    end()
    return sorted(samples)[rounds // 2] * 1e3


def start(context):
    """Returns the process when its function has said that it is there, as `wait` tells."""
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=say_and_wait, args=(writer,), daemon=True)
    process.start()
    return process, reader


def say_and_wait(writer):
    writer.send("ready")
    while True:
        time.sleep(3600)


def end(processes):
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


def spawn_ready(context, count):
    samples = []
    for number in range(count + 1):
        begin = time.perf_counter()
        process, reader = start(context)
        reader.recv()
        samples.append(time.perf_counter() - begin)
        end([process])
    # The first one also starts the server that forks.
    return middle_and_bad(samples[1:])


def spawn_1000(context, count):
    end([crowd(context, 1)[0]])
    begin = time.perf_counter()
    processes = crowd(context, count)
    elapsed = time.perf_counter() - begin
    end(processes)
    return [elapsed * 1e3 * 1000 / count]


def crowd(context, count):
    started = [start(context) for _ in range(count)]
    for _, reader in started:
        reader.recv()
    return [process for process, _ in started]


def kill_to_next_message(context, count):
    """There is no supervision: this is what one would write."""
    process, reader = start(context)
    reader.recv()
    samples = []
    for _ in range(count):
        begin = time.perf_counter()
        end([process])
        process, reader = start(context)
        reader.recv()
        samples.append(time.perf_counter() - begin)
    end([process])
    return middle_and_bad(samples)


def idle_memory(context, count):
    end(crowd(context, 1))
    before = available_kib()
    processes = crowd(context, count)
    machine = (before - available_kib()) / count
    private = sum(private_kib(process.pid) for process in processes) / count
    end(processes)
    return [private, machine]


LIVES = {
    "spawn_ready": spawn_ready,
    "spawn_1000": spawn_1000,
    "kill_to_next_message": kill_to_next_message,
    "idle_memory": idle_memory,
}


def available_kib():
    """As `src/machine.rs` has it: with the pages that the kernel keeps for each CPU."""
    with open("/proc/zoneinfo") as lines:
        words = (line.split() for line in lines)
        kept = sum(int(line[1]) for line in words if line[0] == "count:")
    return kib("/proc/meminfo", "MemAvailable:") + kept * os.sysconf("SC_PAGE_SIZE") / 1024


def private_kib(pid):
    rollup = f"/proc/{pid}/smaps_rollup"
    return kib(rollup, "Private_Dirty:") + kib(rollup, "Private_Clean:")


def kib(path, name):
    with open(path) as lines:
        return next(float(line.split()[1]) for line in lines if line.startswith(name))


def middle_and_bad(samples):
    samples.sort()
    return [samples[round((len(samples) - 1) * part)] * 1e6 for part in (0.5, 0.99)]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6]))
