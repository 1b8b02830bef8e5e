#!/usr/bin/env python3
"""Compares term_end, term_of, term_start, days_between and prorate with a model: Python's calendar, zoneinfo, fractions.

    PGDATABASE=DB [BILLING_LONG=1] python3 test/model/run_terms.py [SEED]

20,000 random cases: anchors from 1990 to 2060, many of them at ends of months and where clocks
are set, every unit, month-end rule and zone of the list; and as many shares, each on every path through the C code.
Exits 1 if anything differs, 77 if Python finds no time zones.

Here are also the answers to worked examples about terms, days and proration; run_vectors.py asks for them, with no rounding
but the one that their source prints.
"""
import bisect
import calendar
import os
import random
import re
import sys
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction

from run_meters import decimal_text, psql

try:
    from zoneinfo import ZoneInfo
except ImportError:
    print('this Python has no zoneinfo (3.9 and later do)')
    sys.exit(77)

UTC = timezone.utc
ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Santiago', 'Pacific/Apia',
         'Antarctica/Troll', 'America/Sao_Paulo', 'Asia/Shanghai', 'Pacific/Chatham', 'Africa/Casablanca',
         'America/St_Johns']  # where clocks went from 00:01 back to the day before
RULES = ['clamp', 'spill', 'days 30']
UNITS = ['month', 'month', 'month', 'year', 'day', 'hour']

# ---- the model -------------------------------------------------------------------------------------------------


