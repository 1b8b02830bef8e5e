#!/usr/bin/env python3
"""Plays random years of prepaid business in the database that PG* names and compares with the model, account by account, to the cent.

  run_random_year.py [--seed N ...] [--accounts N] [--account K]     BILLING_LONG=1: 1,000 accounts
"""
import argparse
import csv
import io
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import datetime, timezone
from fractions import Fraction as F

from prepaid_model import Account, Refused
from prepaid_time import FOREVER
from prepaid_world import World

LONG = os.environ.get("BILLING_LONG") == "1"
STATE = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_min_messages = error;\n"

# Calls of one account in their order; what is refused is noted by its code and changes nothing.
HELPERS = """
CREATE SCHEMA played;
CREATE TABLE played.call (account_id bigint, n integer, code text);
CREATE TABLE played.ring (ring integer, account_id bigint, balance numeric, packages bigint, flags bigint);
CREATE FUNCTION played.call(account_id bigint, n integer, call text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	INSERT INTO played.call VALUES (account_id, n, 'ok');
EXCEPTION WHEN OTHERS THEN
	INSERT INTO played.call VALUES (account_id, n, SQLSTATE);
END $$;
CREATE FUNCTION played.subscription(account bigint, latest integer) RETURNS bigint LANGUAGE sql AS
	'SELECT subscription_id FROM billing.subscription WHERE account_id = account ORDER BY subscription_id DESC OFFSET latest LIMIT 1';
CREATE FUNCTION played.package(account bigint, latest integer) RETURNS bigint LANGUAGE sql AS
	'SELECT package_id FROM billing.package WHERE account_id = account ORDER BY package_id DESC OFFSET latest LIMIT 1';
"""


def psql(script):
    run = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=STATE + script, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if run.returncode:
        sys.exit(f"psql failed: {run.stderr[:2000]}")
    return run.stdout


def query(sql):
    return list(csv.reader(io.StringIO(psql(f"COPY ({sql}) TO STDOUT CSV"))))


def instant(text):
    if text in ("", "infinity"):
        return text
    return datetime.fromisoformat(text + ":00" if text[-3] == "+" else text).astimezone(timezone.utc)


def sql(value):
    """A value of the model as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, F):
        return number(value)
    if isinstance(value, datetime):
        return f"'{value.isoformat()}'"
    if isinstance(value, (tuple, list)):
        return "ARRAY[" + ", ".join(map(sql, value)) + "]::text[]"
    return "'" + value + "'"


def number(value):
    """A rational with a finite decimal expansion, as a decimal."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    units = int(value * 10**digits)
    text = f"{abs(units):0{digits + 1}d}"
    return ("-" if units < 0 else "") + (text[:-digits] + "." + text[-digits:] if digits else text)


def insert(table, **columns):
    return f"INSERT INTO billing.{table} ({', '.join(columns)}) VALUES ({', '.join(map(sql, columns.values()))});"


def term(value):
    return None if value is None else f"{value[0]} {value[1]}"


def catalogue(world):
    c = world.catalogue
    lines = [insert("meter", meter=m, unit="unit", aggregation=a) for m, a in c.meters.items()]
    lines.append("INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('account', '1999-01-01', 'notice immediately');")
    lines += [insert("price", meter=p.meter, region=p.region, currency=p.currency, counter=p.counter, scope=p.scope, tariff="graduated: " + ", ".join(
        number(price) + (f" up to {number(upper)}" if upper is not None else " beyond") for upper, price in p.tariff.tiers)) for p in c.prices]
    lines += [insert("package_offer", offer=o.offer, currency=o.currency, valid_from=o.valid_from or "-infinity", withdrawn=o.withdrawn, meter=o.meter, size=o.size,
                     term=term(o.term), price=o.price, regions=o.regions, max_resources=o.max_resources, stackable=o.stackable, requires_plan=o.requires_plan,
                     auto_renew_discount=o.discount, auto_renew_price=o.renew_price, auto_renew_scope=o.scope, auto_renew_on=o.renews_on, cut_off=o.cut_off,
                     refund_price=o.refund_price, month_end=o.month_end,
                     starts=o.starts, priority=o.priority) for o in c.offers]
    lines.append("INSERT INTO billing.lifecycle (policy, rule) VALUES ('wait', 'notice 7 days before');")
    for p in c.plans.values():
        (currency, fee), *others = p.fees
        lines.append(insert("plan", plan=p.plan, currency=currency, fee=fee, term=term(p.term), month_end=p.month_end, starts=p.starts, renewable=p.renewable,
                            expiry_policy="wait" if p.has_grace else None))
        lines += [insert("plan_price", plan=p.plan, currency=other, fee=price) for other, price in others]
        lines += [insert("plan_discount", plan=p.plan, min_terms=n, discount=share) for n, share in p.discounts]
        lines += [insert("plan_allowance", plan=p.plan, meter=m, region=r, quantity=q) for m, r, q in p.allowances]
    lines += [insert("package_coverage", offer=offer, meter=m, region=r, factor=f) for offer, rows in c.coverage.items() for m, r, f in rows]
    return lines


