#!/usr/bin/env python3
"""Prices random tariffs a second time, with exact fractions, and compares every figure with billing.rate().

    python3 test/model/tariff_model.py --host SOCKETDIR --port P --dbname DB --cases 20000 --seed 1

What is compared, for every case (a tariff and a quantity) and on every path through the C code:
  - rate(tariff, quantity), rate(tariff, quantity, decimals), rate_between(tariff, already, added)
  - every column of every row of rate_lines(tariff, quantity)
  - the sum of rate_between() over a random split of the quantity; with "each", that it is refused
  - rate_sum() over the parts of that split, and so the price of a tariff with "each"
  - that a quantity beyond a hard last tier is refused
  - for some of them, quantity_for(tariff, amount, decimals)
  - the tariff after a round trip through text, JSON and the binary form
Prints one line, and exits 1 with the first case that differs.  Needs psql, and no other package.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
from bisect import bisect_left, bisect_right
from fractions import Fraction

# The ways through the C code: numeric read directly or as text, and 128 bits or unlimited.
PATHS = [(True, True), (False, True), (True, False)]
BATCH = 20000


def decimal_text(number):
    """The shortest decimal of a fraction whose denominator is made of twos and fives."""
    scale, denominator = 0, number.denominator
    while denominator % 10 == 0:
        denominator //= 10
        scale += 1
    while denominator % 2 == 0 or denominator % 5 == 0:
        denominator = denominator // 2 if denominator % 2 == 0 else denominator // 5
        scale += 1
    assert denominator == 1, number
    digits = str(abs(number.numerator) * 10 ** scale // number.denominator).rjust(scale + 1, '0')
    text = digits[:len(digits) - scale]
    if scale:
        fraction = digits[len(digits) - scale:].rstrip('0')
        text += '.' + fraction if fraction else ''
    return '-' + text if number < 0 else text


def rounded_text(number, decimals):
    """Rounded half away from zero, with all its decimals."""
    shifted = abs(number) * 10 ** decimals
    whole = (2 * shifted.numerator + shifted.denominator) // (2 * shifted.denominator)
    digits = str(whole).rjust(decimals + 1, '0')
    text = digits[:len(digits) - decimals] + ('.' + digits[-decimals:] if decimals else '')
    return '-' + text if number < 0 and whole else text


def rounded(number, digits, how):
    """A number that is not negative, rounded as a tariff says it."""
    whole, rest = divmod(number * 10 ** digits, 1)
    up = {'half up': rest * 2 >= 1, 'half even': rest * 2 > 1 or (rest * 2 == 1 and whole % 2 == 1),
          'up': rest > 0, 'down': False}[how]
    return Fraction(whole + up, 10 ** digits)


class Tariff:
    """A tariff as docs/reference.md describes it: tiers are (bound or None, price, per, flat, block or None);
    first is the block to which the quantity is rounded before the tiers, which then have none."""

    def __init__(self, model, per, tiers, free=Fraction(0), threshold=False, lower=False, zero_flat=False,
                 down=False, least=Fraction(0), most=None, digits=None, how='half up', first=None, each=False):
        self.model, self.per, self.tiers = model, per, tiers
        self.free, self.threshold, self.lower, self.zero_flat = free, threshold, lower, zero_flat
        self.down, self.least, self.most, self.digits, self.how = down, least, most, digits, how
        self.first, self.each = first, each
        # a block is forgotten where no tier has a price and no started block reaches over a bound
        if first and not down and not any(tier[1] for tier in tiers) and not (lower and len(tiers) > 1) and \
                all(tier[0] is None or (tier[0] / first).denominator == 1 for tier in tiers):
            self.first = None
        blocks = [tier[4] for tier in tiers if tier[1]]
        # a tier without a price shows the block that stands for the whole tariff, if there is one
        self.common_block = blocks[0] if blocks and None not in blocks else None

    def text(self, quantity_text):
        """One of the ways to write it; quantity_text decides how quantities look."""
        head = f'{self.model} per {quantity_text(self.per)}'
        if self.free:
            head += ' free ' + quantity_text(self.free) + (' threshold' if self.threshold else '')
        blocks = [tier[4] for tier in self.tiers]
        common = None if None in blocks else blocks[0]
        head += ' each' if self.each else ''
        head += ' block ' + quantity_text(common) if common else ''
        head += ' block ' + quantity_text(self.first) + ' first' if self.first else ''
        head += (' round down' if self.down else '') + (' bounds lower' if self.lower else '')
        head += ' zero flat' if self.zero_flat else ''
        head += f' max {decimal_text(self.most)}' if self.most is not None else ''
        head += f' min {decimal_text(self.least)}' if self.least else ''
        head += f' digits {self.digits} {self.how}' if self.digits is not None else ''
        parts = []
        for bound, price, per, flat, block in self.tiers:
            part = f'flat {decimal_text(flat)} + ' if flat else ''
            part += decimal_text(price * 100) + '%' if price.numerator % 3 == 1 else decimal_text(price)
            if per != self.per:
                part += ' per ' + quantity_text(per)
            if block != common:
                part += ' block ' + quantity_text(block)
            part += ' beyond' if bound is None else ' up to ' + quantity_text(bound)
            parts.append(part)
        return head + ': ' + ', '.join(parts)

    def billed(self, quantity):
        """What is left of a quantity once the free part is off, in whole blocks if they come first."""
        if quantity <= self.free:
            return Fraction(0)
        rest = quantity if self.threshold else quantity - self.free
        return self.whole(rest, self.first) if self.first else rest

    def whole(self, quantity, block):
        return (quantity // block if self.down else -(-quantity // block)) * block

    def refuses(self, quantity):
        return self.tiers[-1][0] is not None and self.billed(quantity) > self.tiers[-1][0]

    def lines(self, quantity):
        """Rows of rate_lines: tier, lower, upper, quantity, price, per, flat, amount."""
        result, lower, billed = [], Fraction(0), self.billed(quantity)
        zero_flat = self.zero_flat and (self.tiers[0][3] > 0 or self.least > 0)
        for number, (bound, price, per, flat, block) in enumerate(self.tiers, 1):
            at_start = zero_flat if number == 1 else self.lower
            if billed < lower or (billed == lower and not at_start):
                break
            part = billed if self.model == 'volume' else min(billed, bound or billed) - lower
            block = block if price else self.common_block
            if block:
                part = self.whole(part, block)
            amount = flat + part * price / per
            result.append((number, lower, bound, part, price, self.shown_per(price, per), flat, amount))
            lower = bound
            if bound is None:
                break
        result = result[-1:] if self.model == 'volume' else result
        tiers = sum((line[-1] for line in result), Fraction(0))
        if result and self.limited(tiers) != tiers:
            result.append((0, None, None, Fraction(0), None, None, None, self.limited(tiers) - tiers))
        return result

    def limited(self, amount):
        """What minimum, maximum and digits make of the sum of all tiers."""
        amount = max(amount, self.least)
        amount = amount if self.most is None else min(amount, self.most)
        return amount if self.digits is None else rounded(amount, self.digits, self.how)

    def quantity_for(self, amount, decimals):
        """The largest multiple of 10^-decimals that costs no more; None if there is no limit."""
        grid = 10 ** decimals
        for number in range(len(self.tiers), 0, -1):
            # the points of the grid that belong to a tier
            bound, price = self.tiers[number - 1][:2]
            first = self.first_point(number, grid)
            if bound is not None:
                last = self.first_point(number + 1, grid) - 1
            elif self.rate(Fraction(first, grid)) <= amount and (
                    not price or (self.most is not None and self.limited(self.most) <= amount)):
                return None
            else:
                last = first
                while self.rate(Fraction(last, grid)) <= amount:
                    last = last * 16 + grid
            if first > last or self.rate(Fraction(first, grid)) > amount:
                continue
            while first < last:
                middle = (first + last + 1) // 2
                if self.rate(Fraction(middle, grid)) <= amount:
                    first = middle
                else:
                    last = middle - 1
            return Fraction(first, grid)
        free = Fraction(self.first_point(1, grid) - 1, grid)
        return free if self.rate(Fraction(0)) <= amount else Fraction(0)

    def reached(self, quantity):
        """The number of the tier that a quantity reaches: 0 if nothing is billed, one too many beyond a hard end."""
        billed, bounds = self.billed(quantity), [tier[0] for tier in self.tiers if tier[0] is not None]
        if billed == 0:
            return 0
        hard = bounds.pop() if len(bounds) == len(self.tiers) else None
        passed = (bisect_right if self.lower else bisect_left)(bounds, billed)
        return passed + 1 + (hard is not None and billed > hard)

    def first_point(self, number, grid):
        """The first point of the grid that reaches a tier, found by asking."""
        low, high = 0, grid
        while self.reached(Fraction(high, grid)) < number:
            low, high = high, high * 16
        while low < high:
            middle = (low + high) // 2
            if self.reached(Fraction(middle, grid)) < number:
                low = middle + 1
            else:
                high = middle
        return low

    def shown_per(self, price, per):
        """A tier without a price shows the tariff's canonical per: that of the first tier with one."""
        if price:
            return per
        priced = [tier[2] for tier in self.tiers if tier[1]]
        return priced[0] if priced else Fraction(1)

    def rate(self, quantity):
        return sum((line[-1] for line in self.lines(quantity)), Fraction(0))