def wall_time(at, zone):
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def first_instant(wall, zone):
    """fold=0 is the first of two comings, and moves what is left out by what is left out."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def months_later(day, months, rule):
    if rule == 'days 30':
        return day + timedelta(days=30 * months)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    month += 1
    if rule == 'clamp':
        return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
    return date(year, month, 1) + timedelta(days=day.day - 1)


def term_end(anchor, n, unit, zone, rule):
    if unit == 'hour' or n == 0:
        return anchor + timedelta(hours=n)
    wall = wall_time(anchor, zone)
    if unit == 'day':
        return first_instant(wall + timedelta(days=n), zone)
    day = months_later(wall.date(), n * (12 if unit == 'year' else 1), rule)
    return first_instant(datetime.combine(day, wall.time()), zone)


class Ends:
    """The ends of all terms, for bisect: the calendar is not asked which one could be meant."""

    def __init__(self, *terms):
        self.anchor, self.unit, self.every, self.zone, self.rule = terms

    def __getitem__(self, n):
        return term_end(self.anchor, n * self.every, self.unit, self.zone, self.rule)

    def term_of(self, at):
        high = 1
        while self[high] <= at:
            high *= 2
        n = bisect.bisect_right(self, at, 1, high)
        return n, self[n - 1], self[n]


def term_start(at, rule, zone):
    if rule == 'now':
        return at.replace(microsecond=0)
    wall = wall_time(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return first_instant(wall.replace(day=1) if rule == 'month' else wall, zone)


def days_between(since, until, zone):
    return (wall_time(until, zone).date() - wall_time(since, zone).date()).days


def rounded(number, decimals):
    """A half goes away from zero; all the decimals are shown."""
    units = (2 * abs(number) * 10 ** decimals + 1) // 2
    digits = str(units).rjust(decimals + 1, '0')
    text = digits[:len(digits) - decimals] + ('.' + digits[len(digits) - decimals:] if decimals else '')
    return '-' + text if number < 0 and units else text


def prorate(amount, part, whole, decimals):
    share = amount * part / whole
    if decimals is not None:
        return rounded(share, decimals)
    return decimal_text(share) or decimal_text(Fraction(rounded(share, 20)))


# ---- worked examples -------------------------------------------------------------------------------------------

A_PRICE = 'hours at an hourly price, or money that was paid: no share of a term'
REASONS = {'refund_used_payg': A_PRICE, 'mode_change_refund': A_PRICE, 'refund_full_5day': A_PRICE,
           'proration_credit_cap': 'what was paid less what was given back is a bound; nothing is shared',
           'graduated_prorated': 'a tariff over units that are shared before they are counted',
           'proration.fixed_days_between': 'days are counted as if every month had so many; ours are those of the calendar',
           **dict.fromkeys(['proration.ratio.before_first', 'proration.ratio.after_last'],
                           'days of the part are counted as if every month had so many')}
LEFT_OUT = {'CDM-01': ['service', 'deposit_frozen']}  # a price for each unit and a hold; no days in them


def at_utc(text):
    return f"timestamptz '{text}'" if text.endswith('Z') else f"timestamptz '{text} UTC'"


def shown(instant, zone='UTC', form='YYYY-MM-DD"T"HH24:MI:SS'):
    return f"to_char({instant} AT TIME ZONE '{zone}', '{form}')"


def share(amount, part, whole, decimals=None):
    return f"billing.prorate({amount}, {part}, {whole}{'' if decimals is None else f', {decimals}'})"


def decimals_of(text):
    return len(text.partition('.')[2])


def recurrence(i, _):
    every, unit = i['interval'].split()
    term = f"billing.term_of('{i['anchor']}', '{i['at']}', '{unit}', {every}, 'UTC')"
    return {key: shown(f'({term}).{name}', form='YYYY-MM-DD"T"HH24:MI:SS"Z"')
            for key, name in (('from', 'term_start'), ('to', 'term_end'))}


def month_grid(i, _):
    start = at_utc(i['start'])
    count = f"(billing.term_of({start}, {at_utc(i['end'])} - interval '1 microsecond', 'month', 1, 'UTC')).n"
    days = shown(f"billing.term_end({start}, n, 'month', 'UTC')", form='YYYY-MM-DD')
    return {'starts': f'(SELECT array_agg({days} ORDER BY n) FROM generate_series(0, {count} - 1) n)'}


def prepaid_term(i, _):
    # no year is printed, so it holds for all
    ends = [shown(f"billing.term_end('{year}-{i['start_date']} 10:00+08', {i['period_months']}, 'month', 'Asia/Shanghai', 'spill')",
                  'Asia/Shanghai', 'MM-DD') for year in range(2019, 2033)]
    return {'expire_date': f"(SELECT string_agg(DISTINCT d, ' ') FROM unnest(ARRAY[{', '.join(ends)}]) d)"}


def package_validity(i, _):
    day = 'T' not in i['purchase']
    bought = f"timestamptz '{i['purchase']} Asia/Shanghai'"
    start = f"billing.term_start({bought}, '{'day' if day else 'now'}', 'Asia/Shanghai')"
    n, unit = (i['period_months'], 'month') if 'period_months' in i else (i['period_years'], 'year')
    end = f"billing.term_end({start}, {n}, '{unit}', 'Asia/Shanghai', '{'days 30' if i.get('month_days') == 30 else 'clamp'}')"
    form = 'YYYY-MM-DD' if day else 'YYYY-MM-DD"T"HH24:MI:SS'
    return {'valid_from': shown(start, 'Asia/Shanghai', form), 'valid_to': shown(f'billing.last_second({end})', 'Asia/Shanghai', form)}


def refund_window(i, _):
    end = f"billing.term_end('{i['purchase']}', {i['days']}, 'day', 'UTC')"
    return {'latest_refund': shown(f'billing.last_second({end})')}


def upgrade(i, expected):
    if 'day_of_cycle' in i:
        above, below = expected['factor'].split('/')
        return {'factor': f"{share(below, f'{below} - ' + str(i['day_of_cycle']), i['month_days'])} || '/{below}'"}
    difference = f"({i['new_month']} - {i['old_month']}) * {i.get('discount', 1)}"
    decimals = decimals_of(expected['fee_cny'])
    months, whole = (12, 365) if i['month_days'] == '365/12' else (1, i['month_days'])
    if 'upgrade' in i:
        days = f"billing.days_between('2026-{i['upgrade']}', billing.term_end('2026-{i['upgrade'][:2]}-01', 1, 'month', 'UTC'), 'UTC')"
        return {'fee_cny': share(difference, days, i['month_days'], decimals)}
    if 'months_rounded' in i:
        return {'fee_cny': f"{difference} * {share(months, i['days'], whole, decimals_of(i['months_rounded']))}"}
    return {'fee_cny': share(f'{months} * {difference}', i['days'], whole, decimals)}


def downgrade(i, expected):
    if 'orders' in i:
        left = ' + '.join(share(order['paid'], order['total'] - order['used'], order['total']) for order in i['orders'])
        cost = share(i['new_day'], i['left_days'], 1)
        return {'remaining': left, 'new_cost': cost, 'refund_usd': f'{left} - {cost}'}
    cost = share(f"12 * {i['new_month']}", i['days'], 365, decimals_of(expected['new_cost_cny']))
    return {'new_cost_cny': cost, 'refund_cny': f"{i['refund_old']} - {cost}"}


def term_price(i, _):
    month = i['month'] if 'month' in i else f"{i['dau_wan']} * {i['price_wan_month']}"
    price = share(f"{month} * {i.get('discount', 1)}", i['months'], 1)
    return {'price_cny': price, 'fee_cny': price}


def included_days(i, _):
    start = "timestamptz '2026-02-20 09:00 UTC'"
    ends = [f"billing.term_end({start}, {days}, 'day', 'UTC')" for days in (i['included_days'], i['days'])]
    return {'overtime': share(f"{i['per_extra_day']} * {i['units']}", f"billing.days_between({ends[0]}, {ends[1]}, 'UTC')", 1)}


def refund_days(i, _):
    if 'start' in i:
        return {'used_days': f"billing.days_between('2026-{i['start']} 10:00Z', '2026-{i['refund_day']} 09:00Z', 'UTC')"}
    used = share(i['month_price'], i['used_days'], 30)
    upgrade_used = share(i['upgrade_paid'], f"{i['used_days']} - {i['upgrade_after_days']}",
                         f"{i['term_days']} - {i['upgrade_after_days']}")
    return {'refund_cny': f"round({i['paid']} + {i['upgrade_paid']} - {used} - {upgrade_used}, 2)"}


def refund_time(i, _):
    used = share(i['list_after_discount'], i['used_hours'], i['total_hours'], 2)
    return {'refund_cny': f"{i['paid']} - {used} + {i.get('future_order', 0)}"}


def billing_cycles(i, _):
    """Days from the start to the first billing day over the period before it, whole periods, days to the end."""
    start, target = at_utc(i['start']), at_utc(i['target'])
    end = at_utc(i['end']) if i['end'] else "timestamptz 'infinity'"
    year, month = int(i['start'][:4]), int(i['start'][5:7])
    length = i['period_months']
    anchor = at_utc(f"{year - 2}-01-{i['bcd']:02}")  # January has every day

    def billing_day(index):
        return f"billing.term_end({anchor}, {index}, 'month', 'UTC')"

    def days(since, until):
        return f"billing.days_between({since}, {until}, 'UTC')"

    here = 23 + month
    first = f"(CASE WHEN {billing_day(here)} >= {start} THEN {here} ELSE {here + length} END)"
    before, begin, over = billing_day(f'f - {length}'), billing_day('f'), billing_day(f'f + {length} * (k + 1)')
    at = billing_day(f'f + {length} * k')
    leading = share(1, days(start, f'least({begin}, {end})'), days(before, begin), 9)
    trailing = f"CASE WHEN {over} <= {end} THEN 1 ELSE {share(1, days(at, end), days(at, over), 9)} END"
    return {'cycles': f"(SELECT CASE WHEN {begin} > {start} THEN {leading} ELSE 0 END + coalesce((SELECT sum({trailing}) "
                      f"FROM generate_series(0, 40) k WHERE {at} <= {target} AND {at} < {end}), 0) FROM (SELECT {first} AS f) x)"}


def ratio(i, model):
    if i['fixed_days_in_month']:
        return {}
    since, until = at_utc(i['from']), at_utc(i['to'])
    # the term that begins at the one, or that ends at the other
    start, end = (since, f"billing.term_end({since}, 1, 'month', 'UTC')") if model.endswith('after_last') else \
        (f"({until} - interval '1 month')", f"billing.term_end({until} - interval '1 month', 1, 'month', 'UTC')")
    return {'ratio': share(1, f"billing.days_between({since}, {until}, 'UTC')", f"billing.days_between({start}, {end}, 'UTC')", i['scale'])}


PERIODS = {'MONTHLY': ('month', 1), 'THIRTY_DAYS': ('day', 30), 'WEEKLY': ('day', 7)}


def whole_count(i, _):
    unit, every = PERIODS[i['period']]
    return {'periods': f"(billing.term_of({at_utc(i['from'])}, {at_utc(i['to'])}, '{unit}', {every}, 'UTC')).n - 1"}


def advance(i, _):
    unit, every = PERIODS[i['period']]
    return {'date': shown(f"billing.term_end({at_utc(i['from'])}, {every * i['n']}, '{unit}', 'UTC')", form='YYYY-MM-DD')}


def wallclock_days(i, _):
    """Started days of wall time; an end at a local midnight starts one more."""
    zone, until = i['time_zone'], at_utc(i['to'])
    last = f"CASE WHEN billing.term_start({until}, 'day', '{zone}') = {until} THEN {until} ELSE {until} - interval '1 microsecond' END"
    return {'days': f"(billing.term_of({at_utc(i['from'])}, {last}, 'day', 1, '{zone}')).n"}


def exclusive_days(i, _):
    return {'days': f"billing.days_between('{i['from']} {i['time_zone']}', '{i['to']} {i['time_zone']}', '{i['time_zone']}')"}


def change(i, _):
    credit, charge = (share(f"{i[which + '_amount']} * {i[which + '_qty']}", i['remaining_days'], i['period_days'], i['scale'])
                      for which in ('old', 'new'))
    return {'credit': f'- {credit}', 'charge': charge, 'net': f'{charge} - {credit}'}


def change_items(i, _):
    return {'net': ' + '.join(share(f"{item['new']} - {item['old']}", i['remaining_days'], i['period_days'], i['scale'])
                              for item in i['items'])}


def change_dates(i, _):
    start, at = at_utc(i['period_start']), at_utc(i['change_at'])
    end = f"billing.term_end({start}, 1, '{i['old_interval']}', 'UTC')"
    rest, whole = f'extract(epoch FROM {end} - {at})', f'extract(epoch FROM {end} - {start})'
    same = i['old_interval'] == i['new_interval']  # else a new period starts at once
    return {'credit_minor': share(i['old_minor'], rest, whole, i['scale']),
            'charge_minor': share(i['new_minor'], rest if same else 1, whole if same else 1, i['scale'])}


def prorated_unique(i, _):
    scale = 10 ** i['result_scale']
    days = ' + '.join(i['days_active'])
    return {'value': f"ceil({share(scale, days, i['period_days'])}) / {scale}"}


MAPPED = {
    'recurrence_month': recurrence, 'month_grid': month_grid, 'prepaid_term': prepaid_term, 'package_validity': package_validity,
    'refund_window': refund_window, 'proration_upgrade': upgrade, 'proration_downgrade': downgrade, 'term_price': term_price,
    'included_days_then_linear': included_days, 'refund_days_over_30': refund_days, 'refund_days_over_30+upgrade': refund_days,
    'refund_time_ratio': refund_time, 'proration.in_advance_cycles': billing_cycles,
    'proration.ratio.after_last': lambda i, _: ratio(i, 'after_last'), 'proration.ratio.before_first': lambda i, _: ratio(i, 'before_first'),
    'period.whole_count': whole_count, 'period.advance': advance, 'day_count_wallclock': wallclock_days,
    'day_count_exclusive': exclusive_days, 'proration_change': change, 'proration_change_items': change_items,
    'proration_change_dates': change_dates, 'agg_prorated_unique': prorated_unique,
    'proration_days': lambda i, _: {'amount_minor': share(i['amount_minor'], i['billed_days'], i['period_days'], i['scale'])},
    'proration_ratio': lambda i, _: {'amount': share(i['amount'], f"least({i['service_days']}, {i['cap']} * {i['full_days']})",
                                                     i['full_days'], i['scale'])}}


def question(expression, value):
    """Whether it is that figure, and what was found."""
    if isinstance(value, list):
        wanted = 'y = ARRAY[' + ', '.join(f"'{part}'" for part in value) + ']'
    elif re.fullmatch(r'-?\d+(\.\d+)?', str(value)):
        wanted = f'y = {value}'
    else:
        wanted = f"y = '{value}'"
    return f"SELECT {wanted}, y FROM (SELECT {expression}) x(y);\n"


def ask(number, answers, expected):
    """What differs in a row, as text; empty if it is right."""
    wrong = []
    for key, value in expected.items():
        if key in LEFT_OUT.get(number, []):
            continue
        if key not in answers:
            wrong.append(f'{key}: no answer is mapped')
            continue
        answer = psql("SET TimeZone = 'UTC'; SET DateStyle = 'ISO';\n" + question(answers[key], value))
        if answer.stdout.split('\t')[0] != 't':
            wrong.append(f'{key}: expected {value}, found {answer.stdout.strip()}{answer.stderr.strip()}')
    return '; '.join(wrong)


def example(number, model, inputs, expected):
    """What differs in a worked example, as text, empty if it is right; None if it is no matter of terms.  For run_vectors.py."""
    try:
        answers = MAPPED[model](inputs, expected) if model in MAPPED else {}
    except KeyError:  # a row of a shape that this file has not seen
        answers = {}
    if answers and number in LEFT_OUT:
        print(f"{number}: {', '.join(LEFT_OUT[number])} left out, no days are counted for them")
    return ask(number, answers, expected) if answers else None


# ---- random terms ----------------------------------------------------------------------------------------------

def changes_of_clocks(zone):
    """Days, as instants, after which the clocks of a zone are set, from 1990 to 2060."""
    found, info, at = [], ZoneInfo(zone), datetime(1990, 1, 1, tzinfo=UTC)
    before = at.astimezone(info).utcoffset()
    while at.year < 2060:
        at += timedelta(days=1)
        offset = at.astimezone(info).utcoffset()
        if offset != before:
            found.append(at - timedelta(days=1))
        before = offset
    return found


def random_instant(rng, zone, changes):
    """Any, at the end of a month, or where clocks are set."""
    at = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=rng.randrange(70 * 365 * 86400 * 10 ** 6))
    choice = rng.random()
    if changes and choice < 0.4:
        # quarters of an hour, because clocks are set by them
        at = rng.choice(changes) + timedelta(minutes=15 * rng.randint(0, 192))
    elif choice < 0.7:
        wall = datetime(rng.randint(1990, 2059), rng.randint(1, 12), 28, rng.choice([0, 1, 2, 3, 12, 23]), rng.choice([0, 30, 59]))
        at = first_instant(wall + timedelta(days=rng.randint(0, 3)), zone)
    return at + timedelta(microseconds=rng.choice([0, 0, 0, 1, 999999]))


def random_case(rng, changes):
    """Arguments, and what the model says, as the columns of table term."""
    zone, rule, unit = rng.choice(ZONES), rng.choice(RULES), rng.choice(UNITS)
    target = random_instant(rng, zone, changes[zone])
    n = rng.choice([0, 1, 2, 12, rng.randint(0, 60)])
    every = rng.choice([1, 1, 1, 3, 12, 30])
    # so that the term ends where clocks are set: the anchor lies as many of its units before that
    back = {'hour': timedelta(hours=n), 'day': timedelta(days=n)}.get(unit)
    anchor = target
    if unit != 'year' and rng.random() < 0.6:
        wall = wall_time(target, zone)
        if back is None:
            first = months_later(wall.date().replace(day=1), -n, 'clamp')
            back = wall.date() - first.replace(day=min(wall.day, calendar.monthrange(first.year, first.month)[1]))
        anchor = first_instant(wall - back, zone)
    ends = Ends(anchor, unit, every, zone, rule)
    # near an end of a term, at one, or anywhere
    at = ends[rng.randint(0, 40)] + timedelta(microseconds=rng.choice([-1, 0, 0, 1, 10 ** 9, -10 ** 9, rng.randrange(10 ** 14)]))
    at = max(at, anchor)
    start_rule = rng.choice(['now', 'day', 'month'])
    return (anchor, n, unit, zone, rule, every, at, start_rule, term_end(anchor, n, unit, zone, rule), *ends.term_of(at),
            term_start(at, start_rule, zone), days_between(anchor, at, zone))


TERMS = """
SET TimeZone = 'UTC'; SET DateStyle = 'ISO';
DROP TABLE IF EXISTS term;
CREATE TABLE term (id integer, anchor timestamptz, n integer, unit text, zone text, rule text, every integer, at timestamptz, start_rule text,
	term_end timestamptz, of_n integer, of_start timestamptz, of_end timestamptz, starts timestamptz, days integer);
