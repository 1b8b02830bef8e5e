#!/usr/bin/env python3
"""Random attacks on instances with a base and an elastic cap, in the database that PG* names, against an independent model.

Peaks come in any order, late, twice and outside of any paid term, while base and cap are configured; each is judged by what
was in force at its own time.  The model knows the rules, not the code: exact rationals, one event after the other.

  run_peaks.py [SEED ...]     BILLING_LONG=1: many seeds, more of everything
"""
import csv
import io
import json
import os
import random
import subprocess
import sys
from calendar import monthrange
from datetime import datetime, timedelta, timezone
from fractions import Fraction as F
from zoneinfo import ZoneInfo

from random_month import HOUR, ZONES, hour_of, number, period, rounded

LONG = os.environ.get("BILLING_LONG") == "1"
UTC = timezone.utc
BASES = [10, 20, 30, 40, 60]
CAPS = [20, 40, 50, 80, 100, 200]
NEVER, EVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


def psql(script):
    run = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=script, text=True, capture_output=True)
    if run.returncode:
        sys.exit(f"psql failed: {run.stderr}")
    return run.stdout


def query(sql):
    return list(csv.reader(io.StringIO(psql(f"SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; COPY ({sql}) TO STDOUT CSV"))))


def instant(text):
    if "infinity" in text:
        return NEVER if text[0] == "-" else EVER
    return datetime.fromisoformat(text + ":00" if text[-3] == "+" else text).astimezone(UTC)


def quoted(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def days(since, until, zone):
    return (until.astimezone(ZoneInfo(zone)).date() - since.astimezone(ZoneInfo(zone)).date()).days


class Plan:
    def __init__(self, rng, n, by_day):
        self.name = f"plan {n}"
        self.mode = rng.choice(["subtract", "threshold"])
        self.base = rng.choice([None, None, F(rng.randint(5, 50), 2)])       # a number of the plan, or the option
        self.capped = rng.random() < 0.8
        self.over = rng.choice(["clip", "free"]) if self.capped else "clip"
        self.changes = rng.choice(["after charge", "after charge", "at once", "next day"])
        self.fees = {b: F(rng.randint(0, 100 * b), 10) for b in BASES}
        self.share, self.ends, self.rounding = rng.choice(["term", "365/12"]), rng.choice(["one end", "both ends"]), rng.choice(["half up", "down"])
        self.counter, self.scope = rng.choice(["day", "day", "month"] if by_day else ["day", "day", "day", "hour"]), rng.choice(["resource", "resource", "account"])
        self.lower = rng.random() < 0.4
        self.bounds = sorted(rng.sample([5, 10, 15, 20, 30, 40, 50, 60, 80, 100], rng.randint(1, 5)))
        self.flats = [F(0) if i == 0 and rng.random() < 0.3 else F(rng.randint(1, 10**6), 100) for i in range(len(self.bounds) + 1)]
        self.each = F(rng.randint(0, 5000), 1000) if rng.random() < 0.4 else F(0)

    def tariff(self):
        parts = [f"flat {number(f)} + {number(self.each)} " + (f"up to {b}" if b else "beyond") for f, b in zip(self.flats, self.bounds + [None])]
        return f"volume{' bounds lower' if self.lower else ''}: " + ", ".join(parts)

    def rate(self, quantity):
        if quantity == 0:
            return F(0)
        tier = sum(quantity >= b if self.lower else quantity > b for b in self.bounds)
        return self.flats[tier] + self.each * quantity

    def fee(self, options):
        return self.fees[options["base"]]


class Subscription:
    def __init__(self, account, resource, plan, at, terms, options):
        self.account, self.resource, self.plan, self.at, self.terms = account, resource, plan, at, terms
        self.spans = [(NEVER, dict(options))]                                   # from when on, and which options
        self.paid = [plan.fee(options)] * terms                                 # what each term was paid at

    def ends(self, zone, n):
        """End of the n-th term: the same wall time so many months later, or that of the month's last day."""
        wall = self.at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        month = wall.month - 1 + n
        year, month = wall.year + month // 12, month % 12 + 1
        return wall.replace(year=year, month=month, day=min(wall.day, monthrange(year, month)[1])).replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)

    def options(self, at):
        return [o for since, o in self.spans if since <= at][-1]

    def judge(self, quantity, at):
        """What of a peak is charged, and whether it is above a cap that makes the period free."""
        options = self.options(at)
        base = self.plan.base if self.plan.base is not None else F(options["base"])
        if self.plan.capped and "elastic" not in options:
            return F(0), False
        cap = F(options["elastic"]) if self.plan.capped else quantity
        clipped = min(quantity, cap)
        billed = F(0) if clipped <= base else clipped - base if self.plan.mode == "subtract" else clipped
        return billed, self.plan.over == "free" and quantity > cap


