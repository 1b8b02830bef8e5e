"""Random months of business, and an independent model of what billing has to make of them.

A World is made from a seed: accounts in several zones and currencies, prices by region, account and instant, some
of them inserted late or back-dated, and events that come early, late, twice, or before their account, meter or
price.  It is played in rounds: changes, then a settlement up to an instant.  The model knows the rules, not the
code: exact rationals, one event after the other, no database.
"""
import random
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from fractions import Fraction as F
from zoneinfo import ZoneInfo

UTC = timezone.utc
HOUR = timedelta(hours=1)
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Pacific/Chatham",
         "America/St_Johns", "Pacific/Auckland", "Europe/Berlin", "Asia/Kathmandu"]
CURRENCIES = {"USD": 2, "JPY": 0, "KWD": 3}
REGIONS = ["", "EU", "US", "AP"]
# what prices ask for: properties, weekdays (1 Monday), hours; None is any.  No two of one rank can meet one event.
ANY = (None, None, None)
CONDITIONS = [ANY, (("m", "a"), None, None), (("m", "b"), None, None), (None, (6, 7), None), (None, None, (22, 6)), (("m", "a"), (6, 7), None)]
LEVELS = {"level": "hour", "average": "period"}
WINDOWED = {"p95": "percentile", "p90": "percentile", "mean": "peak_mean", "top": "peak_mean", "unique": "unique", **dict.fromkeys(LEVELS, "time_weighted")}
# starts whose two months hold a change of clocks somewhere
STARTS = [(2019, 10), (2020, 3), (2020, 10), (2021, 2), (2021, 9), (2022, 3), (2023, 10), (2024, 2), (2025, 12)]


# --- time -----------------------------------------------------------------------------------------------------

def hour_of(at):
    return at.replace(minute=0, second=0, microsecond=0)


def period(counter, at, zone):
    """[start, end) of the counter period that holds an instant; the first of two equal wall times counts."""
    if counter == "hour":
        return hour_of(at), hour_of(at) + HOUR
    tz = ZoneInfo(zone)
    wall = at.astimezone(tz).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    if counter == "day":
        following = wall + timedelta(days=1)
    else:
        wall = wall.replace(day=1)
        following = (wall + timedelta(days=32)).replace(day=1)
    return tuple(w.replace(tzinfo=tz, fold=0).astimezone(UTC) for w in (wall, following))


def meets(condition, properties, at, zone):
    pair, weekdays, hours = condition
    wall = at.astimezone(ZoneInfo(zone))
    return ((pair is None or pair in properties) and (weekdays is None or wall.isoweekday() in weekdays)
            and (hours is None or wall.hour >= hours[0] or wall.hour < hours[1]))


def asks(condition):
    """How much a price asks for; the greater wins."""
    pair, weekdays, hours = condition
    return pair is not None, -(len(weekdays) if weekdays else 7), -((hours[1] - hours[0]) % 24 if hours else 24)


# --- prices ---------------------------------------------------------------------------------------------------

class Tariff:
    def __init__(self, rng):
        self.model = rng.choice(["graduated", "graduated", "volume"])
        self.per = rng.choice([1, 1, 1000])
        self.each = False
        bounds = sorted(rng.sample(range(1, 400), rng.randint(0, 3)))
        self.tiers = []  # upper, price, flat
        for upper in bounds + [None]:
            price = F(rng.randint(0, 9999), rng.choice([10, 1000, 10**5])) * (self.per if rng.random() < 0.5 else 1)
            flat = F(rng.randint(1, 500), 1000) if rng.random() < 0.15 else F(0)
            self.tiers.append((upper and F(upper) / rng.choice([1, 2, 4]), price, flat))
        # bounds that a divisor has put out of order are put in order again
        uppers = sorted({t[0] for t in self.tiers if t[0] is not None})
        self.tiers = [(u, p, f) for u, (_, p, f) in zip(uppers + [None], self.tiers)]

    def text(self):
        per = f" per {self.per}" if self.per != 1 else ""
        each = " each" if self.each else ""
        return f"{self.model}{per}{each}: " + ", ".join(
            (f"flat {number(f)} + " if f else "") + number(p) + (f" up to {number(u)}" if u is not None else " beyond")
            for u, p, f in self.tiers)

    def rate(self, quantity):
        if quantity == 0:
            return F(0)
        if self.model == "volume":
            for upper, price, flat in self.tiers:
                if upper is None or quantity <= upper:
                    return flat + quantity * price / self.per
        amount, lower = F(0), F(0)
        for upper, price, flat in self.tiers:
            if quantity > lower:
                part = (quantity if upper is None else min(quantity, upper)) - lower
                amount += flat + part * price / self.per
            lower = upper
        return amount


