"""Random years of prepaid business: a catalogue, and streams of calls and usage for many accounts, made from a seed.

Each account's stream hangs on the seed and its own number alone, so that one account can be played again by itself.
"""
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction as F

from prepaid_model import DAY, HOUR, Catalogue, Offer, Price, Row, Tariff, hour_of, rounded, term_end, term_start

UTC = timezone.utc
ZONES = ["UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Europe/Berlin", "America/Santiago"]
REGIONS = ["", "EU", "AP"]
RESOURCES = ["d1", "d2", "d3", "d4"]
STARTS = [(2023, 7), (2024, 1), (2019, 10), (2022, 2), (2023, 11)]
YEAR = timedelta(days=365)


def cents(rng, low, high, decimals):
    return F(rng.randint(int(low * 10**decimals), int(high * 10**decimals)), 10**decimals)


class World:
    def __init__(self, seed, accounts, only=None):
        self.seed = seed
        rng = random.Random(f"{seed} world")
        self.start = datetime(*STARTS[seed % len(STARTS)], 1, tzinfo=UTC)
        self.end = self.start + YEAR
        self.catalogue = Catalogue(decimals={"USD": 2, "JPY": 0}, meters={"traffic": "sum", "requests": "count", "device": "sum"})
        self.make_prices(rng)
        self.make_offers(rng)
        # many accounts are busy in the same hours, else there were too many cycles to settle
        self.busy = [hour_of(self.start + YEAR * rng.random()) for _ in range(120)]
        rings = [self.start + YEAR * rng.random() for _ in range(90)]
        rings += [h + HOUR + timedelta(seconds=rng.randrange(3600)) for h in rng.sample(self.busy, 30)]
        self.rings = sorted(r for r in rings if r < self.end) + [self.end + 2 * DAY, self.end + 430 * DAY]
        self.accounts = {n: Stream(self, n) for n in ([only] if only else range(1, accounts + 1))}

    def make_prices(self, rng):
        c = self.catalogue
        for currency, decimals in c.decimals.items():
            for meter in c.meters:
                for region in REGIONS:
                    if region and rng.random() < 0.5:
                        continue
                    uppers = sorted(rng.sample(range(5, 400), rng.randint(0, 3)))
                    worth = 1 if meter == "requests" else F(1, 10)
                    tiers = tuple((F(u) if u else None, worth * F(rng.randint(1, 999), 1000) * 10**(2 - decimals)) for u in uppers + [None])
                    c.prices.append(Price(meter, region, currency, rng.choice(["month", "month", "day"]), rng.choice(["account", "account", "resource"]), Tariff(tiers)))

    def make_offers(self, rng):
        c = self.catalogue
        terms = [(1, "months"), (1, "months"), (3, "months"), (12, "months"), (1, "days"), (10, "days"), (30, "days"), (36, "hours"), (200, "hours")]
        for number in range(20):
            name = f"P{number:02d}"
            meter = rng.choice(["traffic", "traffic", "requests", "device"])
            bound = meter == "device" and rng.random() < 0.85 or meter == "traffic" and rng.random() < 0.1
            term = terms[number] if number < len(terms) else rng.choice(terms)
            size = F(rng.choice([2, 3, 5, 8, 12])) if meter == "requests" else F(rng.choice([20, 50, 100, 100, 500]) * 10 + rng.choice([0, 0, 1, 5]), 10)
            regions = rng.choice([None, None, ("EU", "AP"), ("AP",)])
            cut_off = bound and rng.random() < 0.2
            starts = "now" if term[1] == "hours" or rng.random() < 0.75 else "day" if term[1] == "days" or rng.random() < 0.5 else "month"
            shared = dict(meter=meter, size=size, term=term, regions=regions, max_resources=rng.randint(1, 3) if bound else None,
                          stackable=meter != "device", requires_plan=None, scope="package" if meter == "device" else "type", cut_off=cut_off,
                          month_end=rng.choice(["clamp", "spill", "days 30"]), starts=starts, priority=rng.choice([0, 0, 0, 0, 1, -1]))
            changes = [(None, False)]
            if rng.random() < 0.4:  # another price; or not sold any more, and in the end sold again
                changes.append((self.start + YEAR * rng.random(), rng.random() < 0.6))
                if rng.random() < 0.3:
                    changes.append((self.start + YEAR * rng.random(), False))
            for valid_from, withdrawn in changes:
                for currency, decimals in c.decimals.items():
                    price = cents(rng, 0.5 if meter == "requests" else 1, 20, 2) * 10**(2 - decimals)
                    own = rng.random() < 0.2
                    c.offers.append(Offer(offer=name, currency=currency, valid_from=valid_from, withdrawn=withdrawn, price=price,
                                          discount=rng.choice([F(0), F(5, 100), F(5, 100), F(125, 1000)]),
                                          renew_price=rounded(price * F(rng.randint(50, 110), 100), decimals) if own else None, **shared))
            if rng.random() < 0.4:
                covered = [(meter, "", rng.choice([F(1), F(1), F(3, 2)]))]
                covered += [(meter, r, rng.choice([F(9, 5), F(1, 2), F(3)])) for r in REGIONS[1:] if rng.random() < 0.6]
                if meter == "traffic" and rng.random() < 0.5:
                    covered.append(("requests", rng.choice(REGIONS), rng.choice([F(1, 4), F(5)])))
                c.coverage[name] = covered


