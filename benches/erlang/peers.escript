#!/usr/bin/env escript
%% What processes of one Erlang machine do in the cases of `peers`.
%%
%%     escript peers.escript CASE COUNT
%%
%% prints the figures of one round as a JSON array, in the order of `src/case.rs`. `null` stands for one
%% that cannot be had within a machine.
-mode(compile).

main([Case, Count]) ->
    Figures = measure(Case, list_to_integer(Count)),
    io:format("[~s]~n", [lists:join(",", [text(Figure) || Figure <- Figures])]).

text(null) -> "null";
text(Figure) -> io_lib:format("~.3f", [float(Figure)]).

measure("cast_64", Count) ->
    Trader = trader(),
    Order = order(),
    {Time, Placed} = timer:tc(fun() -> casts(Trader, Order, Count), ask(Trader, placed) end),
    Placed = Count,
    [Count / (Time / 1.0e6)];
measure("call_hot", Count) ->
    Trader = trader(),
    [Median, Bad] = spread(Count, fun() -> ask(Trader, {quote, 1.25, 1.5, 1.0, 7}) end),
    [Median, Bad, null];
measure("spawn_ready", Count) ->
    spread(Count, fun() -> ask(trader(), placed) end);
measure("spawn_1000", Count) ->
    {Time, _} = timer:tc(fun() -> crowd(Count) end),
    [Time / 1.0e3 * 1000 / Count];
measure("kill_to_next_message", Count) ->
    Keeper = self(),
    Supervisor = spawn_link(fun() -> supervise(Keeper) end),
    spread(Count, fun() -> kill_and_ask(Supervisor) end);
measure("idle_memory", Count) ->
    _ = crowd(100),
    Before = erlang:memory(processes),
    Traders = crowd(Count),
    Each = (erlang:memory(processes) - Before) / Count / 1024,
    Count = length(Traders),
    [Each, null].

casts(_, _, 0) -> ok;
casts(Trader, Order, Count) ->
    Trader ! {place, Order},
    casts(Trader, Order, Count - 1).

order() -> {1 bsl 40, 99, 1.25, 3, <<"ACTR.PROC.LONG.NAME.OF.A.SHARE">>}.

crowd(Count) ->
    Traders = [trader() || _ <- lists:seq(1, Count)],
    [0 = ask(Trader, placed) || Trader <- Traders],
    Traders.

trader() -> spawn(fun() -> trade(0, 0) end).

trade(Placed, Value) ->
    receive
        {place, {Id, Account, Price, Quantity, Symbol}} ->
            trade(Placed + 1, Value bxor Id bxor Account bxor Quantity bxor byte_size(Symbol) bxor trunc(Price));
        {From, Ref, placed} ->
            From ! {Ref, Placed},
            trade(Placed, Value);
        {From, Ref, {quote, Bid, Ask, _, Number}} ->
            From ! {Ref, {quote, Bid, Ask, min(Bid, Ask), Number + 1}},
            trade(Placed, Value)
    end.

ask(Trader, Request) ->
    Ref = monitor(process, Trader),
    Trader ! {self(), Ref, Request},
    receive
        {Ref, Reply} ->
            demonitor(Ref, [flush]),
            Reply
    end.

%% Keeps a process that is started again when it ends, and tells who it is.
supervise(Keeper) ->
    process_flag(trap_exit, true),
    supervise(Keeper, spawn_link(fun() -> trade(0, 0) end)).

supervise(Keeper, Child) ->
    receive
        {'EXIT', Child, _} ->
            Next = spawn_link(fun() -> trade(0, 0) end),
            Keeper ! {next, Next},
            supervise(Keeper, Next);
        {From, who} ->
            From ! {child, Child},
            supervise(Keeper, Child)
    end.

kill_and_ask(Supervisor) ->
    Supervisor ! {self(), who},
    receive {child, Child} -> exit(Child, kill) end,
    receive {next, Next} -> ask(Next, placed) end.

%% The time in the middle and the one that is worse than 99 of 100, in microseconds.
spread(Count, Event) ->
    Samples = lists:sort([sample(Event) || _ <- lists:seq(1, Count)]),
    At = fun(Part) -> lists:nth(1 + round((Count - 1) * Part), Samples) end,
    [At(0.5), At(0.99)].

sample(Event) ->
    Start = erlang:monotonic_time(nanosecond),
    Event(),
    (erlang:monotonic_time(nanosecond) - Start) / 1.0e3.