def random_decimal(rng, digits, scale):
    """A decimal of up to so many digits, up to `scale` of them behind the point."""
    return Fraction(rng.randrange(10 ** rng.randint(1, digits)), 10 ** rng.randint(0, scale))


def random_per(rng):
    return Fraction(rng.choice([1, 1, 1, 10, 1000, 10 ** 6, 10 ** 9, 10 ** 12, 1024, 2 ** 30, 2 ** 40, 64,
                                Fraction(1, 2), Fraction(1, 1000), 3600, 7, 60]))


def random_price(rng, per):
    price = Fraction(0) if rng.random() < 0.08 else random_decimal(rng, rng.choice([2, 4, 6, 12]), rng.choice([0, 4, 8, 20]))
    # what is not a power of two or ten must cancel
    for factor, count in ((3600, 9), (60, 3), (7, 7)):
        if per == factor:
            price *= count
    return price


def random_block(rng, size):
    return Fraction(rng.choice([1, 1, 3, 7, 10, 100, 60, 1024, Fraction(1, 2), Fraction(1, 1000), size, 3 * size]))


def random_limits(rng, tiers):
    """Minimum, maximum and digits, near what the first tier costs."""
    bound, price, per, flat, _ = tiers[0]
    about = flat + (bound or 100) * price / per
    about = Fraction(int(about * 1000) % 10 ** 20, 1000)
    knobs = {}
    if rng.random() < 0.5:
        knobs['least'] = about * rng.choice([0, 1, Fraction(1, 2)])
    if rng.random() < 0.5:
        knobs['most'] = max(about * rng.choice([1, 2, Fraction(1, 2)]), knobs.get('least', 0), Fraction(1, 1000))
    if rng.random() < 0.6:
        knobs['digits'] = rng.choice([0, 1, 2, 2, 3, 8, 30])
        knobs['how'] = rng.choice(['half up', 'half even', 'up', 'down'])
    return knobs