def call(account, at, name, arguments):
    """A call as SQL; packages are named by how many were bought after them."""
    named = dict(arguments)
    if "latest" in named:
        named["package_id"] = f"played.package({account}, {named.pop('latest')})"
    if "latest_plan" in named:
        named["subscription_id"] = f"played.subscription({account}, {named.pop('latest_plan')})"
    if "auto_voucher" in named:
        named["voucher"] = "auto" if named.pop("auto_voucher") else None
    written = [f"{k} => {v if k.endswith('_id') else sql(v)}" for k, v in named.items()]
    return f"SELECT billing.{name}({', '.join([str(account), *written, f'at => {sql(at)}'])})"


def segments(world):
    """The world's events between its rings: (ring, [(account, at, call, arguments)])."""
    events = sorted(((at, n, i, name, arguments) for n, s in world.accounts.items() for i, (at, name, arguments) in enumerate(s.events)), key=lambda e: e[:3])
    at = 0
    for ring in world.rings:
        since = at
        while at < len(events) and events[at][0] < ring:
            at += 1
        yield ring, [(n, when, name, arguments) for when, n, _, name, arguments in events[since:at]]


def play(world):
    psql("DROP EXTENSION IF EXISTS billing CASCADE; DROP SCHEMA IF EXISTS billing, played CASCADE;"
         f"CREATE EXTENSION billing; SELECT billing.install(start => {sql(world.start)});" + HELPERS)
    psql("\n".join(catalogue(world)))
    opened = [f"SELECT billing.open_account(name => 'a', account_id => {n}, time_zone => '{s.zone}', currency => '{s.currency}', credit_limit => {sql(s.credit_limit)},"
              f" at => {sql(world.start)});" for n, s in world.accounts.items()]
    opened += [f"SELECT billing.{call}({n}, '{r}', {kind}at => {sql(world.start)});" for call, kind in (("add_resource", "'device', "), ("activate_resource", ""))
               for n, s in world.accounts.items() for r in s.resources]
    psql("\n".join(opened))
    numbers = Counter()
    for number_of, (ring, events) in enumerate(segments(world)):
        script, usage = [], []
        for n, at, name, arguments in events:
            if name == "use":
                r = arguments["row"]
                usage.append("\t".join([str(n), r.meter, r.region, r.resource, r.at.isoformat(), r.key, number(r.quantity)]))
            else:
                script.append(f"SELECT played.call({n}, {numbers[n]}, $call${call(n, at, name, arguments)}$call$);")
                numbers[n] += 1
        script += ["COPY billing.usage (account_id, meter, region, resource, event_time, event_key, quantity) FROM STDIN;", *usage, "\\."]
        if number_of % 10 == 5:
            script.append("ANALYZE;")
        script.append(f"CALL billing.{'run' if number_of % 7 == 3 else 'tick'}({sql(ring)});")
        script.append(f"INSERT INTO played.ring SELECT {number_of}, account_id, balance, (SELECT count(*) FROM billing.package p WHERE p.account_id = a.account_id),"
                      " (SELECT count(*) FROM billing.package p WHERE p.account_id = a.account_id AND auto_renew) FROM billing.accounts a;")
        psql("\n".join(script))


