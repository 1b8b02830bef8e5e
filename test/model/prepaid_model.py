"""What prepaid business has to come to, in exact rationals: plans, allowances, packages, their deduction and renewal.

An independent model, written from the rules: one account at a time, one event after the other, no database.
run_random_year.py plays the same streams of calls and usage in the database and compares.
"""
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction as F

from prepaid_time import DAY, FOREVER, HOUR, MICROSECOND, hour_of, instant, period_start, term_end, term_start, wall_time

# --- money ----------------------------------------------------------------------------------------------------

def cut(x):
    """A quotient as it is kept: itself, or its first 20 decimals if it has no last one."""
    rest = x.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return x if rest == 1 else F(x.numerator * 10**20 // x.denominator, 10**20)


def rounded(amount, decimals):
    """Half away from zero."""
    units = abs(amount) * 10**decimals
    return F((units + F(1, 2)).__floor__(), 10**decimals) * (1 if amount >= 0 else -1)


@dataclass(frozen=True)
class Tariff:
    """Graduated: each tier prices its own part."""
    tiers: tuple  # (upper or None, price)

    def rate(self, quantity):
        amount, lower = F(0), F(0)
        for upper, price in self.tiers:
            if quantity > lower:
                amount += ((quantity if upper is None else min(quantity, upper)) - lower) * price
            lower = upper
        return amount


# --- the catalogue --------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Price:
    meter: str
    region: str
    currency: str
    counter: str
    scope: str
    tariff: Tariff


@dataclass(frozen=True)
class Offer:
    offer: str
    currency: str
    valid_from: datetime  # None: from ever
    withdrawn: bool
    meter: str
    size: F
    term: tuple
    price: F
    regions: tuple  # None: any
    max_resources: int  # None: not bound
    stackable: bool
    requires_plan: tuple  # None: none
    discount: F
    renew_price: F  # None: the discounted one
    scope: str
    renews_on: str  # exhaustion or expiry
    cut_off: bool
    refund_price: F  # of a unit that was used; None: only unused ones are refunded
    month_end: str
    starts: str
    priority: int


@dataclass(frozen=True)
class Plan:
    plan: str
    fees: tuple  # (currency, fee), the plan's own currency first
    term: tuple  # None: no end
    month_end: str
    starts: str
    renewable: bool
    has_grace: bool  # after its end it waits for a renewal
    discounts: tuple  # (terms, share), rising
    allowances: tuple  # (meter, region, quantity)

    def fee(self, currency):
        return dict(self.fees).get(currency)

    def discount(self, terms):
        return max(((n, share) for n, share in self.discounts if n <= terms), default=(0, F(0)))[1]


@dataclass
class Catalogue:
    decimals: dict = field(default_factory=dict)      # currency -> decimals
    meters: dict = field(default_factory=dict)        # meter -> sum or count
    prices: list = field(default_factory=list)
    offers: list = field(default_factory=list)
    coverage: dict = field(default_factory=dict)      # offer -> [(meter, region, factor)]
    plans: dict = field(default_factory=dict)         # plan -> Plan

    def offer(self, name, currency, at):
        """The row of an offer in force at an instant, whether it is withdrawn or not."""
        rows = [o for o in self.offers if o.offer == name and o.currency == currency and (o.valid_from is None or o.valid_from <= at)]
        return max(rows, key=lambda o: (o.valid_from is not None, o.valid_from), default=None)

    def sold(self, name, currency, at):
        row = self.offer(name, currency, at)
        return None if row is None or row.withdrawn else row

    def offer_price(self, row, auto_renew):
        if not auto_renew:
            return row.price
        return row.renew_price if row.renew_price is not None else rounded(row.price * (1 - row.discount), self.decimals[row.currency])

    def price(self, meter, region, currency):
        rows = {p.region: p for p in self.prices if p.meter == meter and p.currency == currency}
        return rows.get(region) or rows.get("")


# --- what an account has --------------------------------------------------------------------------------------

@dataclass
class Package:
    id: int  # the account's first one is 0
    row: Offer
    region: str
    valid_from: datetime
    valid_until: datetime
    auto_renew: bool
    price_paid: F
    voucher_paid: F
    bound: dict  # resource -> from when on
    renews: int = None
    took_flag: bool = False  # from the one that it renews
    used: F = F(0)
    state: str = "active"

    @property
    def size(self):
        return self.row.size

    @property
    def is_used_up(self):
        return self.used == self.size


@dataclass
class Subscription:
    id: int
    plan: Plan
    resource: str
    quantity: int
    auto_renew: bool
    anchor: datetime
    state: str = "active"
    terms: list = field(default_factory=list)  # [start, end)
    ended_at: datetime = FOREVER
    renew_at: datetime = None
    waits_for_money: bool = False
    gaps: list = field(default_factory=list)  # [start, end): over, and renewed late

    @property
    def paid_until(self):
        return self.terms[-1][1]

    def in_gap(self, at):
        return any(start <= at < end for start, end in self.gaps)


@dataclass
class Allowance:
    id: int
    subscription: Subscription
    meter: str
    region: str
    resource: str
    size: F
    valid_from: datetime
    valid_until: datetime
    used: F = F(0)


@dataclass
class Voucher:
    id: int
    remaining: F
    min_order: F
    expires_at: datetime


@dataclass(frozen=True)
class Row:
    """A row of usage; in this order they are settled."""
    at: datetime
    meter: str
    region: str
    resource: str
    key: str
    quantity: F


@dataclass(frozen=True)
class Order:
    kind: str
    product: str
    quantity: int
    list_price: F
    discount: F
    voucher: F
    money: F
    automatic: bool
    at: datetime


class Refused(Exception):
    """With the codes of all that is wrong; the database names the first that it finds."""

    def __init__(self, *codes):
        super().__init__(*codes)
        self.codes = set(codes)


class Account:
    def __init__(self, catalogue, zone, currency, credit_limit, resources, opened_at):
        self.catalogue, self.zone, self.currency, self.credit_limit, self.resources = catalogue, zone, currency, credit_limit, resources
        self.decimals = catalogue.decimals[currency]
        self.balance = F(0)
        self.packages, self.vouchers, self.orders, self.subscriptions, self.allowances = [], [], [], [], []
        self.positions = defaultdict(F)        # (price, period, resource) -> uncovered quantity
        self.posted = defaultdict(F)
        self.charges = defaultdict(lambda: [F(0), F(0), F(0)])  # (meter, source) -> quantity, units, amount
        self.usage = defaultdict(list)         # cycle -> rows that it will settle
        self.open_cycle = hour_of(opened_at)
        self.notices = defaultdict(int)

    # --- orders ---

    def choose_voucher(self, net, at):
        fit = [v for v in self.vouchers if v.expires_at > at and v.remaining > 0 and v.min_order <= net]
        # one that covers the whole order, then earliest expiry, largest usable amount, smallest rest
        return min(fit, key=lambda v: (v.remaining < net, v.expires_at, -min(v.remaining, net), v.remaining, v.id), default=None) if net > 0 else None

    def place_order(self, kind, product, quantity, list_price, discount, auto_voucher, automatic, at):
        list_price, discount = rounded(list_price, self.decimals), rounded(discount, self.decimals)
        net = list_price - discount
        voucher = self.choose_voucher(net, at) if auto_voucher else None
        usable = min(voucher.remaining, net) if voucher else F(0)
        money = net - usable
        if money > 0 and money > self.balance + self.credit_limit:
            raise Refused("UB011")
        if voucher:
            voucher.remaining -= usable
        self.balance -= money
        order = Order(kind, product, quantity, list_price, discount, usable, money, automatic, at)
        self.orders.append(order)
        self.charge(None, "fee", quantity, F(0), money)
        return order

    def charge(self, meter, source, quantity, units, amount):
        line = self.charges[meter, source]
        line[0] += quantity
        line[1] += units
        line[2] += amount

    # --- calls ---

    def top_up(self, at, amount):
        self.balance += amount
        for s in sorted((s for s in self.subscriptions if s.waits_for_money and s.state in ("active", "grace")), key=lambda s: (s.paid_until, s.id)):
            self.renew_plan(s, 1, False, True, at)

    def grant_voucher(self, at, amount, expires_at, min_order):
        self.vouchers.append(Voucher(len(self.vouchers), amount, min_order, expires_at))

    # --- plans ---

    def has_plan(self, plans, at):
        """Grace is no paid term."""
        return any(start <= at < min(end, s.ended_at) and not s.in_gap(at) for s in self.subscriptions if s.plan.plan in plans for start, end in s.terms)

    def subscribe(self, at, plan, resource, terms, quantity, auto_renew, auto_voucher):
        p, codes = self.catalogue.plans[plan], set()
        if not 1 <= terms <= (36 if p.term else 1):
            codes.add("UB041")
        if auto_renew and not (p.renewable and p.term):
            codes.add("UB043")
        if p.fee(self.currency) is None:
            codes.add("UB040")
        if codes:
            raise Refused(*codes)
        s = Subscription(len(self.subscriptions), p, resource, quantity, auto_renew, term_start(at, p.starts, self.zone))
        self.order_terms("purchase", s, terms, auto_voucher, False, at)
        self.subscriptions.append(s)
        self.plan_renewal(s, at)

    def order_terms(self, kind, s, terms, auto_voucher, automatic, at):
        fee = s.plan.fee(self.currency) * s.quantity * terms
        self.place_order(kind, s.plan.plan, terms, fee, fee * s.plan.discount(terms), auto_voucher, automatic, at)
        for n in range(len(s.terms), len(s.terms) + terms):
            # always counted from the anchor
            start, end = (term_end(s.anchor, k, s.plan.term, self.zone, s.plan.month_end) if k else s.anchor for k in (n, n + 1))
            s.terms.append((start, end))
            for meter, region, quantity in s.plan.allowances:
                self.allowances.append(Allowance(len(self.allowances), s, meter, region, s.resource, quantity * s.quantity, start, end))

    def plan_renewal(self, s, at):
        """It renews itself the day before its end, but not before its last term; what is asked for later is done at once."""
        s.waits_for_money, s.renew_at = False, None
        if s.auto_renew and s.state in ("active", "grace") and s.paid_until < FOREVER and s.ended_at == FOREVER:
            s.renew_at = max(instant(wall_time(s.paid_until, self.zone) - DAY, self.zone), s.terms[-1][0], at)

    def renew_plan(self, s, terms, auto_voucher, automatic, at):
        end = s.paid_until
        try:
            self.order_terms("renewal", s, terms, auto_voucher, automatic, at)
        except Refused:
            if not automatic:
                raise
            # the flag stays: each top-up tries it again
            s.renew_at, s.waits_for_money = None, True
            return
        if end < at:
            s.gaps.append((end, at))
        if s.paid_until > at:
            s.state = "active"
        self.plan_renewal(s, at)

    def renew_due_plans(self, until):
        while True:
            due = [s for s in self.subscriptions if s.renew_at and s.renew_at <= until]
            if not due:
                return
            s = min(due, key=lambda s: (s.renew_at, s.paid_until, s.id))
            if s.state in ("active", "grace"):
                self.renew_plan(s, 1, False, True, s.renew_at)
            else:
                s.renew_at = None

    def end_plans(self, until):
        for s in self.subscriptions:
            if s.state == "active" and s.paid_until <= until:
                if s.plan.has_grace and s.plan.renewable and s.ended_at == FOREVER:
                    s.state = "grace"
                else:
                    self.close(s, s.paid_until)

    def close(self, s, at):
        s.state, s.ended_at, s.auto_renew, s.renew_at, s.waits_for_money = "cancelled", at, False, None, False
        for a in self.allowances:
            if a.subscription is s and a.valid_until > at:
                a.valid_until = max(a.valid_from, at)

    def subscription(self, latest):
        if latest >= len(self.subscriptions):
            raise Refused("UB047")
        return self.subscriptions[-1 - latest]

    def not_running(self, s):
        return ({"UB044"} if s.state == "cancelled" else set()) | ({"UB049"} if s.ended_at < FOREVER else set())

    def renew_subscription(self, at, latest_plan, terms, auto_voucher):
        s = self.subscription(latest_plan)
        codes = self.not_running(s)
        if not (s.plan.renewable and s.plan.term):
            codes.add("UB043")
        if not 1 <= terms <= 36:
            codes.add("UB041")
        if codes:
            raise Refused(*codes)
        self.renew_plan(s, terms, auto_voucher, False, at)

    def set_subscription_auto_renew(self, at, latest_plan, enabled):
        s = self.subscription(latest_plan)
        codes = self.not_running(s) if enabled else self.not_running(s) - {"UB049"}
        if enabled and not (s.plan.renewable and s.plan.term):
            codes.add("UB043")
        if codes:
            raise Refused(*codes)
        if s.auto_renew != enabled:
            s.auto_renew = enabled
            self.plan_renewal(s, at)

    def cancel_subscription(self, at, latest_plan, at_term_end):
        s = self.subscription(latest_plan)
        if s.state == "cancelled" or s.ended_at < FOREVER and (at_term_end or s.ended_at <= at):
            raise Refused("UB044", "UB049")
        if at_term_end and at < s.paid_until < FOREVER:
            s.ended_at, s.auto_renew, s.renew_at, s.waits_for_money = s.paid_until, False, None, False
        else:
            self.close(s, at)

    # --- packages ---

    def not_bindable(self, row, resources, since, until, before=None):
        """Codes for resources that a package of that offer can not have from since to until."""
        codes = set()
        if any(r not in self.resources for r in resources):
            codes.add("UB050")
        if not row.stackable and self.is_bound_elsewhere(row.meter, resources, since, until, before):
            codes.add("UB051")
        return codes

    def is_bound_elsewhere(self, meter, resources, since, until, before):
        return any(set(p.bound) & set(resources) for p in self.packages if p is not before and p.row.meter == meter
                   # one that is used up or has ended, and renews itself, will be there again; one that waits may start sooner
                   and (p.state in ("pending", "active") or p.state == "exhausted" and p.auto_renew) and (p.valid_until > since or p.auto_renew)
                   and (p.valid_from < until or p.state == "pending" and p.renews is not None))

    def purchase_package(self, at, offer, quantity, region, resources, auto_renew, auto_voucher):
        row = self.catalogue.sold(offer, self.currency, at)
        if row is None:
            raise Refused("UB059")
        codes, resources = set(), resources or []
        if not 1 <= quantity <= 1000:
            codes.add("22003")
        if region not in (row.regions or ("",)):
            codes.add("UB052")
        if row.requires_plan and not self.has_plan(row.requires_plan, at):
            codes.add("UB053")
        if len(resources) > (row.max_resources or 0):
            codes.add("UB054")
        if len(set(resources)) < len(resources) or quantity > 1 and resources and not row.stackable:
            codes.add("UB051")
        if auto_renew and row.cut_off:
            codes.add("UB055")
        if auto_renew and row.scope == "type" and self.flagged_by_type(row.meter):
            codes.add("UB056")
        since = term_start(at, row.starts, self.zone)
        until = term_end(since, 1, row.term, self.zone, row.month_end)
        if until <= at:  # it starts with the day or month, and would be over
            codes.add("UB059")
        codes |= self.not_bindable(row, resources, since, until)
        if codes:
            raise Refused(*codes)
        each = row.price - self.catalogue.offer_price(row, auto_renew)
        order = self.place_order("purchase", offer, quantity, row.price * quantity, each * quantity, auto_voucher, False, at)
        given = [F(0), F(0)]
        for n in range(1, quantity + 1):
            # running totals, so that the shares add up
            shares = [rounded(paid * n / quantity, self.decimals) - before for paid, before in zip((order.money, order.voucher), given)]
            given = [a + b for a, b in zip(given, shares)]
            self.add_package(row, region, since, until, auto_renew and n == quantity, *shares, dict.fromkeys(resources, since))

    def add_package(self, row, region, since, until, auto_renew, money, voucher, bound, renews=None):
        self.packages.append(Package(len(self.packages), row, region, since, until, auto_renew, money, voucher, bound, renews))
        return self.packages[-1]

    def package(self, latest):
        """The package bought latest but so many."""
        if latest >= len(self.packages):
            raise Refused("UB057")
        return self.packages[-1 - latest]

    def flagged_by_type(self, meter):
        return [p for p in self.packages if p.auto_renew and p.row.meter == meter and p.row.scope == "type"]

    def is_over(self, p, at):
        return p.state not in ("pending", "active") or p.valid_until <= at

    def successor(self, p):
        """The package that was ordered to take over from one."""
        return next((n for n in self.packages if n.renews == p.id and n.state == "pending"), None)

    def change_package(self, at, latest, offer, resources):
        p, resources = self.package(latest), resources or []
        codes = {"UB058"} if self.is_over(p, at) else set()
        row = self.catalogue.sold(offer, self.currency, at)
        if row is None or row.meter != p.row.meter or self.successor(p):
            raise Refused("UB061", *codes)
        if p.region not in (row.regions or ("",)):
            codes.add("UB052")
        if row.requires_plan and not self.has_plan(row.requires_plan, at):
            codes.add("UB053")
        if len(resources) > (row.max_resources or 0):
            codes.add("UB054")
        codes |= self.not_bindable(row, resources, at, FOREVER, p)
        auto_renew = p.auto_renew and not row.cut_off
        if auto_renew and row.scope == "type" and any(other is not p for other in self.flagged_by_type(row.meter)):
            codes.add("UB056")
        if codes:
            raise Refused(*codes)
        order = self.place_order("purchase", offer, 1, row.price, row.price - self.catalogue.offer_price(row, auto_renew), False, False, at)
        until = term_end(p.valid_until, 1, row.term, self.zone, row.month_end)
        n = self.add_package(row, p.region, p.valid_until, until, auto_renew, order.money, F(0), dict.fromkeys(resources, p.valid_until), p.id)
        n.state, n.took_flag, p.auto_renew = "pending", p.auto_renew, False

    def set_auto_renew(self, at, latest, enabled):
        p = self.package(latest)
        if enabled:
            codes = {"UB058"} if self.is_over(p, at) else set()
            row = self.catalogue.sold(p.row.offer, self.currency, at)
            if row is None or p.row.cut_off or self.successor(p):
                codes.add("UB055")
            if not p.row.stackable and self.is_bound_elsewhere(p.row.meter, p.bound, max(p.valid_from, at), FOREVER, p):
                codes.add("UB051")
            if codes:
                raise Refused(*codes)
            if row.scope == "type":
                for other in self.flagged_by_type(p.row.meter):
                    other.auto_renew = False
        p.auto_renew = enabled

    def bind_resource(self, at, latest, resource):
        p = self.package(latest)
        codes = {"UB058"} if self.is_over(p, at) else set()
        if len(p.bound) >= (p.row.max_resources or 0):
            codes.add("UB054")
        since = max(p.valid_from, at)
        codes |= self.not_bindable(p.row, [resource], since, p.valid_until, p)
        if resource in p.bound:
            codes.add("UB051")
        if codes:
            raise Refused(*codes)
        p.bound[resource] = since

    def refund_package(self, at, latest):
        p = self.package(latest)
        codes = {"UB060"} if p.used and p.row.refund_price is None else set()
        if self.is_over(p, at):
            codes.add("UB058")
        if codes:
            raise Refused(*codes)
        self.close_gap(p, at)
        p.state, p.auto_renew = "refunded", False
        kept = rounded(p.used * (p.row.refund_price or 0), self.decimals)
        money = max(p.price_paid - kept, F(0))
        voucher = max(p.price_paid + p.voucher_paid - kept, F(0)) - money
        self.balance += money
        self.orders.append(Order("refund", p.row.offer, 1, -(money + voucher), F(0), -voucher, -money, False, at))
        self.charge(None, "fee", -1, F(0), -money)

    def close_gap(self, p, at):
        """What was ordered for the end of a package does not wait for it once that is refunded."""
        following = self.successor(p)
        if p.valid_from <= at:
            if following:
                self.start(following, at)
        elif following:
            following.renews, following.took_flag = p.renews, following.took_flag and p.took_flag
            self.place(following, p.valid_from)
        elif p.took_flag and (p.auto_renew or p.row.cut_off):
            before = self.packages[p.renews]
            taken = before.row.scope == "type" and any(o is not p and o is not before for o in self.flagged_by_type(before.row.meter))
            if before.state in ("pending", "active", "exhausted") and not taken:
                before.auto_renew = True

    def use(self, row):
        """Usage arrives: it is settled in its own hour, or the first that is open."""
        self.usage[max(hour_of(row.at), self.open_cycle)].append(row)

    # --- what the clock does ---

    def ring(self, at):
        """All cycles that are over are settled; what is due at an instant comes before the cycle that starts at it."""
        until = hour_of(at)
        while self.open_cycle < until:
            self.at_instant(self.open_cycle)
            self.settle(self.open_cycle, sorted(self.usage.pop(self.open_cycle, []), key=lambda r: (r.at, r.meter, r.region, r.resource, r.key)))
            following = min([until, *self.usage, *map(hour_of, self.instants())])
            self.open_cycle = max(self.open_cycle + HOUR, following)
        self.at_instant(until)

    def instants(self):
        """When something becomes due."""
        yield from (p.valid_from for p in self.packages if p.state == "pending")
        yield from (p.valid_until for p in self.packages if p.state == "active" or self.renews_at_end(p))
        yield from (s.renew_at for s in self.subscriptions if s.renew_at)
        yield from (s.paid_until for s in self.subscriptions if s.state == "active" and s.paid_until < FOREVER)

    def at_instant(self, at):
        """What is due at the start of a cycle, or was."""
        self.renew_due_plans(at)
        self.turn_packages(at)
        self.end_plans(at)

    def renews_at_end(self, p):
        return p.state == "exhausted" and p.auto_renew and p.row.renews_on == "expiry"

    def turn_packages(self, until):
        ending = [p for p in self.packages if (p.state == "active" or self.renews_at_end(p)) and p.valid_until <= until]
        for p in ending:
            if p.auto_renew:
                self.renew(p, until)
        for p in ending:
            if p.state == "active":
                p.state = "expired"
        for p in self.packages:
            if p.state == "pending" and p.valid_from <= until:
                p.state = "active"

    def settle(self, cycle, rows):
        """A cycle: first the plans that are due in it, then packages by trigger instant, nearest end, number; then what it costs."""
        self.renew_due_plans(cycle + HOUR - MICROSECOND)
        while True:
            answer = self.run_down(rows)
            triggers = self.triggers(cycle, rows, answer)
            if not triggers:
                break
            at, _, _, p = min(triggers, key=lambda t: t[:3])
            if p.auto_renew and at != p.valid_until and self.renewals_since(p, cycle) >= 100:
                p.auto_renew = False
                self.notices["renewal_failed"] += 1
            else:
                self.renew(p, at)
        for p in self.packages:
            # valid from some instant of this cycle on
            if p.state == "pending" and p.valid_from < cycle + HOUR:
                p.state = "active"
        steps, rests, _ = answer
        for row, source, quantity, units in steps:
            source.used += units
            self.charge(row.meter, "package" if isinstance(source, Package) else "allowance", quantity, units, F(0))
        for p in {id(source): source for _, source, _, _ in steps if isinstance(source, Package)}.values():
            if p.is_used_up:
                p.state = "exhausted" if p.state == "active" else p.state
                self.notices["package_exhausted"] += 1
                following = self.successor(p)
                # its devices are cut off: nothing more is used that could start the package that is ordered
                if p.row.cut_off and following and following.valid_from > cycle + HOUR:
                    self.start(following, cycle + HOUR)
        touched = set()
        for row, rest in zip(rows, rests):
            if rest:
                price = self.catalogue.price(row.meter, row.region, self.currency)
                key = price, period_start(price.counter, row.at, self.zone), row.resource if price.scope == "resource" else ""
                self.positions[key] += rest
                touched.add(key)
                self.charge(row.meter, "tariff", rest, F(0), F(0))
        for key in touched:
            # the posted sums add up to the rounded total
            amount = rounded(key[0].tariff.rate(self.positions[key]), self.decimals) - self.posted[key]
            self.posted[key] += amount
            self.balance -= amount
            self.charge(key[0].meter, "tariff", F(0), F(0), amount)
        # what ended within the cycle, renewed before
        for p in self.packages:
            if p.state == "active" and p.valid_until < cycle + HOUR:
                p.state = "expired"
        self.end_plans(cycle + HOUR - MICROSECOND)

    # --- deduction ---

    def factor(self, p, row):
        """Units of a package that one unit of a row's usage takes; None: it does not cover such usage."""
        if p.region and p.region != row.region:
            return None
        covered = {(meter, region): factor for meter, region, factor in self.catalogue.coverage.get(p.row.offer, [(p.row.meter, "", F(1))])}
        return covered.get((row.meter, row.region), covered.get((row.meter, "")))

    def is_for(self, p, row):
        """Whether a package is for such usage: meter, region, resource."""
        bound = p.row.max_resources is None or row.resource in p.bound and p.bound[row.resource] <= row.at
        return bound and self.factor(p, row) is not None

    def sources(self):
        """All that may be deducted from, in its order."""
        allowances = sorted(self.allowances, key=lambda a: (a.valid_until, a.size, a.id))
        packages = sorted((p for p in self.packages if p.state != "refunded"), key=lambda p: (-p.row.priority, p.valid_until, p.size, p.id))
        return [s for s in allowances + packages if s.used < s.size]

    def covers(self, source, row):
        """Units that one unit of usage takes from a source; None: it does not cover it, or not at that instant."""
        if not source.valid_from <= row.at < source.valid_until:
            return None
        if isinstance(source, Allowance):
            if source.subscription.in_gap(row.at):
                return None
            fits = source.meter == row.meter and source.region in ("", row.region) and source.resource in (None, row.resource)
            return F(1) if fits else None
        if source.row.requires_plan and not self.has_plan(source.row.requires_plan, row.at):
            return None
        return self.factor(source, row) if self.is_for(source, row) else None

    def run_down(self, rows):
        """steps (row, source, quantity, units), what no source covers of each row, and at which row each package is used up."""
        sources, left = self.sources(), {}
        used_up = {id(p): -1 for p in self.packages if p.is_used_up}
        steps, rests = [], []
        for number, row in enumerate(rows):
            rest, rest_units, last = row.quantity, row.quantity, F(1)
            for s in sources:
                remaining = left.get(id(s), s.size - s.used)
                factor = self.covers(s, row) if rest and remaining else None
                if factor is None:
                    continue
                # exact from source to source of one factor; the quantity that a step tells is cut if it has no last decimal
                wanted = rest_units if factor == last else rest * factor
                units = min(wanted, remaining)
                quantity = rest if wanted <= remaining else cut(remaining / factor)
                steps.append((row, s, quantity, units))
                rest, rest_units, last = rest - quantity, wanted - units, factor
                left[id(s)] = remaining - units
                if units == remaining:
                    used_up[id(s)] = number
            rests.append(rest)
        return steps, rests, used_up

    # --- renewal ---

    def triggers(self, cycle, rows, answer):
        """What would renew itself in a cycle as it stands: (instant, end, id, package)."""
        _, rests, used_up = answer
        found = []
        for p in self.packages:
            if p.state == "refunded" or not p.auto_renew and not self.successor(p):
                continue
            if id(p) not in used_up or p.auto_renew and p.row.renews_on == "expiry":
                if p.auto_renew and cycle < p.valid_until < cycle + HOUR:
                    found.append((p.valid_until, p.valid_until, p.id, p))
                continue
            # used up: it waits for the first usage that nothing else covers; its own end triggers nothing
            for number, row in enumerate(rows):
                if number >= used_up[id(p)] and rests[number] and row.at >= p.valid_from and self.is_for(p, row):
                    found.append((max(row.at, cycle), p.valid_until, p.id, p))
                    break
        return found

    def renewals_since(self, p, since):
        """How many packages have renewed one another since an instant, up to this one."""
        if p.valid_from < since or p.renews is None:
            return 0
        return 1 + self.renewals_since(self.packages[p.renews], since)

    def start(self, p, at):
        """A package that was ordered to take over starts sooner."""
        self.place(p, at)
        p.state = "active"

    def place(self, p, at):
        """Its validity starts somewhere else, and with it what waits for its end."""
        p.valid_from, p.valid_until = at, term_end(at, 1, p.row.term, self.zone, p.row.month_end)
        p.bound = dict.fromkeys(p.bound, at)
        following = self.successor(p)
        if following:
            self.place(following, p.valid_until)

    def renew(self, p, at):
        following = self.successor(p)
        if following:  # it was paid before
            p.auto_renew = False
            self.start(following, at)
            return
        row = self.catalogue.sold(p.row.offer, self.currency, at)
        p.auto_renew = False
        try:
            if row is None or row.requires_plan and not self.has_plan(row.requires_plan, at):
                raise Refused("")
            if not p.row.stackable and self.is_bound_elsewhere(p.row.meter, p.bound, at, FOREVER, p):
                raise Refused("")
            price = self.catalogue.offer_price(row, True)
            # the price is today's, size and validity stay
            row = replace(row, **{name: getattr(p.row, name) for name in ("size", "term", "month_end", "max_resources", "cut_off", "renews_on", "refund_price")})
            self.place_order("renewal", row.offer, 1, row.price, row.price - price, False, True, at)
        except Refused:
            self.notices["renewal_failed"] += 1
            return
        self.add_package(row, p.region, at, term_end(at, 1, row.term, self.zone, row.month_end), True, price, F(0), dict.fromkeys(p.bound, at), p.id)
        self.notices["package_renewed"] += 1
