"""Calendar terms as plans and packages count them: wall time in the account's zone, ends that a month lacks, periods of counters."""
import calendar
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UTC = timezone.utc
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)
FOREVER = datetime.max.replace(tzinfo=UTC)


def hour_of(at):
    return at.replace(minute=0, second=0, microsecond=0)


def wall_time(at, zone):
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def instant(wall, zone):
    """Of two equal wall times the first counts; one that clocks leave out moves on by what they leave out."""
    return wall.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)


def months_later(day, months, month_end):
    if month_end == "days 30":
        return day + timedelta(days=30 * months)
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if month_end == "clamp":
        return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    return date(year, month + 1, 1) + timedelta(days=day.day - 1)


def term_end(anchor, terms, term, zone, month_end):
    """Where so many terms from an anchor end; a term is (number, unit), None has no end."""
    if term is None:
        return FOREVER
    number, unit = term
    if unit == "hours":
        return anchor + terms * number * HOUR
    wall = wall_time(anchor, zone)
    if unit == "days":
        return instant(wall + timedelta(days=terms * number), zone)
    return instant(datetime.combine(months_later(wall.date(), terms * number, month_end), wall.time()), zone)


def term_start(at, starts, zone):
    if starts == "now":
        return at.replace(microsecond=0)
    wall = wall_time(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return instant(wall.replace(day=1) if starts == "month" else wall, zone)


def period_start(counter, at, zone):
    """The start of the counter period that holds an instant."""
    wall = wall_time(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return instant(wall.replace(day=1) if counter == "month" else wall, zone)
