"""How usage runs down prepaid sources, in exact rationals: the model that run_waterfall.py compares with."""
from collections import namedtuple
from fractions import Fraction

from run_meters import decimal_text

# source is (kind, id); region and resource None are any; the way is for usage in [since, until)
Way = namedtuple('Way', 'source remaining meter region resource factor since until')
Event = namedtuple('Event', 'at quantity')
Item = namedtuple('Item', 'meter region resource events')


def quantity_of(item):
    return sum((event.quantity for event in item.events), Fraction(0))


def is_group(item):
    """Whether there may be an order among its events; the caller only tells of the first and the last instant."""
    return len({event.at for event in item.events}) > 1


def in_place(way, item):
    return way.meter == item.meter and way.region in (None, item.region) and way.resource in (None, item.resource)


def events_inside(way, item):
    """Of the first and the last event: whether each of them lies in the window, and if neither, whether some instant between does."""
    first, last = min(e.at for e in item.events), max(e.at for e in item.events)
    inside = {way.since <= at < way.until for at in (first, last)}
    if inside == {False} and first < way.since < way.until <= last:
        inside.add(True)
    return inside


def used_up_by(remaining, factor):
    """The quantity that takes all of it: exact if it has a last decimal, else cut to 20."""
    quantity = remaining / factor
    return quantity if decimal_text(quantity) else Fraction(int(quantity * 10 ** 20), 10 ** 20)


def answer(ways, items):
    """Steps as (item, source, quantity, units), where an item is looked at as one event at its first instant."""
    remaining = {way.source: way.remaining for way in ways}
    steps = []
    for number, item in enumerate(items):
        left = quantity_of(item)
        # the same in units of the way before: exact, where the quantity had to be cut
        owed, factor = left, 1
        before = len(steps)
        for way in ways:
            if left == 0 or remaining[way.source] == 0 or not in_place(way, item) or True not in events_inside(way, item):
                continue
            wanted = owed if way.factor == factor else left * way.factor
            if wanted <= remaining[way.source]:
                taken, units = left, wanted
            else:
                taken, units = used_up_by(remaining[way.source], way.factor), remaining[way.source]
                owed, factor = wanted - units, way.factor
            steps.append((number, way.source, taken, units))
            left -= taken
            remaining[way.source] -= units
        if left > 0 or len(steps) == before:
            steps.append((number, None, left, None))
        assert sum(step[2] for step in steps[before:]) == quantity_of(item)
    return steps


def is_answered(ways, items):
    """Whether the groups may be answered without a look at their events.

    Told from what all items ask for, not by walking: each item must
    want all of its quantity from the first way that fits it, wholly inside its window, of a source that was not empty,
    and each source must hold what is wanted of it.
    """
    items = [item for item in items if quantity_of(item) > 0]
    wanted = {}
    for item in items:
        for way in ways:
            if way.remaining > 0 and in_place(way, item) and True in events_inside(way, item):
                if False in events_inside(way, item):
                    return False
                wanted[way.source] = wanted.get(way.source, 0) + quantity_of(item) * way.factor
                break
    return all(wanted.get(way.source, 0) <= way.remaining for way in ways)