class Stream:
    """An account and what happens to it: (at, call, arguments), in the order in which it is played."""

    def __init__(self, world, number):
        rng = self.rng = random.Random(f"{world.seed} account {number}")
        self.world, self.number = world, number
        self.zone, self.currency = rng.choice(ZONES), rng.choice(["USD", "USD", "USD", "JPY"])
        self.decimals = world.catalogue.decimals[self.currency]
        self.credit_limit = rng.choice([F(0), F(0), F(0), F(50)])
        self.resources = RESOURCES[:rng.randint(1, 4)]
        self.events = []
        self.keys = 0
        self.busy = rng.sample(world.busy, 25)
        offers = world.catalogue.offers
        names = sorted({o.offer for o in offers})
        # who buys of few offers meets the rules about one type more often
        self.offers = rng.sample(names, rng.choice([3, 6, 12]))
        self.make_money()
        for _ in range(rng.randint(8, 25)):
            self.purchase(self.instant())
        for _ in range(rng.randint(0, 14)):
            self.add(self.instant(), "set_auto_renew", latest=rng.randint(0, 4), enabled=rng.random() < 0.7)
        for _ in range(rng.randint(0, 6)):
            self.add(self.instant(), "bind_resource", latest=rng.randint(0, 4), resource=rng.choice(RESOURCES))
        for _ in range(rng.randint(0, 6)):
            self.add(self.instant(), "refund_package", latest=rng.randint(0, 3))
        for hour in self.busy:
            for _ in range(rng.choice([1, 1, 3, 6, 10])):
                self.use(hour + HOUR * rng.random())
        self.events.sort(key=lambda e: e[0])

    def add(self, at, call, **arguments):
        if self.world.start < at < self.world.end:
            self.events.append((at, call, arguments))

    def instant(self):
        """Some moment of the year, often about a busy hour."""
        rng = self.rng
        if rng.random() < 0.4:
            at = rng.choice(self.busy) + HOUR * rng.uniform(-1, 2)
        else:
            at = self.world.start + YEAR * rng.random()
        return at.replace(microsecond=0) if rng.random() < 0.5 else at

    def make_money(self):
        rng, unit = self.rng, 10**(2 - self.decimals)
        rich = rng.choice([5, 20, 20, 60])
        self.add(self.world.start + timedelta(minutes=5), "top_up", amount=rng.randint(1, rich) * F(unit))
        for _ in range(rng.randint(5, 25)):
            self.add(self.instant(), "top_up", amount=cents(rng, 0.01, rich, 2) * unit)
        for _ in range(rng.choice([0, 0, 2, 4])):
            at = self.instant()
            self.add(at, "grant_voucher", amount=cents(rng, 0.5, 15, 2) * unit, expires_at=at + rng.choice([HOUR, 30 * DAY, 200 * DAY]) * rng.uniform(0.5, 1.5),
                     min_order=F(rng.choice([0, 0, 5]) * unit))

    def purchase(self, at):
        rng = self.rng
        offer = rng.choice(self.offers)
        row = self.world.catalogue.offer(offer, self.currency, at)
        resources = rng.sample(RESOURCES, min(4, rng.randint(0, (row.max_resources or 0) + (rng.random() < 0.1)))) or None
        region = rng.choice(row.regions or ("",)) if rng.random() < 0.95 else rng.choice(REGIONS)
        self.add(at, "purchase_package", offer=offer, quantity=rng.choice([1, 1, 1, 1, 2, 3, 0] if rng.random() < 0.3 else [1]), region=region, resources=resources,
                 auto_renew=rng.random() < 0.5, auto_voucher=rng.random() < 0.3)
        until = term_end(term_start(at, row.starts, self.zone), 1, row.term, self.zone, row.month_end)
        if rng.random() < 0.6:  # used about its end, and about the end of the one after it
            for _ in range(rng.randint(1, 4)):
                self.use(until + timedelta(minutes=rng.uniform(-50, 50)), row)
            if rng.random() < 0.3:
                self.use(rng.choice([until, until - timedelta(microseconds=1), until.replace(minute=0, second=0)]), row)
        if rng.random() < 0.5:
            for _ in range(rng.randint(1, 3)):
                self.use(at + HOUR * rng.uniform(-0.3, 30), row)

    def use(self, at, row=None):
        rng = self.rng
        meter = row.meter if row and rng.random() < 0.8 else rng.choice(list(self.world.catalogue.meters))
        region = rng.choice(row.regions) if row and row.regions and rng.random() < 0.8 else rng.choice(REGIONS)
        quantity = rng.choice([F(rng.randint(0, 400), 10), F(rng.randint(1, 2000), 1000), F(rng.randint(1, 60)), F(rng.randint(0, 2500)) if rng.random() < 0.3 else F(1)])
        if at.microsecond and rng.random() < 0.3:  # several rows of one instant
            at = at.replace(second=0, microsecond=0) - timedelta(minutes=at.minute % 10)
        resource = rng.choice(RESOURCES) if meter == "device" or rng.random() < 0.5 else ""
        if not self.world.start < at < self.world.end - HOUR:
            return
        self.keys += 1
        late = rng.choice([timedelta(0), timedelta(0), timedelta(0), HOUR * rng.uniform(0, 3), DAY * rng.uniform(0, 20)])
        self.add(min(at + late, self.world.end - timedelta(seconds=1)), "use",
                 row=Row(at, meter, region, resource, f"{self.keys:06d}", F(1) if self.world.catalogue.meters[meter] == "count" else quantity))