class World:
    def __init__(self, seed, accounts, events, rounds):
        rng = self.rng = random.Random(f"peaks {seed}")
        self.start = datetime(rng.choice([2019, 2023]), rng.choice([2, 3, 9, 10]), 20, tzinfo=UTC)
        self.by_day = rng.random() < 0.5                                       # is the meter settled by the day?
        self.plans = [Plan(rng, n, self.by_day) for n in range(1, rng.randint(2, 4) + 1)]
        self.outside = Plan(rng, 0, self.by_day) if rng.random() < 0.5 else None             # the price of who has no plan
        self.zones = {a: rng.choice(ZONES) for a in range(1, accounts + 1)}
        self.subs = []
        for a, zone in self.zones.items():
            for resource in rng.choice([["ip-1"], ["ip-1", "ip-2"], [None]]):
                options = {"base": rng.choice(BASES[:3])}
                if rng.random() < 0.8:
                    options["elastic"] = rng.choice([c for c in CAPS if c >= options["base"]])
                at = self.start - timedelta(days=rng.randint(0, 25), seconds=rng.randint(0, 86400)) if rng.random() < 0.7 else self.start + timedelta(days=rng.randint(0, 4), minutes=rng.randint(0, 1440))
                self.subs.append(Subscription(a, resource, rng.choice(self.plans), at, rng.choice([1, 1, 2, 3]), options))
        self.clocks, clock = [], self.start
        for _ in range(rounds):
            clock += timedelta(hours=rng.choice([1, 5, 11, 24, 30]), minutes=rng.choice([0, 17, 30, 59]))
            self.clocks.append(clock)
        self.events = [[] for _ in self.clocks]
        for k in range(events):
            r = rng.randrange(rounds)
            ahead = self.clocks[r] + 2 * HOUR
            # mostly lately, some long ago; on the edge of a day at times
            at = ahead - timedelta(seconds=rng.randint(0, int(rng.choice([6 * HOUR, (ahead - self.start)]).total_seconds())))
            at = max(at, self.start)
            account = rng.choice(list(self.zones))
            if rng.random() < 0.1:
                at = max(self.start, period("day", at, self.zones[account])[0])
            quantity = rng.choice([F(rng.choice(BASES + CAPS)), F(rng.randint(0, 25000), 100), F(rng.randint(0, 1000), 10)])
            event = (account, rng.choice(["ip-1", "ip-1", "ip-2", "ip-3"]), at, f"e{k}", quantity)
            self.events[r].append(event)
            if rng.random() < 0.1:                                              # and once more, later or at once
                self.events[rng.randrange(r, rounds)].append(event)
        self.calls = [[] for _ in self.clocks]                                  # filled while the model lives through it


