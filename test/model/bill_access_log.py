#!/usr/bin/env python3
"""The May invoice of every account of the access log, from nothing but the log and a price list.

  bill_access_log.py LOG.csv      prints  account_id,currency,requests amount,bytes amount,total

An independent second opinion on what billing computes: exact rationals, one account after the other, no
database.  Prices are written as numbers here and as tariff texts in test/t/access_log.pl.
"""
import csv
import sys
from collections import defaultdict
from fractions import Fraction as F

# account number modulo 3 -> currency, decimals
CURRENCIES = [("USD", 2), ("JPY", 0), ("KWD", 3)]

# (up to, price of one unit); None: beyond.  The first bound of requests lies below one request, so that every
# account crosses a bound; half a unit and odd prices leave fractions of a cent everywhere.
PRICES = {
    ("requests", "USD"): [(F("0.5"), F("0.0131")), (F(10), F("0.0117")), (F(100), F("0.0073")), (None, F("0.0039"))],
    ("requests", "JPY"): [(F("0.5"), F("1.9")), (F(10), F("1.7")), (F(100), F("1.1")), (None, F("0.6"))],
    ("requests", "KWD"): [(F("0.5"), F("0.0041")), (F(10), F("0.0037")), (F(100), F("0.0023")), (None, F("0.0011"))],
    ("bytes", "USD"): [(F(10000), F("0.0317") / 10**6), (F(10**6), F("0.0213") / 10**6), (None, F("0.0129") / 10**6)],
    ("bytes", "JPY"): [(F(10000), F("3.17") / 10**6), (F(10**6), F("2.13") / 10**6), (None, F("1.29") / 10**6)],
    ("bytes", "KWD"): [(F(10000), F("0.0097") / 10**6), (F(10**6), F("0.0065") / 10**6), (None, F("0.0039") / 10**6)],
}


def graduated(tiers, quantity):
    """Each tier prices its own part of the quantity."""
    amount, lower = F(0), F(0)
    for upper, price in tiers:
        if quantity <= lower:
            break
        part = quantity - lower if upper is None else min(quantity, upper) - lower
        amount += part * price
        lower = upper
    return amount


def rounded(amount, decimals):
    """Half away from zero, as an integer of the smallest unit."""
    units = amount * 10**decimals
    return (units + F(1, 2)).__floor__() if units >= 0 else -((-units + F(1, 2)).__floor__())


def printed(units, decimals):
    sign, units = ("-" if units < 0 else ""), abs(units)
    if decimals == 0:
        return f"{sign}{units}"
    return f"{sign}{units // 10**decimals}.{units % 10**decimals:0{decimals}d}"


def main():
    requests, sent = defaultdict(int), defaultdict(int)
    with open(sys.argv[1], newline="") as log:
        for row in csv.DictReader(log):
            account = int(row["account_id"])
            requests[account] += 1
            sent[account] += int(row["bytes"] or 0)
    for account in sorted(requests):
        currency, decimals = CURRENCIES[account % 3]
        amounts = [
            rounded(graduated(PRICES[meter, currency], F(quantity)), decimals)
            for meter, quantity in (("requests", requests[account]), ("bytes", sent[account]))
        ]
        print(",".join([str(account), currency] + [printed(a, decimals) for a in amounts + [sum(amounts)]]))


main()