def random_tariff(rng):
    model = rng.choice(['graduated', 'graduated', 'volume'])
    count = rng.choice([1, 1, 2, 3, 4, 5, 5, 8, 9, 12, 50])
    size = rng.choice([1, 10, 1000, 10 ** 6, 10 ** 12, 10 ** 25])
    fraction = rng.choice([0, 0, 0, 1, 3, 3 if size > 10 ** 12 else 12])
    bounds, bound = [], Fraction(0)
    for _ in range(count):
        bound += Fraction(rng.randint(1, 20) * size * 10 ** fraction + (rng.randrange(10 ** fraction) if fraction else 0),
                          10 ** fraction)
        bounds.append(bound)
    if rng.random() < 0.8:
        bounds[-1] = None
    pers = [random_per(rng)] * count
    if rng.random() < 0.2:
        pers = [rng.choice([pers[0], random_per(rng)]) for _ in range(count)]
    flats = rng.random() < 0.3
    knobs = {'lower': rng.random() < 0.2, 'zero_flat': rng.random() < 0.2}
    if rng.random() < 0.2:
        knobs['free'] = Fraction(rng.randint(1, 3 * size * 10 ** fraction), 10 ** fraction)
        knobs['threshold'] = rng.random() < 0.5
    blocks = [None] * count
    knobs['each'] = rng.random() < 0.15
    if rng.random() < 0.15:
        knobs['first'] = random_block(rng, size) * rng.choice([1, 1, 1, 2, 5])
        knobs['down'] = rng.random() < 0.4
    elif rng.random() < 0.3:
        block = random_block(rng, size)
        blocks = rng.choice([[block] * count, [rng.choice([None, block]) for _ in range(count)],
                             [random_block(rng, size) for _ in range(count)]])
        knobs['down'] = rng.random() < 0.4
    tiers = []
    for bound, per, block in zip(bounds, pers, blocks):
        flat = random_decimal(rng, 6, 4) if flats and rng.random() < 0.7 else Fraction(0)
        price = random_price(rng, per)
        if block and rng.random() < 0.5:
            per = block
        tiers.append((bound, price, per, flat, block))
    if rng.random() < 0.3:
        knobs.update(random_limits(rng, tiers))
    return Tariff(model, rng.choice(pers), tiers, **knobs)