class Model:
    """Lives through the world round by round, and decides on calls that are possible then."""

    def __init__(self, world):
        self.world, self.seen, self.fees = world, {}, {}
        rng = world.rng
        for sub in world.subs:
            self.pay(sub.account, sum(sub.paid))
        for r, clock in enumerate(world.clocks):
            before = world.clocks[r - 1] if r else world.start
            for event in world.events[r]:
                self.seen[event[0], event[3]] = event
            calls = sorted((max(s.at, before) + timedelta(seconds=rng.randint(0, int((clock - before).total_seconds()))), i)
                           for i, s in enumerate(world.subs) if rng.random() < 0.4)
            for at, i in calls:
                sub = world.subs[i]
                if at < clock and at < sub.ends(world.zones[sub.account], sub.terms):
                    wanted = self.choose(rng, sub)
                    if wanted:
                        world.calls[r].append((sub, at, wanted))
                        self.configure(sub, at, wanted)

    def pay(self, account, amount):
        self.fees[account] = self.fees.get(account, F(0)) + amount

    def choose(self, rng, sub):
        now = sub.spans[-1][1]
        wanted = {}
        if rng.random() < 0.3:
            wanted["base"] = rng.choice([b for b in BASES if b >= now["base"]])
        if rng.random() < 0.7:
            wanted["elastic"] = rng.choice([None] + [c for c in CAPS if c >= wanted.get("base", now["base"])])
        return wanted

    def charged(self, sub, at):
        """Has the day of an instant a charge, as far as is known?"""
        day = period("day", at, self.world.zones[sub.account])[0]
        found = {}
        for account, resource, t, _, quantity in self.seen.values():
            if account == sub.account and sub.resource in (None, resource) and day <= t <= at and self.term(account, resource, t) is sub:
                billed, over = sub.judge(quantity, t)
                was = found.get(resource, (F(0), False))
                found[resource] = (max(was[0], billed), was[1] or over)
        return any(billed > 0 and not over for billed, over in found.values())

    def configure(self, sub, at, wanted):
        plan, zone = sub.plan, self.world.zones[sub.account]
        now = sub.spans[-1][1]
        wanted = {k: v for k, v in wanted.items() if now.get(k) != v}
        next_day = period("day", at, zone)[1]
        later = "elastic" in wanted and (plan.changes == "next day" or plan.changes == "after charge" and plan.capped and self.charged(sub, at))
        changes = {at: {k: v for k, v in wanted.items() if not (later and k == "elastic")}}
        if later:
            changes[next_day] = wanted
        edges = sorted({s for s, _ in sub.spans} | {at for at, c in changes.items() if c})
        spans = []
        for edge in edges:
            options = dict(sub.options(edge))
            for since, change in changes.items():
                if edge >= since:
                    options.update(change)
            if edge >= at:
                options = {k: v for k, v in options.items() if v is not None}
                if options.get("elastic", 10**9) < options["base"]:
                    del options["elastic"]
            if not spans or spans[-1][1] != options:
                spans.append((edge, options))
        sub.spans = spans
        # the fee: the difference of a term for what is left of each that was paid at less
        new, total = plan.fee(spans[-1][1]), F(0)
        for n in range(1, sub.terms + 1):
            start, end = sub.at if n == 1 else sub.ends(zone, n - 1), sub.ends(zone, n)
            if end <= at or new <= sub.paid[n - 1]:
                continue
            since = max(start, at)
            left, whole = days(since, end, zone), days(start, end, zone)
            if plan.ends == "both ends" and n == sub.terms:
                left = days(since, end - timedelta(seconds=1), zone) + 1
            share = F(12 * left, 365) if plan.share == "365/12" else F(min(left, whole), whole)
            total += (new - sub.paid[n - 1]) * share
            sub.paid[n - 1] = new
        self.pay(sub.account, F(int(total * 100), 100) if plan.rounding == "down" else rounded(total, 2))

    def term(self, account, resource, at):
        for sub in self.world.subs:
            if sub.account == account and sub.resource in (None, resource) and sub.at <= at < sub.ends(self.world.zones[account], sub.terms):
                return sub
        return None

    def positions(self):
        """Of each position: the highest of what is charged, and whether it is free; and what has no price."""
        found, unrated = {}, set()
        for account, resource, at, key, quantity in self.seen.values():
            sub = self.term(account, resource, at)
            plan = sub.plan if sub else self.world.outside
            if plan is None:
                unrated.add((account, key))
                continue
            billed, over = sub.judge(quantity, at) if sub else (quantity, False)
            start, _ = period(plan.counter, at, self.world.zones[account])
            key = account, plan.name if sub else "", start, resource if plan.scope == "resource" else ""
            was = found.get(key, (F(0), False))
            found[key] = (max(was[0], billed), was[1] or over)
        plans = {p.name: p for p in self.world.plans} | {"": self.world.outside}
        return {k: (q, F(0) if free else plans[k[1]].rate(q)) for k, (q, free) in found.items()}, unrated


