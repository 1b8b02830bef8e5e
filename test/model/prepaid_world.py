"""Random years of prepaid business: a catalogue, and streams of calls and usage for many accounts, made from a seed.

Each account's stream hangs on the seed and its own number alone, so that one account can be played again by itself.
"""
import random
from datetime import datetime, timedelta, timezone
from fractions import Fraction as F

from prepaid_model import Catalogue, Offer, Plan, Price, Row, Tariff, rounded
from prepaid_time import DAY, HOUR, hour_of, term_end, term_start

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
        self.make_plans(rng)
        # many accounts are busy in the same hours, else there were too many cycles to settle
        self.busy = sorted(hour_of(self.start + YEAR * rng.random()) for _ in range(60))
        self.busy = sorted({h + n * HOUR for h in self.busy for n in range(rng.choice([1, 2, 3]))})
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
                    worth = F(1, 5) if meter == "requests" else F(1, 50)
                    tiers = tuple((F(u) if u else None, worth * F(rng.randint(1, 999), 1000) * 10**(2 - decimals)) for u in uppers + [None])
                    c.prices.append(Price(meter, region, currency, rng.choice(["month", "month", "day"]), rng.choice(["account", "account", "resource"]), Tariff(tiers)))

    def make_offers(self, rng):
        c = self.catalogue
        terms = [(1, "months"), (1, "months"), (3, "months"), (12, "months"), (5, "days"), (10, "days"), (30, "days"), (130, "hours"), (400, "hours")]
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
                          stackable=meter != "device",
                          requires_plan=rng.choice([None, None, None, None, ("A", "B"), ("B", "C", "E")]),
                          scope="package" if meter == "device" or rng.random() < 0.2 else "type", cut_off=cut_off,
                          renews_on=rng.choice(["exhaustion", "exhaustion", "expiry"]), refund_price=rng.choice([None, None, F(0), F(1, 100), F(37, 1000)]),
                          month_end=rng.choice(["clamp", "spill", "days 30"]), starts=starts, priority=rng.choice([0, 0, 0, 0, 1, -1]))
            changes = [(None, False)]
            if rng.random() < 0.4:  # another price; or not sold any more, and in the end sold again
                changes.append((self.start + YEAR * rng.random(), rng.random() < 0.6))
                if rng.random() < 0.3:
                    changes.append((self.start + YEAR * rng.random(), False))
            for valid_from, withdrawn in changes:
                if valid_from and rng.random() < 0.3:  # what renews itself keeps the old one
                    shared.update(size=size * 2, term=rng.choice(terms) if starts == "now" else term)
                for currency, decimals in c.decimals.items():
                    price = cents(rng, 2, 20, 2) * 10**(2 - decimals)
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

    def make_plans(self, rng):
        terms = {"A": (1, "months"), "B": (1, "months"), "C": (10, "days"), "D": (130, "hours"), "E": None, "F": (14, "days"), "G": (5, "days")}
        for name, term in terms.items():
            trial = name == "F"
            fee = F(0) if term is None or trial else cents(rng, 1, 12, 2)
            fees = (("USD", fee),) if name == "G" else (("USD", fee), ("JPY", fee * 100))
            allowances = {(rng.choice(list(self.catalogue.meters)), rng.choice(REGIONS)): F(rng.randint(2, 90), rng.choice([1, 10])) for _ in range(rng.randint(0, 3))}
            self.catalogue.plans[name] = Plan(
                plan=name, fees=fees, term=term, month_end=rng.choice(["clamp", "spill", "days 30"]),
                starts="now" if name in "DEG" else rng.choice(["now", "now", "day"]),
                renewable=not trial, has_grace=name in "BC", discounts=((3, F(1, 10)), (12, F(15, 100))) if name in "AC" else (),
                allowances=tuple((m, r, q) for (m, r), q in sorted(allowances.items())))