def number(value):
    """A rational with a finite decimal expansion, as a decimal."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    units = int(value * 10**digits)
    text = f"{abs(units):0{digits + 1}d}"
    return ("-" if units < 0 else "") + (text[:-digits] + "." + text[-digits:] if digits else text)


def rounded(amount, decimals):
    """Half away from zero."""
    units = abs(amount) * 10**decimals
    return F((units + F(1, 2)).__floor__(), 10**decimals) * (1 if amount >= 0 else -1)


def to_20(value):
    """As it is if it has a last decimal, else to 20 of them."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return value if rest == 1 else rounded(value, 20)


class Price:
    def __init__(self, rng, meter, region, currency, account, valid_from, tariff=None, counter=None, post=None, scope=None, condition=ANY):
        self.condition = condition
        self.meter, self.region, self.currency, self.account, self.valid_from = meter, region, currency, account, valid_from
        self.tariff = tariff or Tariff(rng)
        self.counter = counter or rng.choice(["hour", "day", "month", "month"])
        self.scope = scope or rng.choice(["account", "account", "account", "resource"])
        self.given_post = rng.choice([None, None, "cycle", "counter"]) if post is None else post
        self.carries = False
        self.group = ""                  # of its prices only the highest is charged
        self.number = 0                  # in the order in which prices are inserted

    def post(self, aggregation):
        if aggregation in WINDOWED.values() or self.group:
            return "counter"
        if self.given_post:
            return self.given_post
        if self.tariff.each:
            return "cycle"
        return "cycle" if self.tariff.model == "graduated" and aggregation in ("sum", "count") else "counter"


# --- a world --------------------------------------------------------------------------------------------------