def catalogue(world):
    sql = [f"INSERT INTO billing.meter (meter, unit, aggregation, settled_by) VALUES ('attack', 'Gbps', 'max', '{'day' if world.by_day else 'hour'}');"]
    for p in world.plans:
        sql.append("INSERT INTO billing.plan (plan, product, currency, fee, term, change_share, change_days, change_rounding) VALUES "
                   f"('{p.name}', 'p', 'USD', 0, '1 month', '{p.share}', '{p.ends}', '{p.rounding}');")
        sql.append("INSERT INTO billing.plan_option (plan, option, choices, required, changes, at_least) VALUES "
                   f"('{p.name}', 'base', '{BASES}', true, 'increase', NULL), ('{p.name}', 'elastic', NULL, false, '{p.changes}', 'base');")
        sql += [f"INSERT INTO billing.plan_price (plan, options, currency, fee) VALUES ('{p.name}', '{{\"base\": {b}}}', 'USD', {number(f)});" for b, f in p.fees.items()]
        sql.append("INSERT INTO billing.plan_allowance (plan, meter, quantity, mode, base_option, cap_option, over_cap) VALUES "
                   f"('{p.name}', 'attack', {number(p.base or F(0))}, '{p.mode}', {quoted(None if p.base is not None else 'base')}, {quoted('elastic' if p.capped else None)}, '{p.over}');")
    for p in world.plans + ([world.outside] if world.outside else []):
        sql.append("INSERT INTO billing.price (meter, plan, currency, counter, scope, tariff) VALUES "
                   f"('attack', {quoted('' if p is world.outside else p.name)}, 'USD', '{p.counter}', '{p.scope}', '{p.tariff()}');")
    return sql


def play(world, rng):
    psql("SET client_min_messages = error; DROP EXTENSION IF EXISTS billing CASCADE; DROP SCHEMA IF EXISTS billing CASCADE;"
         f"CREATE EXTENSION billing; SELECT billing.install(start => '{world.start}');")
    setup = catalogue(world)
    opened = world.start - timedelta(days=40)
    for a, zone in world.zones.items():
        setup += [f"SELECT billing.open_account(name => 'a', account_id => {a}, time_zone => '{zone}', credit_limit => 1000000000, at => '{opened}');"]
        setup += [f"SELECT billing.add_resource({a}, '{r}', 'ip', at => '{opened}');" for r in ("ip-1", "ip-2", "ip-3")]
    setup.append("CREATE TABLE public.sub (n integer, id bigint);")
    buys = [[] for _ in world.clocks]
    for n, s in enumerate(world.subs):
        s.number = n
        call = (f"INSERT INTO public.sub SELECT {n}, billing.subscribe({s.account}, '{s.plan.name}', resource => {quoted(s.resource)}, terms => {s.terms}, "
                f"options => '{json.dumps(s.spans[0][1])}', at => '{s.at}');")
        buys[next((r for r, clock in enumerate(world.clocks) if s.at < clock), len(world.clocks) - 1)].append((s.at, call))
    psql("SET client_min_messages = warning; DROP TABLE IF EXISTS public.sub;" + "\n".join(setup))
    for r, clock in enumerate(world.clocks):
        sql = ["SET TimeZone = 'UTC';"]
        events = world.events[r][:]
        rng.shuffle(events)
        usage = [f"SELECT billing.record_usage({a}, 'attack', {number(q)}, '{key}', '{at}', resource => '{res}');" for a, res, at, key, q in events]
        calls = buys[r] + [(at, "SELECT billing.configure_subscription(%s, (SELECT id FROM public.sub WHERE n = %s), '%s', at => '%s');"
                            % (s.account, s.number, json.dumps(wanted), at)) for s, at, wanted in world.calls[r]]
        # subscriptions are bought before anything else of their instant is said about them; usage is known to every call of its round
        sql += usage + [call for _, call in sorted(calls, key=lambda c: (c[0], "configure" in c[1]))]
        if rng.random() < 0.3:
            sql.append(f"BEGIN; CALL billing.tick('{clock}'); ROLLBACK;")
        sql.append(f"CALL billing.{rng.choice(['tick', 'run'])}('{clock}');")
        if rng.random() < 0.2:
            sql.append("SELECT 1 / (NOT EXISTS (SELECT FROM billing.verify()))::integer;")
        psql("\n".join(sql))
    psql(f"CALL billing.run('{world.clocks[-1] + timedelta(days=35)}')")


