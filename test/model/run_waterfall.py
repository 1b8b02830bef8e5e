#!/usr/bin/env python3
"""Compares the aggregate waterfall with test/model/waterfall_model.py on random accounts.

    PGDATABASE=DB [BILLING_LONG=1] python3 test/model/run_waterfall.py [SEED]

2,000 accounts (ten times as many at full size), each on every path through the C code: numeric read directly or as text, 128 bits
or unlimited.  Each is asked about its groups of events and about its events one by one; both answers must be the
model's.  And where the groups are answered at all, the sums of each group and source must be those of its events one by
one, in the order they came and in three others, through all groups.  Exits 1 if anything differs.
"""
import os
import random
import sys
from fractions import Fraction

from run_meters import decimal_text, psql
from waterfall_model import Event, Item, Way, answer, is_answered, is_group, quantity_of

LAST = 12  # instants are 0 to LAST, in hours
START = "timestamptz '2026-01-01 00:00Z'"
ORDERS = 4

# ---- random accounts -------------------------------------------------------------------------------------------

FACTORS = ['1', '1', '1', '1.8', '0.5', '3', '0.7', '1.024', '7', '0.0000000001', '123456789.123', '0.00000000000000000003']


def random_quantity(rng, scale):
    return rng.choice([
        lambda: Fraction(rng.randint(0, 20)),
        lambda: Fraction(rng.randint(0, 2000), 100),
        lambda: Fraction(rng.randint(0, 10 ** 21), 10 ** 20),
        lambda: Fraction(0),
        lambda: Fraction(rng.randint(0, 20)) * scale])()


def random_way(rng, sources, scale):
    source = rng.choice(list(sources))
    since = rng.choice([float('-inf'), 0, 0, rng.randint(0, LAST)])
    until = rng.choice([float('inf'), LAST + 1, LAST + 1, rng.randint(0, LAST)])
    return Way(source, sources[source], rng.choice(['gb', 'gb', 'gb', 'cpu']), rng.choice([None, None, None, 'eu', 'us']),
               rng.choice([None, None, None, None, 'a', 'ab']), Fraction(rng.choice(FACTORS)), since, until)


