#!/usr/bin/env python3
"""Compares the aggregates percentile_peak, mean_top and time_weighted_sum with a model in exact rationals.

    PGDATABASE=DB [BILLING_LONG=1] python3 test/model/run_meters.py [SEED]

Random groups (ties, 20 decimals, 10^30,
10^-50, negative values, no samples at all), each on every path through the C code: numeric read directly or as text,
128 bits or unlimited, one process or several.  Exits 1 if anything differs.

Here are also the answers to worked examples that ask for a percentile, a peak, valid days or an average over time; run_vectors.py
asks for them, with no rounding but the one that their source prints.
"""
import os
import random
import subprocess
import sys
from fractions import Fraction

# ---- the model -------------------------------------------------------------------------------------------------


def decimal_text(number):
    """The shortest decimal of a fraction; None if it has no last digit."""
    rest, scale = number.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        scale = max(scale, power)
    if rest != 1:
        return None
    digits = str(abs(number.numerator) * 10 ** scale // number.denominator).rjust(scale + 1, '0')
    text = digits[:len(digits) - scale] + ('.' + digits[len(digits) - scale:] if scale else '')
    return '-' + text if number < 0 else text


def percentile_peak(values, percent):
    dropped = len(values) * (100 - percent) // 100
    return decimal_text(sorted(values, reverse=True)[dropped]) if values else None


def mean_top(values, days):
    top = sorted(values, reverse=True)[:days]
    if not top:
        return None
    mean = Fraction(sum(top)) / len(top)
    # round() goes to the even neighbour at a half, which a fraction without a last digit never is
    return decimal_text(mean) or decimal_text(Fraction(round(mean * 10 ** 20), 10 ** 20))


def time_weighted_sum(samples, until):
    """Samples are (value, microsecond).  Told by what holds at each instant, not by the order of samples."""
    instants = sorted({at for _, at in samples if at < until})
    total = Fraction(0)
    for start, end in zip(instants, instants[1:] + [until]):
        total += max(value for value, at in samples if at == start) * (end - start)
    return decimal_text(total / 10 ** 6) if instants else None


# ---- worked examples -------------------------------------------------------------------------------------------

START = "timestamptz '2026-01-01 00:00Z'"

REASONS = {}


def held(lengths, unit='day', result='sum'):
    """The integral of values that hold one after another, each for so many units of time, in value times units."""
    rows, passed = [], 0
    for value, length in lengths:
        rows.append(f"({value}, {START} + {passed} * interval '1 {unit}')")
        passed += int(length)
    seconds = {'day': 86400, 'hour': 3600, 'second': 1}[unit]
    end = f"{START} + {passed} * interval '1 {unit}'"
    return f"(SELECT billing.time_weighted_sum(v, t, {end}) / {seconds} FROM (VALUES {', '.join(rows)}) x(v, t))"


def aggregate(name, values, argument):
    return f"(SELECT billing.{name}(v, {argument}) FROM unnest(ARRAY[{', '.join(map(str, values))}]) v)"


def peak_of(value):
    """A peak that the row gives without its samples: those below it are ours."""
    return aggregate('percentile_peak', [f'{value} * {share}' for share in ('0.25', '1', '0.75', '0')], 100)


def p95_of(value):
    """The same for the 95th percentile: of 20 samples the highest is dropped."""
    return aggregate('percentile_peak', [f'{value} * {n}' for n in (1000, *[f'0.0{i}' for i in range(18)], 1)], 95)


def percentile_index(i):
    percent = i['pct'] if 'pct' in i else f"100 - {i['drop_pct']}"
    place = f"(SELECT billing.percentile_peak(n, {percent}) FROM generate_series(1, {i['points']}) n)"
    return {'dropped': f"{i['points']} - {place}", 'billed_index_desc': f"{i['points']} - {place} + 1",
            'remaining': place, 'ascending_index': place}


def month_top5(i):
    # the sixth day's peak is ours: it must not count
    peak = aggregate('mean_top', ['1'] + i['top5_daily_peaks'], 5)
    return {'peak': peak, 'fee_cny': f"{peak} * {i['price']} * {i['valid_days']} / {i['month_days']}"}


def percentile_fee(i):
    tiers = ', '.join(f'{price} up to {bound}' for bound, price in i['tiers'])
    unit = f"(SELECT max(price) FROM billing.rate_lines('volume: {tiers}', {p95_of(i['p95_mbps'])}))"
    return {'unit': unit, 'fee_cny': f"{p95_of(i['p95_mbps'])} * {unit} * {i['valid_days']} / {i['month_days']}"}


def commit_floor_max(i):
    # the floor of a line that had half of it is a minimum, and days take their share of either
    tariffs = f"graduated: {i['price']} beyond", f"graduated min {int(i['peak_mbps']) * int(i['price'])}: {i['price']} beyond"
    mean = aggregate('mean_top', [peak_of(i['peak_mbps'])] * 3, 5)
    due = [f"billing.prorate(billing.rate('{text}', {mean} / {n}), {i['exist_days']}, {i['month_days']})" for n, text in enumerate(tariffs, 1)]
    return {'fee_cny': f"CASE WHEN {due[0]} = {due[1]} THEN {due[0]} END"}


def daily_peak_sum(i):
    parts = [f'{peak_of(i[what])} * {price}' for what, price in zip(('cpu', 'mem', 'disk'), i['prices'])]
    return {'fee_cny': f"round({' + '.join(parts)}, 2)"}


def valid_days(i):
    days = f"generate_series(date_trunc('month', date '{i['effective_from']}'), date_trunc('month', " \
           f"date '{i['effective_from']}') + interval '1 month - 1 day', '1 day') d"
    valid = f"(d >= date '{i['effective_from']}')::integer"
    return {'valid_days': f'(SELECT sum({valid}) FROM {days})',
            'factor': f"(SELECT round(billing.mean_top({valid}, {i['month_days']}), 8) FROM {days})"}


def peak_x_valid_days(i):
    return {'fee_cny': f"{peak_of(i['peak'])} * {i['unit_month']} * {i['valid_days']} / {i['month_days']}"}


def storage_average(i):
    if 'segments' in i:  # printed truncated
        return {'gb_month_printed': f"trunc({held(i['segments'])} / {i['days']}, 2)"}
    if 'overage_gb' in i:  # rounded before it is priced
        average = f"round({held([(i['overage_gb'], i['days'])])} / {i['month_days']}, 2)"
        return {'gb': average, 'fee_cny': f"{average} * {i['price']}"}
    # two objects, both there until the month's end
    (first, days), (second, later) = i['segments_bytes_days']
    hours = held([(first, (days - later) * 24), (f'{first} + {second}', later * 24)], 'hour')
    return {'byte_hours': hours, 'gb_month': f"round({hours} / {i['bytes_per_gb']} / {i['month_hours']}, 3)"}


def storage_days(i):
    return {'fee_cny': f"{held([part.split('x') for part in i['gb_days']])} * {i['price_month']} / {i['month_days']}"}


def prorated_unique(i):
    # one seat, there for so many days of the period
    seats = ' + '.join(held([(1, days)]) for days in i['days_active'])
    scale = 10 ** i['result_scale']
    return {'value': f"ceil(({seats}) * {scale} / {i['period_days']}) / {scale}"}


def metered_max(i):
    return {'amount_minor': f"{peak_of(i['peak'])} * {i['unit_minor']}"}


def traffic_estimate(i):
    # megabits a second over time, in gigabytes
    lengths = [(f"{view['people']} * {i['mbps']}", view['seconds']) for view in i['views']]
    return {'gb': f"{held(lengths, 'second')} / 8 / 1000"}


MAPPED = {'percentile_index': percentile_index, 'month_top5_average': month_top5, 'percentile_fee': percentile_fee,
          'daily_peak_sum': daily_peak_sum, 'commit_floor_max': commit_floor_max, 'valid_days': valid_days, 'peak_x_valid_days': peak_x_valid_days,
          'storage_average': storage_average, 'storage_days': storage_days, 'agg_prorated_unique': prorated_unique,
          'metered_max': metered_max, 'traffic_estimate': traffic_estimate}


def psql(script):
    return subprocess.run(['psql', '-XqAt', '-F', '\t', '-v', 'ON_ERROR_STOP=1', '-f', '-'], input=script, text=True,
                          capture_output=True, check=False)


def ask(model, inputs, expected):
    """What differs in a row, as text; empty if it is right."""
    answers, wrong = MAPPED[model](inputs), []
    for key, value in expected.items():
        if key not in answers:
            wrong.append(f'{key}: no answer is mapped')
            continue
        answer = psql(f"SELECT (x = {value})::text, x FROM (SELECT {answers[key]}) y(x);\n")
        if answer.stdout.split('\t')[0] != 'true':
            wrong.append(f'{key}: expected {value}, found {answer.stdout.strip()}{answer.stderr.strip()}')
    return '; '.join(wrong)


def example(number, model, inputs, expected):
    """What differs in a worked example, as text, empty if it is right; None if it is no matter of meters.  For run_vectors.py."""
    return ask(model, inputs, expected) if model in MAPPED else None


# ---- random groups ---------------------------------------------------------------------------------------------

def flavours(rng):
    """Ways to draw a value; a group uses one or two of them."""
    return [
        lambda: Fraction(0),
        lambda: Fraction(rng.randint(0, 5)),
        lambda: Fraction(rng.randint(-10 ** 4, 10 ** 4), 100),
        lambda: Fraction(rng.randint(0, 10 ** 13)),
        lambda: Fraction(rng.randint(0, 10 ** 24), 10 ** 20),
        lambda: Fraction(rng.randint(-3, 3)) * 10 ** 30,
        lambda: Fraction(rng.randint(0, 10 ** 50), 10 ** 20),
        lambda: Fraction(rng.randint(0, 9), 10 ** 50),
        lambda: Fraction(rng.choice([2 ** 127 - 1, 1 - 2 ** 127, 2 ** 126, 10 ** 38])),
        lambda: Fraction(rng.randint(10 ** 37, 10 ** 38), 10 ** rng.randint(0, 40)),
    ]


def random_percent(rng):
    digits = rng.randint(0, 20)
    return rng.choice([Fraction(95), Fraction(100), Fraction(50), Fraction(rng.randint(1, 100)), Fraction(1, 10 ** 20),
                       100 - Fraction(1, 10 ** 20), Fraction(rng.randint(1, 100 * 10 ** digits), 10 ** digits)])


def random_group(rng):
    """Samples as (value or None, microsecond), and the three parameters."""
    draw = rng.sample(flavours(rng), rng.randint(1, 2))
    count = rng.choice([0, 1, 2, 3, 5, 20, 40, rng.randint(0, 300)])
    span = rng.choice([3, 10 ** 6, 86400 * 10 ** 6, 31 * 86400 * 10 ** 6])
    values = [rng.choice(draw)() for _ in range(count)]
    if rng.random() < 0.3:
        values.sort(reverse=rng.random() < 0.5)
    samples = [(None if rng.random() < 0.05 else value, rng.randint(0, span)) for value in values] or [(None, 0)]
    if rng.random() < 0.5:
        samples.sort(key=lambda sample: sample[1])
    return samples, random_percent(rng), rng.choice([1, 3, 5, 7, 31, 32, rng.randint(1, 400)]), rng.randint(0, span + 5)


TABLES = """
DROP TABLE IF EXISTS sample, expected;
CREATE TABLE sample (id integer, value numeric, at bigint, percent numeric, days integer, until bigint);
CREATE TABLE expected (id integer, percentile text, mean text, integral text);
"""

# microseconds become instants around 2026; 1 microsecond of an interval is exact
QUESTION = """
SELECT id, e.percentile, a.percentile, e.mean, a.mean, e.integral, a.integral
FROM expected e JOIN (
	SELECT id, billing.percentile_peak(value, percent)::text AS percentile, billing.mean_top(value, days)::text AS mean,
		   billing.time_weighted_sum(value, {start} + at * interval '1 microsecond', {start} + until * interval '1 microsecond')::text AS integral
	FROM sample GROUP BY id) a USING (id)
WHERE (e.percentile, e.mean, e.integral) IS DISTINCT FROM (a.percentile, a.mean, a.integral) ORDER BY id LIMIT 1;
""".format(start=START)

# The ways: numeric read directly, 128 bits, one process.
WAYS = [(True, True, True), (False, True, True), (True, False, True), (True, True, False), (True, False, False)]

SETUP = """
CREATE OR REPLACE FUNCTION pg_temp.bridge(boolean, boolean) RETURNS void AS '$libdir/billing', 'billing_test_paths' LANGUAGE C;
CREATE OR REPLACE FUNCTION pg_temp.meter(boolean) RETURNS void AS '$libdir/billing', 'billing_test_meter_path' LANGUAGE C;
SET enable_sort = off; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
"""


def script(groups):
    yield SETUP + TABLES + 'COPY sample FROM STDIN;\n'
    for number, (samples, percent, days, until) in enumerate(groups):
        for value, at in samples:
            text = '\\N' if value is None else decimal_text(value)
            yield f'{number}\t{text}\t{at}\t{decimal_text(percent)}\t{days}\t{until}\n'
    yield '\\.\nCOPY expected FROM STDIN;\n'
    for number, (samples, percent, days, until) in enumerate(groups):
        given = [sample for sample in samples if sample[0] is not None]
        values = [value for value, _ in given]
        answers = percentile_peak(values, percent), mean_top(values, days), time_weighted_sum(given, until)
        yield '\t'.join([str(number)] + ['\\N' if answer is None else answer for answer in answers]) + '\n'
    yield '\\.\nANALYZE sample, expected;\n'
    for bridge, bits, alone in WAYS:
        # the other processes always take 128 bits, so the last way joins states of both kinds
        yield (f'\\o /dev/null\nSELECT pg_temp.bridge({bridge}, true), pg_temp.meter({bits});\n\\o\n'
               f'SET max_parallel_workers_per_gather = {0 if alone else 3};\n'
               f"SELECT 'bridge {bridge}, 128 bits {bits}, alone {alone}';\n" + QUESTION)
        if not alone:
            yield "EXPLAIN (COSTS off) " + QUESTION.lstrip()


def random_groups(seed, count):
    """Whether all of them are right."""
    groups = [random_group(random.Random(f'{seed} {n}')) for n in range(count)]
    answer = psql(''.join(script(groups)))
    lines = answer.stdout.splitlines()
    plans = sum('Partial' in line for line in lines)
    # what is left but the plans and the ways' names is a difference
    wrong = [line for line in lines if line.count('\t') == 6]
    if answer.returncode or wrong or plans < 2:
        print(f'meters, seed {seed}: DIFFERENT (group, expected and found by each aggregate), {plans} parallel plans')
        print('\n'.join(lines if not plans else [line for line in lines if line.startswith('bridge') or line in wrong]))
        print(answer.stderr)
        return False
    samples = sum(len(group[0]) for group in groups)
    print(f'meters: {count} random groups, {samples} samples, {len(WAYS)} ways, seed {seed}: all equal')
    return True


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    good = True
    for batch in range(10 if os.environ.get('BILLING_LONG') == '1' else 1):
        good = random_groups(seed + batch, 2000) and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