def random_quantities(rng, tariff, count):
    """Zero, what is just around every bound, long fractions, huge and tiny numbers, the edge of 128 bits."""
    bounds = [tier[0] for tier in tariff.tiers if tier[0] is not None]
    if tariff.free:
        bounds = [tariff.free] + [bound + tariff.free for bound in bounds] + bounds
    found = [Fraction(0)]
    for bound in rng.sample(bounds, min(len(bounds), max(1, count // 4))):
        for unit in (Fraction(0), Fraction(1), Fraction(1, 1000), Fraction(1, 10 ** 20)):
            found += [bound - unit, bound + unit]
    top = bounds[-1] if bounds else Fraction(1000)
    found += [Fraction(10) ** 30, Fraction(10) ** 50 + Fraction(1, 10 ** 30), Fraction(1, 10 ** 20),
              Fraction(1, 10 ** 120), Fraction(rng.randrange(10 ** 20), 10 ** 20)]
    # just around whole blocks of a tier
    for (bound, _, _, _, block), before in zip(tariff.tiers, [(Fraction(0),)] + tariff.tiers):
        if block:
            edge = tariff.free + before[0] + block * rng.randint(1, 9)
            found += [edge, edge + Fraction(1, 1000), edge - Fraction(1, 10 ** 20)]
    # and where the blocks that come first meet a bound
    for bound in [Fraction(0)] + rng.sample(bounds, min(len(bounds), 3)):
        if tariff.first:
            edge = (0 if tariff.threshold else tariff.free) + bound // tariff.first * tariff.first
            found += [edge + tariff.first * step + shift for step in (0, 1)
                      for shift in (Fraction(0), Fraction(1, 1000), -Fraction(1, 10 ** 20))]
    # amounts on both sides of what 128 bits hold
    for _, price, per, _, block in tariff.tiers:
        digits = int(decimal_text(price * (block or 1) / per).replace('.', ''))
        if digits:
            found.append(Fraction(rng.randrange(2 ** 126, 2 ** 129) // digits))
    for _ in range(count):
        found.append(Fraction(rng.randrange(int(top * 2 * 1000) + 1), 1000))
        found.append(Fraction(rng.randrange(int(top * 2) + 1)))
        found.append(Fraction(rng.randrange(int(top * 2 * 10 ** 20) + 1), 10 ** 20))
    return [q for q in rng.sample(found, min(count, len(found))) if q >= 0]


def quantity_writer(rng):
    """Writes quantities with prefixes and unit letters, in any way that means the same."""
    prefixes = [(10 ** 12, 'T'), (10 ** 9, 'G'), (10 ** 6, 'M'), (1000, 'k'), (1000, 'K'),
                (2 ** 40, 'Ti'), (2 ** 30, 'Gi'), (2 ** 20, 'Mi'), (1024, 'Ki')]

    def write(quantity):
        unit = rng.choice(['', '', 'B', ' B', ' bps'])
        factor, prefix = rng.choice(prefixes)
        scaled = quantity / factor
        if rng.random() < 0.5 and scaled.denominator < 10 ** 4 and 10 ** 4 % scaled.denominator == 0:
            return decimal_text(scaled) + rng.choice(['', ' ']) + prefix + unit.strip()
        return decimal_text(quantity) + unit
    return write


def split(rng, quantity):
    """Cuts a quantity into parts; returns (already, added) pairs that add up to it."""
    cuts = sorted({Fraction(rng.randint(0, 1000), 1000) * quantity for _ in range(rng.randint(1, 4))})
    edges = [Fraction(0)] + cuts + [quantity]
    return [(low, high - low) for low, high in zip(edges, edges[1:])]


def make_cases(rng, wanted):
    """Yields (tariff, text, quantities)."""
    made = 0
    while made < wanted:
        tariff = random_tariff(rng)
        # where "first" changes nothing, the block is the tiers'
        if any(price and too_wide(price * block / per) for _, price, per, _, own in tariff.tiers
               for block in ([own or 1] if not tariff.first else [1, tariff.first])):
            continue
        quantities = random_quantities(rng, tariff, min(10, wanted - made))
        made += len(quantities)
        yield tariff, tariff.text(quantity_writer(rng)), quantities


def too_wide(number):
    """Whether a number takes more than 38 digits, or is no decimal: the type refuses such unit prices."""
    rest = number.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return rest != 1 or len(decimal_text(number).replace('.', '').lstrip('0')) > 38


def lines_text(lines):
    return ';'.join('|'.join(str(value) if isinstance(value, int) else '' if value is None else decimal_text(value)
                             for value in line) for line in lines)


def tables(rng, wanted):
    """The rows to load: tariffs, cases with their expected figures, split parts, refusals, wishes."""
    tariffs, cases, parts, refusals, wishes = [], [], [], [], []
    for number, (tariff, text, quantities) in enumerate(make_cases(rng, wanted)):
        tariffs.append((number, text))
        for quantity in quantities:
            case = len(cases) + len(refusals)
            if tariff.refuses(quantity):
                refusals.append((case, number, decimal_text(quantity)))
                continue
            rate = tariff.rate(quantity)
            already = quantity * Fraction(rng.randint(0, 100), 100)
            parts_sum = rate - tariff.rate(Fraction(0))
            pieces = split(rng, quantity)
            events_sum = sum((tariff.rate(added) for _, added in pieces), Fraction(0))
            between = 'refused' if tariff.each else decimal_text(rate - tariff.rate(already))
            decimals = rng.choice([0, 2, 3, 8, 40])
            cases.append((case, number, decimal_text(quantity), decimal_text(rate), decimals,
                          rounded_text(rate, decimals), decimal_text(already), decimal_text(quantity - already),
                          between, lines_text(tariff.lines(quantity)), decimal_text(parts_sum),
                          decimal_text(events_sum), tariff.each))
            parts += [(case, decimal_text(low), decimal_text(added)) for low, added in pieces]
            if len(cases) % 30 == 0 and len(tariff.tiers) < 20:
                amount = rate * rng.choice([1, 1, 2]) + rng.choice([0, 0, 1, Fraction(1, 100)])
                fewer = rng.choice([0, 2, 12])
                most = tariff.quantity_for(amount, fewer)
                wishes.append((case, number, decimal_text(amount), fewer, '\\N' if most is None else decimal_text(most)))
    return tariffs, cases, parts, refusals, wishes


SETUP = """
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.paths(bool, bool) RETURNS void AS '$libdir/billing', 'billing_test_paths' LANGUAGE C;
CREATE FUNCTION pg_temp.state_of(t billing.tariff, q numeric) RETURNS text LANGUAGE plpgsql AS
$$BEGIN RETURN billing.rate(t, q)::text; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END$$;
CREATE FUNCTION pg_temp.between_of(t billing.tariff, a numeric, b numeric) RETURNS text LANGUAGE plpgsql AS
$$BEGIN RETURN billing.rate_between(t, a, b)::text; EXCEPTION WHEN invalid_parameter_value THEN RETURN 'refused'; END$$;
CREATE TEMP TABLE tariff_text (number int, text text);
CREATE TEMP TABLE tariff_case (id int, number int, quantity numeric, rate text, decimals int, rounded text,
                               already numeric, added numeric, between_rate text, lines text,
                               parts_sum text, events_sum text, each bool);
CREATE TEMP TABLE tariff_part (id int, already numeric, added numeric);
CREATE TEMP TABLE tariff_refusal (id int, number int, quantity numeric);
CREATE TEMP TABLE tariff_wish (id int, number int, amount numeric, decimals int, quantity text);
"""

# each gives rows (what, case or tariff, tariff, quantity, expected, found)
CHECKS = """
CREATE TEMP VIEW difference AS
SELECT 'rate' AS what, id, tariff::text, quantity, rate AS expected, billing.rate(tariff, quantity)::text AS found
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'rate rounded', id, tariff::text, quantity, rounded, billing.rate(tariff, quantity, decimals)::text
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'rate_between ' || already || ' ' || added, id, tariff::text, quantity, between_rate,
       CASE WHEN each THEN pg_temp.between_of(tariff, already, added)
       ELSE billing.rate_between(tariff, already, added)::text END
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'each', id, tariff::text, quantity, each::text, billing.tariff_each(tariff)::text
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'rate_between back', id, tariff::text, quantity, trim_scale(-between_rate::numeric)::text,
       billing.rate_between(tariff, quantity, -added)::text
FROM tariff_case JOIN tariff USING (number) WHERE NOT each
UNION ALL SELECT 'rate_lines', id, tariff::text, quantity, lines,
       coalesce((SELECT string_agg(array_to_string(ARRAY[l.tier, l.lower, l.upper, l.quantity, l.price, l.per, l.flat,
                                                   l.amount], '|', ''), ';' ORDER BY nullif(l.tier, 0))
                 FROM billing.rate_lines(tariff, quantity) l), '')
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'sum of parts', id, tariff::text, quantity, parts_sum,
       (SELECT trim_scale(sum(billing.rate_between(tariff, p.already, p.added)))::text
        FROM tariff_part p WHERE p.id = tariff_case.id)
FROM tariff_case JOIN tariff USING (number) WHERE NOT each
UNION ALL SELECT 'rate_sum of parts', id, tariff::text, quantity, events_sum,
       (SELECT billing.rate_sum(tariff, p.added)::text FROM tariff_part p WHERE p.id = tariff_case.id)
FROM tariff_case JOIN tariff USING (number)
UNION ALL SELECT 'refusal', id, tariff::text, quantity, 'UBT01', pg_temp.state_of(tariff, quantity)
FROM tariff_refusal JOIN tariff USING (number)
UNION ALL SELECT 'quantity_for ' || decimals, id, tariff::text, amount, quantity,
       billing.quantity_for(tariff, amount, decimals)::text
FROM tariff_wish JOIN tariff USING (number);
CREATE INDEX ON tariff_part (id);
ANALYZE tariff_part, tariff_case;
"""

ROUND_TRIPS = """
CREATE TEMP TABLE tariff_back (number int, tariff billing.tariff);
\\copy tariff (number, tariff) TO '{file}' (FORMAT binary)
\\copy tariff_back (number, tariff) FROM '{file}' (FORMAT binary)
SELECT 'round trip', number, sent.tariff::text, 'text, JSON, binary',
       concat_ws(' / ', sent.tariff::text::billing.tariff, sent.tariff::jsonb::billing.tariff, back.tariff)
FROM tariff sent JOIN tariff_back back USING (number)
WHERE NOT (sent.tariff::text::billing.tariff OPERATOR(billing.=) sent.tariff
       AND sent.tariff::text::billing.tariff::text = sent.tariff::text
       AND sent.tariff::jsonb::billing.tariff OPERATOR(billing.=) sent.tariff
       AND back.tariff OPERATOR(billing.=) sent.tariff
       AND billing.tariff_send(back.tariff) = billing.tariff_send(sent.tariff)
       AND back.tariff::text = sent.tariff::text)
ORDER BY number LIMIT 1;
"""


def script(rows, scratch):
    tariffs, cases, parts, refusals, wishes = rows
    yield SETUP
    for table, content in (('tariff_text', tariffs), ('tariff_case', cases), ('tariff_part', parts),
                           ('tariff_refusal', refusals), ('tariff_wish', wishes)):
        yield f'COPY {table} FROM STDIN;\n'
        for row in content:
            yield '\t'.join(map(str, row)) + '\n'
        yield '\\.\n'
    yield 'CREATE TEMP TABLE tariff AS SELECT number, text::billing.tariff AS tariff FROM tariff_text;\n'
    yield 'ANALYZE tariff;\n' + CHECKS
    for bridge, rate in PATHS:
        yield '\\o /dev/null\n' f'SELECT pg_temp.paths({bridge}, {rate});\n' '\\o\n'
        yield (f"SELECT 'bridge {bridge}, 128 bits {rate}', * FROM difference "
               "WHERE found IS DISTINCT FROM expected ORDER BY id, what LIMIT 1;\n")
    yield ROUND_TRIPS.format(file=scratch)


def compare(psql, seed, cases):
    """Runs one batch; returns its rows, or None after printing what differs."""
    rows = tables(random.Random(seed), cases)
    with tempfile.TemporaryDirectory() as folder:
        text = ''.join(script(rows, os.path.join(folder, 'tariffs')))
        answer = subprocess.run(psql, input=text, capture_output=True, text=True, check=False)
    if answer.returncode == 0 and not answer.stdout.strip():
        return rows
    print(f'tariff model, seed {seed}: DIFFERENT (path, what, case, tariff, quantity, expected, found)')
    print(answer.stdout + answer.stderr)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--host')
    parser.add_argument('--port')
    parser.add_argument('--dbname')
    parser.add_argument('--username')
    parser.add_argument('--cases', type=int, default=20000)
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()

    command = ['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-']
    for name in ('host', 'port', 'dbname', 'username'):
        if getattr(options, name):
            command.append(f'--{name}={getattr(options, name)}')
    cases = refusals = tariffs = 0
    # in batches, so that memory does not grow with the number of cases
    for batch, start in enumerate(range(0, options.cases, BATCH)):
        rows = compare(command, options.seed + batch, min(BATCH, options.cases - start))
        if rows is None:
            return 1
        tariffs, cases, refusals = tariffs + len(rows[0]), cases + len(rows[1]), refusals + len(rows[3])
    print(f'tariff model: {cases} cases, {refusals} refusals, {tariffs} tariffs, {len(PATHS)} paths, '
          f'seed {options.seed}: all equal')
    return 0


if __name__ == '__main__':
    sys.exit(main())