def expected(world):
    """account -> (the model's account, what its calls came to, how it stood after each ring)."""
    accounts = {n: (Account(world.catalogue, s.zone, s.currency, s.credit_limit, s.resources, world.start), [], []) for n, s in world.accounts.items()}
    for ring, events in segments(world):
        for n, at, name, arguments in events:
            account, outcomes, _ = accounts[n]
            if name == "use":
                account.use(arguments["row"])
                continue
            try:
                getattr(account, name)(at, **arguments)
                outcomes.append((at, name, arguments, {"ok"}))
            except Refused as refused:
                outcomes.append((at, name, arguments, refused.codes))
        for account, _, rings in accounts.values():
            account.ring(ring)
            rings.append((ring, account.balance, len(account.packages), sum(p.auto_renew for p in account.packages)))
    return accounts


def near(value):
    """Quantities that have no last decimal are cut in the database."""
    return round(value, 12)


def found():
    """account -> topic -> what the database has."""
    have = defaultdict(lambda: defaultdict(list))
    for a, code in query("SELECT account_id, code FROM played.call ORDER BY account_id, n"):
        have[int(a)]["calls"].append(code)
    for a, balance, packages, flags in query("SELECT account_id, balance, packages, flags FROM played.ring ORDER BY account_id, ring"):
        have[int(a)]["rings"].append((F(balance), int(packages), int(flags)))
    for a, offer, region, size, used, since, until, state, renew, money, voucher in query(
            "SELECT account_id, offer, region, size, used, valid_from, valid_until, state, auto_renew, price_paid, voucher_paid"
            " FROM billing.package ORDER BY account_id, package_id"):
        have[int(a)]["packages"].append((offer, region, F(size), near(F(used)), instant(since), instant(until), state, renew == "t", F(money), F(voucher)))
    for a, resource, number_of, at in query(
            "SELECT account_id, resource, n, bound_at FROM billing.package_resource JOIN (SELECT account_id, package_id,"
            " row_number() OVER (PARTITION BY account_id ORDER BY package_id) - 1 AS n FROM billing.package) p USING (account_id, package_id) ORDER BY 1, 3, 2"):
        have[int(a)]["bindings"].append((int(number_of), resource, instant(at)))
    for a, kind, product, quantity, list_price, discount, voucher, money, automatic, at in query(
            "SELECT account_id, kind, product, quantity, list_price, discount, voucher_amount, money, automatic, at FROM billing.purchase ORDER BY account_id, order_id"):
        have[int(a)]["orders"].append((kind, product, int(quantity), *map(F, (list_price, discount, voucher, money)), automatic == "t", instant(at)))
    for a, meter, source, quantity, units, amount in query(
            "SELECT account_id, meter, source, sum(quantity), coalesce(sum(units), 0), sum(amount) FROM billing.charge GROUP BY 1, 2, 3 ORDER BY 1, 3, 2"):
        have[int(a)]["charges"].append((meter, source, near(F(quantity)), near(F(units)), F(amount)))
    for a, plan, state, renew, terms, since, until in query(
            "SELECT account_id, plan, state, auto_renew, paid_terms, anchor, paid_until FROM billing.subscription ORDER BY account_id, subscription_id"):
        have[int(a)]["subscriptions"].append((plan, state, renew == "t", int(terms), instant(since), instant(until)))
    for a, meter, region, size, used, since, until in query(
            "SELECT account_id, meter, region, size, used, valid_from, valid_until FROM billing.allowance ORDER BY account_id, subscription_id, term, meter, region"):
        have[int(a)]["allowances"].append((meter, region, F(size), near(F(used)), instant(since), instant(until)))
    for a, remaining in query("SELECT account_id, remaining FROM billing.voucher ORDER BY account_id, voucher_id"):
        have[int(a)]["vouchers"].append(F(remaining))
    for a, kind, count in query(
            "SELECT account_id, kind, count(*) FROM billing.notice WHERE kind IN ('package_exhausted', 'package_renewed', 'renewal_failed') AND subject = 'package'"
            " GROUP BY 1, 2 ORDER BY 1, 2"):
        have[int(a)]["notices"].append((kind, int(count)))
    for problem, a, detail in query("SELECT * FROM billing.verify()"):
        have[int(a or 0)]["verify()"].append((problem, detail))
    for a, error in query("SELECT account_id, error FROM billing.quarantine"):
        have[int(a)]["quarantine"].append(error)
    return have


def forever(at):
    return "infinity" if at == FOREVER else at