def compare(world, model):
    wrong = []

    def differ(what, have, want):
        for key in sorted(set(have) | set(want), key=str):
            if have.get(key) != want.get(key):
                wrong.append(f"{what} {key}: billing has {have.get(key)}, the model {want.get(key)}")

    positions, unrated = model.positions()
    differ("position", {(int(a), plan, instant(start), resource): (F(q), F(exact)) for a, plan, start, resource, q, exact in query(
        "SELECT o.account_id, l.plan, o.period_start, o.resource, o.quantity, o.exact_amount FROM billing.position o JOIN billing.price_line l USING (line_id)")}, positions)
    spent = dict(model.fees)
    for key, (_, exact) in positions.items():
        spent[key[0]] = spent.get(key[0], F(0)) + rounded(exact, 2)
    differ("balance", {int(a): F(b) for a, b in query("SELECT account_id, balance FROM billing.accounts")}, {a: -spent.get(a, F(0)) for a in world.zones})
    differ("unrated", {(int(a), k): 1 for a, k in query("SELECT account_id, event_key FROM billing.unrated_usage")}, dict.fromkeys(unrated, 1))
    differ("options", {(int(n), instant(since)): json.loads(o) for n, since, o in query(
        "SELECT s.n, o.valid_from, o.options FROM billing.subscription_options o JOIN public.sub s ON s.id = o.subscription_id")},
        {(s.number, since): options for s in world.subs for since, options in s.spans})
    wrong += ["verify(): " + " ".join(row) for row in query("SELECT * FROM billing.verify()")]
    wrong += ["health(): " + " ".join(row) for row in query("SELECT topic, value FROM billing.health() WHERE NOT ok AND topic IN ('drained', 'settled', 'quarantine')")]
    return wrong, positions


def main():
    seeds = [int(s) for s in sys.argv[1:]] or list(range(1, 61 if LONG else 5))
    failed = 0
    for seed in seeds:
        world = World(seed, accounts=25 if LONG else 10, events=3000 if LONG else 500, rounds=12 if LONG else 8)
        model = Model(world)
        play(world, random.Random(seed))
        wrong, positions = compare(world, model)
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} - seed {seed}: settled by the {'day' if world.by_day else 'hour'}, {len(positions)} positions, {sum(map(len, world.calls))} changes, "
              f"{sum(len(s.spans) > 1 for s in world.subs)} of {len(world.subs)} subscriptions changed, {sum(e == 0 and q > 0 for q, e in positions.values())} free",
              *wrong[:8], sep="\n#   ", flush=True)
    return 1 if failed else 0


sys.exit(main())
