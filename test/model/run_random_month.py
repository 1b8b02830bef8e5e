#!/usr/bin/env python3
"""Bills random months in the database that PG* names and compares with the model, account by account, to the cent.

  run_random_month.py [SEED ...]     BILLING_LONG=1: many seeds, more of everything
"""
import csv
import io
import json
import os
import random
import subprocess
import sys
from datetime import datetime, timezone
from fractions import Fraction as F

from random_month import CURRENCIES, LEVELS, Model, World, number

LONG = os.environ.get("BILLING_LONG") == "1"


def psql(script):
    run = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=script, text=True, capture_output=True)
    if run.returncode:
        sys.exit(f"psql failed: {run.stderr}")
    return run.stdout


def query(sql):
    return list(csv.reader(io.StringIO(psql(f"SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; COPY ({sql}) TO STDOUT CSV"))))


def instant(text):
    return datetime.fromisoformat(text + ":00" if text[-3] == "+" else text).astimezone(timezone.utc)


def quoted(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def conditions(condition):
    """properties, weekdays, time_from and time_to of a price."""
    pair, weekdays, hours = condition
    return (json.dumps(dict([pair])) if pair else "{}", "{" + ",".join(map(str, weekdays or range(1, 8))) + "}",
            *((f"{hours[0]:02d}:00:00", f"{hours[1]:02d}:00:00") if hours else ("00:00:00", "24:00:00")))


def meter_sql(meter, aggregation):
    by_days = {"p90": ("percent, by_valid_days, valid_above, ", "90, true, 400, "), "top": ("top_days, day_peak, ", "3, 2, "),
               **{level: ("time_unit, ", f"'{unit}', ") for level, unit in LEVELS.items()}}.get(meter, ("", ""))
    return f"INSERT INTO billing.meter (meter, unit, {by_days[0]}aggregation) VALUES ('{meter}', 'unit', {by_days[1]}'{aggregation}');"


def price_sql(price):
    post = ("post, ", f"{quoted(price.given_post)}, ") if price.given_post else ("", "")
    return (f"INSERT INTO billing.price (meter, region, currency, account_id, valid_from, {post[0]}counter, scope, properties, weekdays, time_from, time_to, counter_on_change, greatest_of, tariff) VALUES ("
            f"{quoted(price.meter)}, {quoted(price.region)}, {quoted(price.currency)}, {price.account}, {quoted(price.valid_from or '-infinity')}, "
            f"{post[1]}{quoted(price.counter)}, {quoted(price.scope)}, {', '.join(map(quoted, conditions(price.condition)))}, {quoted('carry' if price.carries else 'restart')}, {quoted(price.group)}, {quoted(price.tariff.text())});")


def play(world, rng):
    psql("SET client_min_messages = error; DROP EXTENSION IF EXISTS billing CASCADE; DROP SCHEMA IF EXISTS billing CASCADE;"
         f"CREATE EXTENSION billing; SELECT billing.install(start => '{world.start}');")
    for r, clock in enumerate(world.clocks):
        at = world.start if r == 0 else world.clocks[r - 1]
        sql = ["SET TimeZone = 'UTC';"]
        sql += [meter_sql(m, world.meters[m]) for m, made in world.made.items() if made == r]
        sql += [f"SELECT billing.open_account(name => 'a', account_id => {n}, time_zone => '{zone}', currency => '{currency}', at => '{at}');"
                for n, (zone, currency) in world.accounts.items() if world.opened[n] == r]
        sql += [price_sql(p) for p in world.prices[r]]
        events = world.events[r][:]
        rng.shuffle(events)
        sql.append("CREATE TEMP TABLE staging (LIKE billing.usage); ALTER TABLE staging ALTER arrived DROP NOT NULL;"
                   "COPY staging (account_id, meter, region, resource, event_time, event_key, quantity, properties) FROM STDIN (NULL 'none');")
        sql += ["\t".join([str(a), m, region, res, t.isoformat(), key, number(q), json.dumps(dict(properties)) if properties else "none"])
                for a, m, region, res, t, key, q, properties in events]
        sql.append("\\.")
        sql.append("INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity, properties)"
                   " SELECT account_id, meter, region, resource, event_time, event_key, quantity, properties FROM staging ON CONFLICT DO NOTHING;")
        if rng.random() < 0.3:
            sql.append("ANALYZE;")
        if rng.random() < 0.3:  # a dry run of what comes changes nothing
            sql.append(f"BEGIN; CALL billing.tick('{clock}'); ROLLBACK;")
        sql.append(f"CALL billing.{rng.choice(['tick', 'settle', 'run'])}('{clock}');")
        if rng.random() < 0.3:
            sql.append(f"CALL billing.tick('{clock}');")
        for i, (call, account, amount) in enumerate(world.money[r]):
            reason = ", 'correction'" if call == "adjust" else ""
            sql += [f"SELECT billing.{call}({account}, {number(amount)}{reason}, key => 'r{r}-{i}', at => '{clock}');"] * rng.choice([1, 1, 2])
        psql("\n".join(sql))
    # settle and tick leave the invoices of the last months to the last ring
    psql(f"CALL billing.tick('{world.clocks[-1]}')")


def compare(world, model):
    wrong = []

    def differ(what, have, want):
        for key in sorted(set(have) | set(want), key=str):
            if have.get(key) != want.get(key):
                wrong.append(f"{what} {key}: billing has {have.get(key)}, the model {want.get(key)}")

    have = {}
    for account, meter, region, currency, counter, post, scope, *condition, group, start, resource, exact, posted in query(
            "SELECT o.account_id, l.meter, l.region, l.currency, l.counter, l.post, l.scope, l.properties, l.weekdays, l.time_from, l.time_to, l.greatest_of, o.period_start, o.resource, sum(o.exact_amount), sum(o.posted_amount)"
            " FROM billing.position o JOIN billing.price_line l USING (line_id) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14"):
        have[int(account), (meter, region, currency, counter, post, scope, tuple(condition), group), instant(start), resource] = F(exact)
    want = {(key[0], (*key[1][:6], conditions(key[1][6]), key[1][7]), key[2], key[4]): model.worth(key, model.over)
            for key in model.positions if key[1][0] not in LEVELS or key[3] <= model.over}
    # a level that was taken back leaves a position of nothing
    held = [{k: v for k, v in side.items() if k[1][0] not in LEVELS or v} for side in (have, want)]
    differ("position", *held)
    differ("invoice", {(int(a), instant(s)): F(t) for a, s, t in query("SELECT account_id, period_start, total FROM billing.invoices") if F(t)}, model.invoices)
    differ("balance", {int(a): F(b) for a, b in query("SELECT account_id, balance FROM billing.accounts")}, model.balances)
    differ("unrated", {(int(a), k): 1 for a, k in query("SELECT account_id, event_key FROM billing.unrated_usage")}, {(e[0], e[5]): 1 for e in model.unrated})
    wrong += ["verify(): " + " ".join(row) for row in query("SELECT * FROM billing.verify()")]
    wrong += ["health(): " + " ".join(row) for row in query("SELECT topic, value FROM billing.health() WHERE NOT ok AND topic IN ('drained', 'settled', 'quarantine', 'invoices without number')")]
    return wrong


def main():
    seeds = [int(s) for s in sys.argv[1:]] or list(range(1, 41 if LONG else 4))
    failed = 0
    for seed in seeds:
        world = World(seed, accounts=60 if LONG else 25, events=8000 if LONG else 1500)
        model = Model(world)
        play(world, random.Random(seed))
        wrong = compare(world, model)
        failed += bool(wrong)
        late = sum(cycle > e[4] for e, _, cycle in model.rated)
        print(f"{'not ok' if wrong else 'ok'} - seed {seed}: {len(model.positions)} positions, {len(model.invoices)} invoices, "
              f"{late} late events, {len(model.unrated)} unrated", *wrong[:8], sep="\n#   ", flush=True)
    return 1 if failed else 0


sys.exit(main())