class World:
    def __init__(self, seed, accounts, events):
        rng = self.rng = random.Random(seed)
        year, month = STARTS[seed % len(STARTS)]
        self.start = datetime(year, month, 1, tzinfo=UTC)
        self.span = timedelta(days=58)
        self.meters = {"requests": "count", "bytes": "sum", "storage": "sum", "peak": "max", "seats": "last", "later": "sum", **WINDOWED}
        self.accounts = {n: (rng.choice(ZONES), rng.choice(list(CURRENCIES))) for n in range(1, accounts + 1)}

        clocks = sorted(self.start + timedelta(minutes=rng.randint(60, int(self.span.total_seconds() // 60))) for _ in range(12))
        rounds = [c for i, c in enumerate(clocks) if i == 0 or hour_of(c) - hour_of(clocks[i - 1]) >= HOUR]
        # and on until every period is over and invoiced
        self.clocks = rounds + [self.start + self.span + timedelta(days=d) for d in (1, 35, 70)]
        rounds = len(self.clocks)

        self.opened = {n: (0 if rng.random() < 0.85 else rng.randint(1, rounds - 3)) for n in self.accounts}
        self.made = {m: (rng.randint(2, rounds - 3) if m == "later" else 0) for m in self.meters}
        self.prices = defaultdict(list)  # round -> prices inserted before it settles
        self.make_prices()
        self.events = defaultdict(list)  # round -> events
        for n, price in enumerate(p for r in range(rounds) for p in self.prices[r]):
            price.number = n
        self.make_events(events)
        self.money = defaultdict(list)   # round -> (call, account, amount), inserted behind its settlement
        for _ in range(accounts):
            n, r = rng.choice(list(self.accounts)), rng.randint(0, rounds - 3)
            if self.opened[n] <= r:
                decimals = CURRENCIES[self.accounts[n][1]]
                self.money[r].append((rng.choice(["top_up", "adjust", "adjust"]), n, F(rng.randint(1, 99999), 10**decimals)))

    def instant(self):
        return self.start + timedelta(microseconds=self.rng.randrange(int(self.span.total_seconds() * 10**6)))

    def make_prices(self):
        rng, rounds, taken = self.rng, len(self.clocks), set()

        def add(r, meter, region, currency, account, valid_from, like=None, condition=ANY):
            if meter in WINDOWED:  # their prices can not go back behind what is settled
                r = 0
                if account and self.opened[account]:
                    return None
            if (meter, region, currency, account, valid_from, condition) in taken:
                return None
            taken.add((meter, region, currency, account, valid_from, condition))
            own = {} if like is None else {"counter": like.counter, "scope": like.scope, "post": like.given_post, "condition": like.condition}
            if meter in LEVELS and "counter" not in own:
                own["counter"] = rng.choice(["day", "month", "month", "month"])
            price = Price(rng, meter, region, currency, account, valid_from, **{"condition": condition, **own})
            price.group = like.group if like else rng.choice(["", "", "", "", "g", "h"])
            if price.group and price.given_post == "cycle":
                price.given_post = None
            price.tariff.each = self.meters[meter] == "sum" and rng.random() < 0.15
            if meter in WINDOWED:
                price.given_post = None
            price.carries = self.meters[meter] in ("sum", "count") and not price.tariff.each and rng.random() < 0.4
            self.prices[max(r, self.made[meter], self.opened[account] if account else 0)].append(price)
            return price

        for meter in self.meters:
            for currency in CURRENCIES:
                for region in REGIONS:
                    if region and rng.random() < 0.6:
                        continue
                    # most have always been there, some come late, some begin in the middle
                    late = 0 if rng.random() < 0.85 else rng.randint(1, rounds - 3)
                    first = add(late, meter, region, currency, 0, None if rng.random() < 0.8 else self.instant())
                    for _ in range(rng.choice([0, 0, 1, 2])):
                        # a new price; with the counter of the old one it goes on in the same line.  Some are
                        # inserted when their instant is long past: they rate what was not rated yet
                        add(rng.choice([0, 0, rng.randint(1, rounds - 3)]), meter, region, currency, 0, self.instant(),
                            first if rng.random() < 0.7 else None)
                    if meter not in LEVELS and rng.random() < 0.4:  # and some for certain properties, days or hours
                        for condition in rng.sample(CONDITIONS[1:], rng.choice([1, 2, 3])):
                            like = add(rng.choice([0, 0, rng.randint(1, rounds - 3)]), meter, region, currency, 0,
                                       None if rng.random() < 0.6 else self.instant(), condition=condition)
                            if like and rng.random() < 0.3:
                                add(rng.choice([0, rng.randint(1, rounds - 3)]), meter, region, currency, 0, self.instant(), like, condition)
        for account, (_, currency) in self.accounts.items():
            if rng.random() < 0.3:
                add(rng.choice([0, rng.randint(1, rounds - 3)]), rng.choice(list(self.meters)), rng.choice(REGIONS), currency, account,
                    rng.choice([None, self.instant()]))

    def make_events(self, count):
        rng, rounds = self.rng, len(self.clocks)
        everyone = list(self.accounts)
        changes = [p.valid_from for prices in self.prices.values() for p in prices if p.valid_from]
        for key in range(count):
            at = self.instant()
            if rng.random() < 0.1:  # right at a bound of something
                zone = self.accounts[rng.choice(everyone)][0]
                edges = [*period(rng.choice(["hour", "day", "month"]), at, zone), *rng.sample(changes, min(2, len(changes)))]
                at = rng.choice(edges) - rng.choice([0, 1]) * timedelta(microseconds=1)
                at = min(max(at, self.start), self.start + self.span)
            in_time = next(r for r, clock in enumerate(self.clocks) if clock > at)
            how = rng.random()
            if how < 0.75:
                r = in_time
            elif how < 0.85:
                r = rng.randint(0, in_time)          # early
            else:
                r = min(in_time + rng.choice([1, 1, 2, 5]), rounds - 2)  # late
            quantity = F(rng.randint(0, 20000), rng.choice([1, 10, 1000])) if rng.random() < 0.9 else F(rng.choice([0, 1, 400]))
            # a few customers use much
            account = everyone[int(len(everyone) * rng.random() ** 2)]
            properties = rng.choice([(), (), (("m", "a"),), (("m", "b"),), (("m", "c"), ("x", "y"))])
            event = (account, rng.choice(list(self.meters)), rng.choice(REGIONS), rng.choice(["", "A", "B"]), at, f"{key:06d}", quantity, properties)
            self.events[r].append(event)
            if rng.random() < 0.05:  # it comes again, and again
                self.events[rng.randint(r, rounds - 1)].append(event)


# --- the rules ------------------------------------------------------------------------------------------------

class Model:
    """Plays a world.  Afterwards: positions, invoices, balances, unrated."""

    def __init__(self, world):
        self.world = world
        self.rated = []                  # (event, price, settled with the cycle that starts at)
        self.unrated = set()
        self.adjusted = defaultdict(list)
        self.paid = defaultdict(F)
        self.over = hour_of(world.clocks[-1])
        self.catalogue = [p for r in range(len(world.clocks)) for p in world.prices[r]]
        self.held = {}
        self.play()
        self.positions = self.make_positions()
        self.invoices, self.posted = self.make_invoices()
        self.balances = {a: self.paid[a] - self.posted[a] for a in world.accounts}

    def price_of(self, event, catalogue, r):
        account, meter, region, _, at, _, _, properties = event
        w = self.world
        if w.opened[account] > r or w.made[meter] > r:
            return None
        fits = [p for p in catalogue if p.meter == meter and p.currency == w.accounts[account][1] and p.region in (region, "")
                and p.account in (account, 0) and (p.valid_from is None or p.valid_from <= at)
                and meets(p.condition, properties, at, w.accounts[account][0])]
        oldest = datetime.min.replace(tzinfo=UTC)
        return max(fits, key=lambda p: (p.account != 0, p.region != "", asks(p.condition), p.valid_from or oldest), default=None)

    def play(self):
        w, catalogue, seen, waiting = self.world, [], set(), []
        watermark = w.start
        for r, clock in enumerate(w.clocks):
            changed = bool(w.prices[r]) or r in w.opened.values() or r in w.made.values()
            catalogue += w.prices[r]
            for event in w.events[r]:
                if event not in seen:
                    seen.add(event)
                    waiting.append((max(watermark, hour_of(event[4])), event))
            before, watermark = watermark, hour_of(clock)
            for event in list(self.unrated) if changed else []:
                price = self.price_of(event, catalogue, r)
                if price:
                    self.unrated.remove(event)
                    self.rated.append((event, price, before))
            later = []
            for cycle, event in waiting:
                if cycle >= watermark:
                    later.append((cycle, event))
                    continue
                price = self.price_of(event, catalogue, r)
                if price:
                    self.rated.append((event, price, cycle))
                else:
                    self.unrated.add(event)
            waiting = later
            for call, account, amount in w.money[r]:
                self.paid[account] += amount if call == "top_up" else 0
                if call == "adjust":
                    self.adjusted[account].append((watermark, -amount))
        assert not waiting

    def make_positions(self):
        """(account, line, period start, resource) -> what happened to it, in the order of cycles."""
        positions = defaultdict(list)
        for event, price, cycle in self.rated:
            account, meter, _, resource, at, _, _, _ = event
            zone, currency = self.world.accounts[account]
            post = price.post(self.world.meters[meter])
            start, end = period(price.counter, at, zone)
            line = (meter, price.region, currency, price.counter, post, price.scope, price.condition, price.group)
            positions[account, line, start, end, resource if price.scope == "resource" else ""].append((cycle, price, event))
        for account, meter in {(e[0], e[1]) for e, _, _ in self.rated if e[1] in LEVELS}:
            for cutoff in self.cutoffs(account):
                for key in self.levels(account, meter, cutoff):
                    positions.setdefault(key, [])
        return positions

    def cutoffs(self, account):
        """The instants at which invoices are made, and the end."""
        return [*(end for _, end in self.months(self.world.accounts[account][0]) if end <= self.over), self.over]

    def months(self, zone):
        at, ends = self.world.start - timedelta(days=2), []
        while not ends or ends[-1][1] < self.over:
            ends.append(period("month", at, zone))
            at = ends[-1][1]
        return ends

    def levels(self, account, meter, cutoff):
        """Positions of a meter whose levels hold, as told before an instant: price -> level times seconds."""
        if (account, meter, cutoff) in self.held:
            return self.held[account, meter, cutoff]
        zone, currency = self.world.accounts[account]
        series, found = defaultdict(dict), defaultdict(lambda: defaultdict(F))
        for event, _, cycle in sorted(self.rated, key=lambda r: r[0][5]):  # of one instant the greater key counts
            if event[:2] == (account, meter) and cycle < cutoff:
                series[event[2], event[3]][event[4]] = event
        for (region, resource), said in series.items():
            changes = sorted({p.valid_from for p in self.catalogue if p.meter == meter and p.valid_from})
            instants = sorted({*said, *(c for c in changes if c > min(said)), cutoff})
            for at, until in zip(instants, instants[1:]):
                if at < min(said):  # said for later than the cutoff, in its hour
                    continue
                event = said[max(t for t in said if t <= at)]
                price = self.price_of((account, meter, region, resource, at, *event[5:]), self.catalogue, len(self.world.clocks))
                while event[6] and at < until <= cutoff:
                    start, end = period(price.counter, at, zone)
                    line = (meter, price.region, currency, price.counter, price.post("time_weighted"), price.scope, price.condition, price.group)
                    seconds = (min(until, end) - at) // timedelta(microseconds=1)
                    found[account, line, start, end, resource if price.scope == "resource" else ""][price] += event[6] * F(seconds, 10**6)
                    at = min(until, end)
        self.held[account, meter, cutoff] = found
        return found

    def quantity(self, meter, events):
        how = self.world.meters[meter]
        if how == "count":
            return F(len(events))
        if how == "sum":
            return sum((e[6] for e in events), F(0))
        if how == "max":
            return max(e[6] for e in events)
        return max(events, key=lambda e: (e[4], e[5]))[6]

    def window(self, meter, events, zone, start, end):
        """What a meter says that is read when its period closes, and the share of its price that is due."""
        if meter == "unique":
            return F(len({e[3] for e in events})), 1
        samples, by_day = defaultdict(F), defaultdict(list)
        for e in events:
            samples[(e[4] - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(minutes=5)] += e[6]
        for n, value in samples.items():
            day = (datetime(2000, 1, 1, tzinfo=UTC) + n * timedelta(minutes=5)).astimezone(ZoneInfo(zone)).date()
            by_day[day].append(value)
        valid = [sorted(day, reverse=True) for day in by_day.values() if max(day) > (400 if meter == "p90" else 0)]
        if meter in ("mean", "top"):
            # "top": the second highest of a day, of the three days that have the highest
            peaks = [day[0] for day in valid] if meter == "mean" else sorted((day[1] if len(day) > 1 else F(0) for day in valid), reverse=True)[:3]
            return (to_20(sum(peaks, F(0)) / len(peaks)) if peaks else F(0)), 1
        percent = 95 if meter == "p95" else 90
        value = sorted(samples.values(), reverse=True)[len(samples) * (100 - percent) // 100]
        if meter == "p95":
            return value, 1
        days = end.astimezone(ZoneInfo(zone)).date() - start.astimezone(ZoneInfo(zone)).date()
        return value, F(len(valid), max(days.days, 1))

    def exact(self, account, meter, start, end, parts):
        """parts: (price, event) of one position."""
        by_price, amount = defaultdict(list), F(0)
        for price, event in parts:
            by_price[price].append(event)
        before, oldest = None, datetime.min.replace(tzinfo=UTC)
        for price, events in sorted(by_price.items(), key=lambda item: (item[0].valid_from or oldest, item[0].number)):
            # one that carries goes on from what those before it have counted, back to the last that did not
            if not price.carries:
                before = None
            if price.carries and before is not None:
                amount += price.tariff.rate(before + self.quantity(meter, events)) - price.tariff.rate(before)
            elif price.tariff.each:
                amount += sum((price.tariff.rate(e[6]) for e in events), F(0))
            elif meter in WINDOWED:
                value, share = self.window(meter, events, self.world.accounts[account][0], start, end)
                amount += to_20(price.tariff.rate(value) * share)
            else:
                amount += price.tariff.rate(self.quantity(meter, events))
            if self.world.meters[meter] in ("sum", "count"):
                before = (before or F(0)) + self.quantity(meter, events)
        return amount

    def worth(self, key, cutoff):
        """Exact amount of a position by what was settled before an instant."""
        account, line, start, end, _ = key
        if line[0] in LEVELS:
            length = F((end - start) // timedelta(seconds=1)) if LEVELS[line[0]] == "period" else F(3600)
            return sum((price.tariff.rate(rounded(sums / length, 20)) for price, sums in self.levels(account, line[0], cutoff)[key].items()), F(0)) \
                if key in self.levels(account, line[0], cutoff) else F(0)
        parts = [(p, e) for cycle, p, e in self.positions[key] if cycle < cutoff]
        return self.exact(account, line[0], start, end, parts) if parts else F(0)

    def make_invoices(self):
        w, over = self.world, self.over
        totals, posted = defaultdict(F), defaultdict(F)
        months = {zone: self.months(zone) for zone in ZONES}
        first_price = {}
        for n, price in enumerate(self.catalogue):
            first_price.setdefault((price.meter, price.region, price.currency, price.counter, price.post(w.meters[price.meter]), price.scope, price.condition, price.group), n)

        def now(key, cutoff):
            """What is posted of a position at an instant; of a group only the highest, of equal ones the first."""
            account, line, start, end, resource = key
            if line[4] == "counter" and end > cutoff:
                return F(0)
            exact = self.worth(key, cutoff)
            if line[7]:
                others = [(-self.worth(k, cutoff), first_price[k[1]]) for k in groups[account, line[7], start, end, resource]]
                if min(others) != (-exact, first_price[line]):
                    return F(0)
            return rounded(exact, CURRENCIES[w.accounts[account][1]])

        groups = defaultdict(list)
        for key in self.positions:
            if key[1][7]:
                groups[key[0], key[1][7], key[2], key[3], key[4]].append(key)
        for key in self.positions:
            account, line, start, end, _ = key
            zone = w.accounts[account][0]
            first = self.first_month(account)
            before = F(0)
            for month_start, month_end in months[zone]:
                # the month of the usage, or the first that was open to it
                if month_start < max(first, period("month", start, zone)[0]):
                    continue
                due = month_end <= over
                amount = now(key, month_end if due else over)
                if due:
                    totals[account, month_start] += amount - before
                before = amount
            posted[account] += before
        for account, changes in self.adjusted.items():
            zone = w.accounts[account][0]
            for at, amount in changes:
                posted[account] += amount
                start, end = period("month", at, zone)
                if end <= over:
                    totals[account, max(start, self.first_month(account))] += amount
        return {k: v for k, v in totals.items() if v}, posted

    def first_month(self, account):
        """The month in which the account was opened, by the clock of billing."""
        w, r = self.world, self.world.opened[account]
        return period("month", w.start if r == 0 else hour_of(w.clocks[r - 1]), w.accounts[account][0])[0]
