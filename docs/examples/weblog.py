#!/usr/bin/env python3
"""Turns a web server's log in Common or Combined format into CSV: line, client, time (UTC), bytes.

    weblog.py access.log[.gz] > hits.csv

Lines that are no requests are left out; how many, and the first of them, goes to standard error.
"""
import csv
import datetime
import gzip
import re
import sys

# client identity user [time] "request" status bytes, and in the Combined format "referrer" "agent".
# A quote inside of quotes is escaped by a backslash.
LINE = re.compile(r'(\S+) (\S+) (\S+) \[(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\] '
                  r'"((?:[^"\\]|\\.)*)" (\d{3}|-) (\d{1,18}|-)(?: .*)?$')
# Not by the locale: the format has English months everywhere.
MONTHS = {name: number for number, name in enumerate(
    'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(), 1)}


def parse(line):
    """Returns (client, time, bytes), or None for a line that is no request."""
    found = LINE.match(line)
    if not found or '\0' in line:
        return None
    client, _, _, day, month, year, hour, minute, second, sign, off_hour, off_minute, _, _, size = found.groups()
    try:
        offset = datetime.timedelta(hours=int(off_hour), minutes=int(off_minute))
        # a leap second counts as the second before it
        time = datetime.datetime(int(year), MONTHS[month], int(day), int(hour), int(minute), min(int(second), 59))
        time += offset if sign == '-' else -offset
    except (KeyError, ValueError, OverflowError):
        return None
    return client, time.isoformat() + 'Z', 0 if size == '-' else int(size)


def main(name):
    opener = gzip.open if name.endswith('.gz') else open
    out = csv.writer(sys.stdout, lineterminator='\n')
    good = junk = 0
    first_junk = None
    with opener(name, 'rt', encoding='utf-8', errors='replace', newline='\n') as log:
        for number, line in enumerate(log, 1):
            line = line.rstrip('\r\n')
            if not line:
                continue
            hit = parse(line)
            if hit:
                good += 1
                out.writerow((number, *hit))
            else:
                junk += 1
                first_junk = first_junk or (number, line)
    print(f'{good} requests read, {junk} lines left out', file=sys.stderr)
    if first_junk:
        print(f'the first line left out is {first_junk[0]}: {first_junk[1][:100]!r}', file=sys.stderr)
    return 0 if good else 1


if __name__ == '__main__':
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        sys.exit(main(sys.argv[1]))
    except OSError as error:
        sys.exit(f'{sys.argv[1]}: {error.strerror or error}')