def wanted(account):
    """topic -> what the model has."""
    return {
        "orders": [(o.kind, o.product, o.quantity, o.list_price, o.discount, o.voucher, o.money, o.automatic, o.at) for o in account.orders],
        "packages": [(p.row.offer, p.region, p.size, near(p.used), p.valid_from, p.valid_until, p.state, p.auto_renew, p.price_paid, p.voucher_paid)
                     for p in account.packages],
        "bindings": [(p.id, r, at) for p in account.packages for r, at in sorted(p.bound.items())],
        "charges": [(meter or "", source, *map(near, line[:2]), line[2])
                    for (meter, source), line in sorted(account.charges.items(), key=lambda k: (k[0][1], k[0][0] or "")) if any(line) or source == "fee"],
        "subscriptions": [(s.plan.plan, s.state, s.auto_renew, len(s.terms), s.anchor, forever(s.paid_until)) for s in account.subscriptions],
        "allowances": [(a.meter, a.region, a.size, near(a.used), a.valid_from, forever(a.valid_until))
                       for a in sorted(account.allowances, key=lambda a: (a.subscription.id, a.valid_from, a.meter, a.region))],
        "vouchers": [v.remaining for v in account.vouchers],
        "notices": sorted(account.notices.items()),
        "quarantine": [],
        "verify()": [],
    }


def shown(value):
    if isinstance(value, (tuple, list, type({}.items()))):
        return "(" + ", ".join(map(shown, value)) + ")"
    return number(value) if isinstance(value, F) and 10**12 % value.denominator == 0 else str(value)


def differences(have, account, outcomes, rings):
    """What differs; of calls and of how it stood after each ring, the first that does."""
    for i, (at, name, arguments, codes) in enumerate(outcomes):
        code = have["calls"][i] if i < len(have["calls"]) else "not made"
        if code not in codes:
            yield f"call {i}, {name} {shown(arguments.items())} at {at}: billing says {code}, the model {' or '.join(codes)}"
            break
    for i, (at, *want) in enumerate(rings):
        stood = have["rings"][i]
        if list(stood) != want:
            yield f"ring {i} at {at}: billing has (balance, packages, flags) {shown(stood)}, the model {shown(want)}"
            break
    for topic, want in wanted(account).items():
        for i in range(max(len(want), len(have[topic]))):
            a, b = (side[i] if i < len(side) else None for side in (have[topic], want))
            if a != b:
                yield f"{topic} {i}: billing has {shown(a)}, the model {shown(b)}"
                break


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, nargs="*", default=range(1, 5) if LONG else [1])
    options.add_argument("--accounts", type=int, default=250 if LONG else 50)
    options.add_argument("--account", type=int)
    asked = options.parse_args()
    failed = 0
    for seed in asked.seed:
        began = time.time()
        world = World(seed, asked.accounts, asked.account)
        model = expected(world)
        thought = time.time() - began
        play(world)
        have = found()
        wrong = {n: list(differences(have[n], *model[n])) for n in model}
        wrong = {n: lines for n, lines in wrong.items() if lines}
        if have[0]["verify()"]:
            wrong[0] = [shown(line) for line in have[0]["verify()"]]
        failed += bool(wrong)
        counts = Counter(order.kind + ("s by itself" if order.automatic else "s") for account, *_ in model.values() for order in account.orders)
        counts["refused calls"] = sum("ok" not in codes for _, outcomes, _ in model.values() for *_, codes in outcomes)
        counts["failed renewals"] = sum(account.notices["renewal_failed"] for account, *_ in model.values())
        counts["packages"] = sum(len(account.packages) for account, *_ in model.values())
        counts["subscriptions"] = sum(len(account.subscriptions) for account, *_ in model.values())
        counts["used up"] = sum(account.notices["package_exhausted"] for account, *_ in model.values())
        counts["rows of usage"] = sum(s.keys for s in world.accounts.values())
        print(f"{'not ok' if wrong else 'ok'} - seed {seed}: {len(model)} accounts, " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
        for n, lines in list(wrong.items())[:10]:
            print(f"#   seed {seed}, account {n} ({len(wrong)} accounts differ; replay with --seed {seed} --account {n})", *lines, sep="\n#     ")
        print(f"#   {thought:.0f} s of thought, {time.time() - began - thought:.0f} s of billing", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