def random_account(rng):
    scale = rng.choice([1, 1, 1, 10 ** 18, 10 ** 30, Fraction(1, 10 ** 20), Fraction(1, 10 ** 40)])
    plenty = rng.choice([1, 1, 1000, 10 ** 6, 10 ** 12])
    sources = {(rng.choice(['allowance', 'package']), n): random_quantity(rng, scale) * plenty for n in range(rng.randint(1, 4))}
    ways = [random_way(rng, sources, scale) for _ in range(rng.choice([0, 1, 2, 4, 4, 4, 6]))]
    items = []
    for _ in range(rng.choice([1, 1, 2, 2, 3, 5])):
        events = [Event(rng.randint(0, LAST), random_quantity(rng, scale)) for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.3:  # events of one instant are a group as well
            events = [Event(events[0].at, event.quantity) for event in events]
        items.append(Item(rng.choice(['gb', 'gb', 'gb', 'cpu']), rng.choice(['eu', 'eu', 'us', None]), rng.choice([None, 'a', 'ab']), events))
    some = [number for number, item in enumerate(items) if quantity_of(item) > 0]
    if len(some) == 1 and not is_group(items[some[0]]):  # all that the account has is answered as one event, so it is one
        item = items[some[0]]
        items[some[0]] = item._replace(events=[Event(item.events[0].at, quantity_of(item))])
    return ways, items


# ---- the questions ---------------------------------------------------------------------------------------------

SETUP = """
SET client_min_messages = warning;
CREATE OR REPLACE FUNCTION pg_temp.bridge(boolean, boolean) RETURNS void AS '$libdir/billing', 'billing_test_paths' LANGUAGE C;
CREATE OR REPLACE FUNCTION pg_temp.path(boolean) RETURNS void AS '$libdir/billing', 'billing_test_waterfall_path' LANGUAGE C;
DROP TABLE IF EXISTS way, event, expected;
CREATE TABLE way (account integer, nr integer, source text, source_id bigint, remaining numeric, meter text, region text, resource text, factor numeric, since text, until text);
CREATE TABLE event (account integer, item integer, nr integer, meter text, region text, resource text, at integer, quantity numeric, orders integer[]);
CREATE TABLE expected (account integer, grouped text, by_event text);
CREATE OR REPLACE FUNCTION pg_temp.told(steps billing.deduction[]) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', d.item, coalesce(d.source, 'rest'), d.source_id, d.quantity, d.units), ', ' ORDER BY nr), '')
	FROM unnest(steps) WITH ORDINALITY d(item, source, source_id, quantity, units, nr) WHERE steps IS NOT NULL $$;
CREATE OR REPLACE FUNCTION pg_temp.sums(steps billing.deduction[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s: %s %s', item, source, source_id, quantity, units), ', ' ORDER BY item, source, source_id)
	FROM (SELECT d.item, d.source, d.source_id, trim_scale(sum(d.quantity)) AS quantity, trim_scale(sum(d.units)) AS units
		FROM unnest(steps) d GROUP BY 1, 2, 3 HAVING sum(d.quantity) > 0 OR sum(d.units) > 0) s $$;
"""

ANSWERS = f"""
DROP TABLE IF EXISTS ways, answer;
CREATE TEMP TABLE ways AS
SELECT account, array_agg((source, source_id, remaining, meter, region, resource, factor, CASE WHEN since ~ 'inf' THEN since::timestamptz ELSE {START} + since::float8 * interval '1 hour' END,
	CASE WHEN until ~ 'inf' THEN until::timestamptz ELSE {START} + until::float8 * interval '1 hour' END)::billing.deduction_way ORDER BY nr) AS ways FROM way GROUP BY account;
CREATE TEMP TABLE answer AS
SELECT account, grouped, by_event, others FROM (
	SELECT account, billing.waterfall(ways, item, meter, region, resource, {START} + first * interval '1 hour', {START} + last * interval '1 hour', quantity, false ORDER BY item) AS grouped
	FROM (SELECT account, item, meter, region, resource, min(at) AS first, max(at) AS last, sum(quantity) AS quantity FROM event GROUP BY 1, 2, 3, 4, 5) i LEFT JOIN ways USING (account) GROUP BY account) g
JOIN (SELECT account, billing.waterfall(ways, item, meter, region, resource, {START} + at * interval '1 hour', {START} + at * interval '1 hour', quantity, true ORDER BY nr) AS by_event
	FROM event LEFT JOIN ways USING (account) GROUP BY account) e USING (account)
JOIN (SELECT account, array_agg(pg_temp.sums(steps)) AS others FROM (
		SELECT account, billing.waterfall(ways, item, meter, region, resource, {START} + at * interval '1 hour', {START} + at * interval '1 hour', quantity, true ORDER BY orders[o]) AS steps
		FROM event LEFT JOIN ways USING (account), generate_series(1, {ORDERS}) o GROUP BY account, o) s GROUP BY account) o USING (account);
SELECT 'DIFFERENT', account, 'groups', e.grouped, coalesce(pg_temp.told(a.grouped), 'none') FROM answer a JOIN expected e USING (account)
	WHERE e.grouped IS DISTINCT FROM CASE WHEN a.grouped IS NULL THEN 'none' ELSE pg_temp.told(a.grouped) END ORDER BY account LIMIT 3;
SELECT 'DIFFERENT', account, 'events', e.by_event, pg_temp.told(a.by_event) FROM answer a JOIN expected e USING (account)
	WHERE e.by_event IS DISTINCT FROM pg_temp.told(a.by_event) ORDER BY account LIMIT 3;
SELECT 'DIFFERENT', account, 'other orders', pg_temp.sums(grouped), others FROM answer
	WHERE grouped IS NOT NULL AND EXISTS (SELECT FROM unnest(others) o WHERE o IS DISTINCT FROM pg_temp.sums(grouped)) ORDER BY account LIMIT 3;
SELECT 'answered', count(*) FILTER (WHERE grouped IS NOT NULL), count(*) FILTER (WHERE cardinality(others) = {ORDERS}),
	count(*) FILTER (WHERE grouped IS NOT NULL AND (SELECT count(*) > 1 FROM unnest(grouped) d WHERE d.source IS NOT NULL)) FROM answer;
"""


def field(value):
    return '\\N' if value is None else decimal_text(value) if isinstance(value, Fraction) else str(value).replace('inf', 'infinity')


def row(*values):
    return '\t'.join(map(field, values)) + '\n'


def told(steps):
    return ', '.join(' '.join(map(field, [item, 'rest', quantity] if source is None else [item, *source, quantity, units]))
                     for item, source, quantity, units in steps)


def script(accounts, rng):
    yield SETUP + 'COPY way FROM STDIN;\n'
    for account, (ways, _) in enumerate(accounts):
        for nr, way in enumerate(ways):
            yield row(account, nr, *way.source, way.remaining, way.meter, way.region, way.resource, way.factor, way.since, way.until)
    yield '\\.\nCOPY event FROM STDIN;\n'
    for account, (_, items) in enumerate(accounts):
        events = [(number, item, event) for number, item in enumerate(items) for event in item.events]
        orders = [rng.sample(range(len(events)), len(events)) for _ in range(ORDERS - 1)]
        for nr, (number, item, event) in enumerate(events):
            places = ','.join(str(order[nr]) for order in [range(len(events)), *orders])
            yield row(account, number, nr, item.meter, item.region, item.resource, event.at, event.quantity, f'{{{places}}}')
    yield '\\.\nCOPY expected FROM STDIN;\n'
    for account, (ways, items) in enumerate(accounts):
        grouped = told(answer(ways, items)) if is_answered(ways, items) else 'none'
        singly = [(number, Item(item.meter, item.region, item.resource, [event])) for number, item in enumerate(items) for event in item.events]
        steps = answer(ways, [item for _, item in singly])
        yield row(account, grouped, told((singly[n][0], *rest) for n, *rest in steps))
    yield '\\.\nANALYZE way, event, expected;\n'
    for bridge, bits in ((True, True), (False, True), (True, False)):
        yield f"\\o /dev/null\nSELECT pg_temp.bridge({bridge}, true), pg_temp.path({bits});\n\\o\nSELECT 'bridge {bridge}, 128 bits {bits}';\n" + ANSWERS


def random_accounts(seed, count):
    """Whether all of them are right."""
    accounts = [random_account(random.Random(f'{seed} {n}')) for n in range(count)]
    reply = psql(''.join(script(accounts, random.Random(seed))))
    lines = reply.stdout.splitlines()
    counts = [line.split('\t')[1:] for line in lines if line.startswith('answered\t')]
    # the test would say little if groups were hardly ever answered, or always
    telling = len(counts) == 3 and all(int(asked) == count and count / 5 < int(given) < count * 9 / 10 and int(several) > count / 20
                                       for given, asked, several in counts)
    if reply.returncode or not telling or any(line.startswith('DIFFERENT') for line in lines):
        print(f'waterfall, seed {seed}: DIFFERENT (account, question, expected, found), or nothing to tell by')
        print('\n'.join(lines) + '\n' + reply.stderr)
        return False
    print(f'waterfall: {count} random accounts, of which {counts[0][0]} answered by groups, {len(counts)} ways, seed {seed}: all equal')
    return True


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    good = True
    for batch in range(10 if os.environ.get('BILLING_LONG') == '1' else 1):
        good = random_accounts(seed + batch, 2000) and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