class Stream:
    """An account and what happens to it: (at, call, arguments), in the order in which it is played."""

    def __init__(self, world, number):
        rng = self.rng = random.Random(f"{world.seed} account {number}")
        self.world, self.number = world, number
        self.zone, self.currency = rng.choice(ZONES), rng.choice(["USD", "USD", "USD", "JPY"])
        self.unit = 10**(2 - world.catalogue.decimals[self.currency])
        self.credit_limit = rng.choice([F(0), F(0), F(0), F(50)])
        self.resources = RESOURCES[:rng.choice([1, 3, 4, 4])]
        self.events, self.keys = [], 0
        self.busy = sorted(rng.sample(world.busy, 40))
        names = sorted({o.offer for o in world.catalogue.offers})
        # who buys of few offers meets the rules about one type more often
        self.offers = rng.sample(names, rng.choice([3, 6, 12]))
        self.held = []  # (from, until, offer) of what is bought, if it can be
        self.since = self.instant()  # the first order
        self.since = min(self.since, world.start + 60 * DAY)
        self.make_money()
        for _ in range(rng.choice([1, 2, 3, 6])):
            self.subscribe()
        for _ in range(rng.randint(8, 25)):
            self.purchase()
        for _ in range(rng.randint(0, 7)):
            self.add(self.instant(), "set_auto_renew", latest=rng.choice([0, 0, 0, 1, 2, 3]), enabled=rng.random() < 0.7)
        for _ in range(rng.randint(0, 3)):
            self.add(self.instant(), "bind_resource", latest=rng.randint(0, 3), resource=rng.choice(RESOURCES))
        for _ in range(rng.randint(0, 3)):
            self.add(self.instant(), "refund_package", latest=rng.randint(0, 2))
        for hour in self.busy:
            for _ in range(rng.choice([0, 1, 2, 4, 8])):
                at = hour + HOUR * rng.random()
                self.use(at, rng.choice([o for since, until, o in self.held if since - HOUR <= at < until + DAY] or [None]))
        self.events.sort(key=lambda e: e[0])

    def add(self, at, call, **arguments):
        if self.world.start < at < self.world.end:
            self.events.append((at, call, arguments))

    def instant(self):
        """Some moment of the year, often in or about a busy hour."""
        rng = self.rng
        at = rng.choice(self.busy) + HOUR * rng.uniform(-1, 2) if rng.random() < 0.6 else self.world.start + YEAR * rng.random()
        at = at.replace(microsecond=0) if rng.random() < 0.5 else at
        return at if at > getattr(self, "since", self.world.start) else self.world.end - (at - self.world.start) / 3

    def make_money(self):
        rng, unit = self.rng, self.unit
        rich = rng.choice([15, 30, 60, 100])
        self.add(self.world.start + timedelta(minutes=5), "top_up", amount=rng.randint(1, rich) * F(unit))
        for _ in range(rng.randint(5, 25)):
            self.add(self.instant(), "top_up", amount=cents(rng, 0.01, rich, 2) * unit)
        for _ in range(rng.choice([0, 0, 2, 4])):
            at = self.instant()
            self.add(at, "grant_voucher", amount=cents(rng, 0.5, 15, 2) * unit, expires_at=at + rng.choice([HOUR, 30 * DAY, 200 * DAY]) * rng.uniform(0.5, 1.5),
                     min_order=F(rng.choice([0, 0, 5]) * unit))

    def before(self, end, term):
        """When something is bought that ends at an instant, roughly."""
        length = {"months": 30.4 * DAY, "days": DAY, "hours": HOUR}[term[1]] * term[0]
        if term[1] != "months" or end.day > 28:
            return end - length
        month = end.year * 12 + end.month - 1 - term[0]
        return end.replace(year=month // 12, month=month % 12 + 1)

    def purchase(self):
        rng = self.rng
        offer = rng.choice(self.offers)
        at = self.instant()
        row = self.world.catalogue.offer(offer, self.currency, at)
        if rng.random() < 0.6:  # it ends in a busy hour
            end = rng.choice(self.busy) + HOUR * rng.choice([0, rng.random(), rng.random()])
            at = max(self.before(end, row.term), self.since)
            row = self.world.catalogue.offer(offer, self.currency, at)
        resources = rng.sample(RESOURCES, min(4, rng.randint(0, (row.max_resources or 0) + (rng.random() < 0.1)))) or None
        region = rng.choice(row.regions or ("",)) if rng.random() < 0.97 else rng.choice(REGIONS)
        self.add(at, "purchase_package", offer=offer, quantity=rng.choice([1, 1, 1, 1, 2, 3, 0] if rng.random() < 0.2 else [1]), region=region,
                 resources=resources, auto_renew=rng.random() < 0.6, auto_voucher=rng.random() < 0.3)
        since = term_start(at, row.starts, self.zone)
        until = term_end(since, 1, row.term, self.zone, row.month_end)
        self.held.append((since, until, row))
        self.soon(max(at, since), until, row)
        for edge in (since, until):  # used about its start and its end
            if hour_of(edge) in self.world.busy:
                for _ in range(rng.randint(0, 3)):
                    self.use(edge + rng.choice([0, -1, 1]) * timedelta(microseconds=1) if rng.random() < 0.3 else edge + timedelta(minutes=rng.uniform(-30, 30)), row)

    def soon(self, since, until, row):
        """What the owner of a package does with it."""
        rng = self.rng

        def some():
            return since + (until - since) * rng.random() * rng.choice([0.01, 0.5, 1])

        if rng.random() < 0.4:
            self.add(some(), "set_auto_renew", latest=rng.choice([0, 0, 1]), enabled=rng.random() < 0.7)
        if row.max_resources and rng.random() < 0.5:
            self.add(some(), "bind_resource", latest=rng.choice([0, 0, 0, 1]), resource=rng.choice(RESOURCES))
        if rng.random() < 0.2:
            like = rng.choice([o for o in self.world.catalogue.offers if o.meter == row.meter and o.regions in (row.regions, None)] or [row])
            self.add(some(), "change_package", latest=rng.choice([0, 0, 0, 1]), offer=like.offer,
                     resources=rng.sample(RESOURCES, min(4, rng.randint(0, like.max_resources or 0))) or None)
            if rng.random() < 0.3:
                self.add(some(), "set_auto_renew", latest=rng.choice([0, 1]), enabled=True)
        if rng.random() < 0.15:
            self.add(some(), "refund_package", latest=rng.choice([0, 0, 1]))

    def subscribe(self):
        rng = self.rng
        p = rng.choice(list(self.world.catalogue.plans.values()))
        at = self.instant()
        if p.term and rng.random() < 0.7:
            at = max(self.before(rng.choice(self.busy) + HOUR * rng.random() + rng.choice([0, 0, 1]) * DAY, p.term), self.since)
        self.add(at, "subscribe", plan=p.plan, resource=rng.choice([None, None, None, "d1"]), terms=rng.choice([1, 1, 1, 2, 3, 12, 0, 40] if rng.random() < 0.3 else [1]),
                 quantity=rng.choice([1, 1, 1, 2]), auto_renew=rng.random() < 0.6, auto_voucher=rng.random() < 0.3)
        for _ in range(rng.choice([0, 0, 1, 3])):
            later = at + DAY * 100 * rng.random()**2
            call = rng.choice(["renew", "renew", "flag", "flag", "cancel"])
            if call == "renew":
                self.add(later, "renew_subscription", latest_plan=rng.choice([0, 0, 1]), terms=rng.choice([1, 1, 2, 3]), auto_voucher=rng.random() < 0.2)
            elif call == "flag":
                self.add(later, "set_subscription_auto_renew", latest_plan=rng.choice([0, 0, 1]), enabled=rng.random() < 0.7)
            else:
                self.add(later, "cancel_subscription", latest_plan=rng.choice([0, 0, 1]), at_term_end=rng.random() < 0.5)

    def use(self, at, row=None):
        rng = self.rng
        meter = row.meter if row and rng.random() < 0.8 else rng.choice(list(self.world.catalogue.meters))
        region = rng.choice(row.regions) if row and row.regions and rng.random() < 0.8 else rng.choice(REGIONS)
        quantity = rng.choice([F(rng.randint(0, 400), 10), F(rng.randint(1, 2000), 1000), F(rng.randint(1, 60)), F(1), F(rng.randint(0, 60)),
                               F(rng.randint(100, 2500)) if rng.random() < 0.4 else F(1)])
        if rng.random() < 0.1:  # several rows of one instant
            at = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        resource = rng.choice(RESOURCES) if meter == "device" or rng.random() < 0.5 else ""
        if not self.world.start < at < self.world.end - HOUR:
            return
        # late usage is settled with whatever cycle is open, which makes no cycles more
        late = rng.choice([timedelta(0), timedelta(0), timedelta(0), HOUR * rng.uniform(0, 3), DAY * rng.uniform(0, 20)])
        for _ in range(rng.randint(1, 6) if meter == "requests" else 1):
            self.keys += 1
            self.add(min(at + late, self.world.end - timedelta(seconds=1)), "use",
                     row=Row(at, meter, region, resource, f"{self.keys:06d}", F(1) if self.world.catalogue.meters[meter] == "count" else quantity))