COPY term FROM STDIN;
"""

TERM_QUESTION = r"""\.
SELECT count(*) FROM term;
SELECT t.*, e, o, s, d FROM term t, LATERAL billing.term_end(anchor, n, unit, zone, rule) e, LATERAL billing.term_of(anchor, at, unit, every, zone, rule) o,
	LATERAL billing.term_start(at, start_rule, zone) s, LATERAL billing.days_between(anchor, at, zone) d
WHERE (e, o.n, o.term_start, o.term_end, s, d) IS DISTINCT FROM (t.term_end, of_n, of_start, of_end, starts, days) ORDER BY id LIMIT 5;
"""


def report(what, count, answer, seed):
    """Whether so many were compared and none printed as different."""
    lines = answer.stdout.splitlines()
    if answer.returncode or any(line != str(count) for line in lines) or not lines:
        print(f'terms, seed {seed}: {what} DIFFERENT (arguments, expected, found)')
        print('\n'.join(lines[:20]), answer.stderr)
        return False
    print(f'terms: {count} random {what}, seed {seed}: all equal')
    return True


def random_terms(seed, count, changes):
    rng = random.Random(f'terms {seed}')
    rows = []
    for number in range(count):
        values = [value.isoformat() if isinstance(value, datetime) else str(value) for value in random_case(rng, changes)]
        rows.append('\t'.join([str(number), *values]) + '\n')
    return report('terms', count, psql(TERMS + ''.join(rows) + TERM_QUESTION), seed)


# ---- random shares ---------------------------------------------------------------------------------------------

def random_number(rng, negative):
    number = rng.choice([Fraction(rng.randint(0, 10)), Fraction(rng.randint(0, 10 ** 7), 100), Fraction(rng.choice([28, 30, 31, 365, 2678400])),
                         Fraction(rng.randint(0, 10 ** 15), 10 ** rng.randint(0, 15)), Fraction(2 ** rng.randint(0, 130)), Fraction(5, 10 ** rng.randint(0, 50)),
                         Fraction(rng.randint(0, 10 ** 60), 10 ** rng.randint(0, 60)), Fraction(rng.randint(0, 10 ** 39))])
    return -number if negative and rng.random() < 0.3 else number


SHARES = """
CREATE OR REPLACE FUNCTION pg_temp.bridge(boolean, boolean) RETURNS void AS '$libdir/billing', 'billing_test_paths' LANGUAGE C;
CREATE OR REPLACE FUNCTION pg_temp.path(boolean) RETURNS void AS '$libdir/billing', 'billing_test_share_path' LANGUAGE C;
DROP TABLE IF EXISTS share;
CREATE TABLE share (id integer, amount numeric, part numeric, whole numeric, decimals integer, expected text);
COPY share FROM STDIN;
"""

SHARE_QUESTION = """\\o /dev/null
SELECT pg_temp.bridge({bridge}, true), pg_temp.path({bits});
\\o
SELECT count(*) FROM share;
SELECT *, billing.prorate(amount, part, whole, decimals) FROM share
WHERE billing.prorate(amount, part, whole, decimals)::text IS DISTINCT FROM expected ORDER BY id LIMIT 5;
"""


def random_shares(seed, count):
    rng = random.Random(f'shares {seed}')
    rows = []
    for number in range(count):
        amount, part, whole = random_number(rng, True), random_number(rng, False), random_number(rng, False) or Fraction(1)
        decimals = rng.choice([None, 0, 2, 2, 9, rng.randint(0, 60)])
        if decimals is not None and rng.random() < 0.2:
            # a half of the last decimal, to the digit
            amount = (rng.randint(-1000, 1000) + Fraction(1, 2)) / 10 ** decimals
            part = whole
        expected = prorate(amount, part, whole, decimals)
        rows.append('\t'.join([str(number), *map(decimal_text, (amount, part, whole)), r'\N' if decimals is None else str(decimals), expected]) + '\n')
    ways = [SHARE_QUESTION.format(bridge=bridge, bits=bits) for bridge, bits in ((True, True), (True, False), (False, True))]
    return report('shares on three paths', count, psql(SHARES + ''.join(rows) + '\\.\n' + ''.join(ways)), seed)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    try:
        changes = {zone: changes_of_clocks(zone) for zone in ZONES}
    except (KeyError, OSError) as missing:  # ZoneInfoNotFoundError is a KeyError
        print(f'Python finds no time zone data ({missing.args[-1]}); the package tzdata has it')
        return 77
    good = True
    for batch in range(10 if os.environ.get('BILLING_LONG') == '1' else 1):
        good = random_terms(seed + batch, 20000, changes) and good
        good = random_shares(seed + batch, 20000) and good
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
