#!/usr/bin/env python3
"""Asks the extension for the worked examples of $BILLING_SHARED/vectors and compares the figures exactly.

    PGDATABASE=DB BILLING_SHARED=DIR python3 test/model/run_vectors.py [--table]

A row's model is mapped to calls of rate() and its relatives, or, in run_meters.py and run_terms.py, to those of meters and
terms; every figure that the row expects is compared, as a number, with no rounding but what the tariff itself says or
the source prints.  What nothing can answer yet is counted by model with the reason.  Prints a line for each model; exits 1 if a figure differs, or docs/coverage.md has
other counts (--table prints what belongs there), 77 if the examples are not there.
"""
import csv
import json
import os
import re
import subprocess
import sys
from collections import OrderedDict

import run_meters
import run_terms

FILES = ('clouds.csv', 'peers_usage.csv', 'peers_ledger.csv')
COVERAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'docs', 'coverage.md')

# figures that are printed beside the answer and say something else
NOT_COMPARED = {'expression': 'the sum in words', 'with_A': 'adds the figure of another row',
                'lines': 'lists flats and units apart'}

# why the rest is no matter of a tariff, by the start of the model's name
REASONS = OrderedDict([
    ('package_then_attained|burn_down|free_then|package_|plan_plus|binding', 'plans and packages: those that fit stand in test/pgtap/packages*.sql by their id; '
     'the rest refills itself, merges or is a level that a grant limits'),
    ('tier_progressive[+]package|bucket_deduct|rollover', 'a package of a file system beside another meter; buckets that are refilled or go below 0'),
    ('tier_progressive_incremental[+]free', 'the free part scales with another meter'),
    ('percentage', 'a free part counted over all events: each knows only one'),
    ('prepaid_term|term_price|proration_upgrade|refund', 'plans: those that fit stand in test/pgtap/plans*.sql by their id'),
    ('graduated_prorated|proration|day_count|agg_prorated|period|recurrence|month_grid|'
     'included_days|tenure|recurring|entitlement_period', 'terms and proration'),
    ('graduated_negative', 'a negative quantity is refused; rate_between takes usage back'),
    ('mode_change', 'refunds'),
    ('hourly_ceil', 'started hours of the clock, which no quantity tells'),
    ('usage.rollup', 'an event at the end of a period belongs to the next period here, without exception'),
    ('metered_credits', 'events that are not usage: the meter leaves them out (test/pgtap/clean_traffic.sql)'),
    ('min_quantity', 'a minimum of a quantity: that of a tariff is an amount'),
    ('sum_linear', 'a quantity rounded to what is printed, once to one digit and once to two'),
    ('time_band', 'a call has one instant here, so it would be two at the boundary; prices by time of day: test/pgtap/conditions.sql'),
    ('token_price', 'a markup on the price'),
    ('usage.capacity|usage.rerate_delta|tier_attained|dynamic_event', 'one price chosen by another quantity, or by the event'),
    ('round', 'negative digits and negative amounts: a tariff has neither'),
    ('overdue|cron', 'lifecycle and clock: test/pgtap/lifecycle_vectors.sql'),
    ('delta_rating', 'a minimum that is due in the last run only: settlement'),
    ('ledger|credit|wallet|topup|auto_topup|balance|alloc|source|dest|amount|coupon|discount|tax|invoice|threshold|'
     'commit|charge_minimum|quota|sum', 'money and plans around the price'),
])


class NotApplicable(Exception):
    """The model is mapped, but this row asks for something else."""


def tier_text(price, upper, flat='0', block=None, percent=''):
    text = (f'flat {flat} + ' if flat not in (None, '0', 0) else '') + f'{price}{percent}'
    if block:
        text += f' per {block} block {block}'
    return text + (' beyond' if upper is None else f' up to {upper}')


def tariff(model, tiers, *words):
    return ' '.join([model] + [word for word in words if word]) + ': ' + ', '.join(tiers)


def quote(text):
    return "'" + str(text).replace("'", "''") + "'"


def rate(text, quantity, function='rate'):
    return f'billing.{function}({quote(text)}, {quantity})'


def column(text, quantity, name, how='sum'):
    return f'(SELECT {how}({name}) FROM billing.rate_lines({quote(text)}, {quantity}))'


def one(inputs, *starts):
    """The input whose name starts so."""
    found = [key for key in inputs for start in starts if key == start or key.startswith(start + '_')]
    return inputs[found[0]]


def money(expected, expression, **others):
    """The figures that name the amount, in whatever currency, and some others."""
    answers = {key: expression for key in expected if re.match(r'(fee|total|amount)(_|$)', key)}
    answers.update(others)
    return answers


def dict_tiers(tiers):
    return [tier_text(t['unit'] if 'unit' in t else t['rate_pct'], t['up_to'], t.get('flat', '0'),
                      percent='%' if 'rate_pct' in t else '') for t in tiers]


def peer_tariff(p, *words):
    """The tariff of a peer's parameters: unit, package, graduated or volume."""
    zero = 'zero flat' if p.get('zero_flat') else ''
    if p.get('model') == 'unit':
        return tariff('graduated', [tier_text(p['unit'], None)], *words)
    if p.get('model') == 'package':
        return tariff('graduated', [tier_text(p['amount'], None, block=p['size'])], *words)
    return tariff(p['model'], dict_tiers(p['tiers']), zero, *words)


def limits(p, minimum=True):
    return ((f"min {p['min_amount']}" if minimum and 'min_amount' in p else ''),
            (f"max {p['max_amount']}" if 'max_amount' in p else ''))


def cloud_tiers(p, i, e):
    model = 'volume' if p['model'] == 'tier_attained' else 'graduated'
    if 'qps_price_of_tier' in i:
        raise NotApplicable
    tiers = one(i, 'tiers')
    exclusive = 'bounds lower' if i.get('bound') == 'upper_exclusive' else ''
    flats = 'zero flat' if 'tiers_unit_flat' in i else ''
    text = tariff(model, [tier_text(t[1], t[0], t[2] if len(t) > 2 else '0') for t in tiers], exclusive, flats)
    quantity = f"greatest({i['in']}, {i['out']})" if 'in' in i else one(i, 'qty')
    answers = money(e, f"{i.get('months', 1)} * " + rate(text, quantity))
    if 'unit_price' in e:
        answers['unit_price'] = column(text, quantity, 'price / per')
    if 'parts' in e:
        answers['parts'] = column(text, quantity, 'amount ORDER BY tier', 'array_agg')
    return answers


def incremental(p, i, e):
    text = tariff('graduated', [tier_text(t[1], t[0]) for t in one(i, 'tiers')])
    return money(e, rate(text, f"{one(i, 'prior_cumulative')}, {one(i, 'qty')}", 'rate_between'))


def linear(p, i, e):
    free = 'free ' + i['free'] if 'free' in i else ''
    per = 'per 1000000' if 'price_m' in i else ''
    quantity = one(i, 'qty', 'requests', 'gb', 'ops', 'messages')
    text = tariff('graduated', [tier_text(i.get('price', i.get('price_m')), None)], per, free)
    return money(e, rate(text, quantity), **{key: column(text, quantity, 'quantity') for key in ('billed', 'billable')
                                             if key in e})


def free_block(p, i, e):
    text = tariff('graduated', [tier_text(i['price_per_thousand'], None, block=i['block'])],
                  f"free {i['free_thousand'] * 1000}")
    return money(e, rate(text, f"{i['thousand']} * 1000"))


def sum_linear(p, i, e):
    if 'lines' not in i:
        raise NotApplicable
    parts = []
    for line in i['lines']:
        price, quantity, free = (line['price'], line['qty'], line.get('free', '0')) if isinstance(line, dict) else (*line, '0')
        parts.append(rate(tariff('graduated', [tier_text(price, None)], f'free {free}'), quantity))
    return money(e, ' + '.join(parts), **({'parts': f"ARRAY[{', '.join(parts)}]"} if 'parts' in e else {}))


def sum_block_ceil(p, i, e):
    parts = [rate(tariff('graduated', [tier_text(line[-1], None, block=line[1] if len(line) > 2 else None)]), line[0])
             for line in i.values()]
    return money(e, ' + '.join(parts), parts=f"ARRAY[{', '.join(parts)}]")


def package_ceil(p, i, e):
    text = tariff('graduated', [tier_text(i['price'], None, block=i['block'])])
    return money(e, rate(text, i['qty']), blocks=column(text, i['qty'], f"quantity / {i['block']}"))


def ceil_unit(p, i, e):
    text = tariff('graduated', [tier_text('1', None, block=i['unit_ms'])])
    return {'billed_ms': column(text, i['ms'], 'quantity')}


def base_plus_increment(p, i, e):
    if 'list_5mbps' in i:
        text = tariff('graduated', [tier_text('0', 5, i['list_5mbps']), tier_text(i['extra_per_mbps'], None)])
        return money(e, f"{i['months']} * " + rate(text, i['mbps']))
    text = tariff('graduated', [tier_text('0', i['tier_lower'], i['tier_start_fee']), tier_text(i['per_extra'], None)])
    return money(e, rate(text, i['qty']))


def commit_plus_overage(p, i, e):
    text = tariff('graduated', [tier_text(i['commit_price'], i['commit_mbps']), tier_text(i['overage_price'], None)])
    return money(e, rate(text, i['actual_mbps']), prepaid=rate(text, i['commit_mbps']),
                 overage=rate(text, f"{i['commit_mbps']}, {i['actual_mbps']} - {i['commit_mbps']}", 'rate_between'))


def hourly_ceil(p, i, e):
    if 'hours_exact' not in i:
        raise NotApplicable
    config = tariff('graduated', [tier_text(i['config_hour'], None, block=1)])
    traffic = tariff('graduated', [tier_text(i['gb_price'], None)])
    parts = rate(config, i['hours_exact']), rate(traffic, i['gb'])
    return money(e, ' + '.join(parts), config=parts[0], traffic=parts[1],
                 hours_billed=column(config, i['hours_exact'], 'quantity'))


def peer(p, i, e):
    if 'round' in p or p['model'] == 'package':
        text = tariff('graduated', [tier_text(p['amount'], None, block=p['size'])], f"free {p.get('free_units', 0)}",
                      f"round {p.get('round', 'up')}")
    else:
        text = peer_tariff(p)
    return money(e, rate(text, i['qty']))


def graduated_percentage(p, i, e):
    return money(e, rate(tariff('graduated', dict_tiers(p['tiers']), 'zero flat' if p['zero_flat'] else ''), i['qty']))


def percentage(p, i, e):
    if any(p.get(key) not in (None, '0') for key in ('free_events', 'free_total')):
        raise NotApplicable
    words = [f'{word} {p[key]}' for word, key in (('min', 'min_per_tx'), ('max', 'max_per_tx')) if p.get(key)]
    text = tariff('graduated each', [tier_text(p['rate_pct'], None, p.get('fixed'), percent='%')], *words)
    events = ', '.join(i['events'])
    return money(e, f'(SELECT billing.rate_sum({quote(text)}, event) FROM unnest(ARRAY[{events}]::numeric[]) event)')


def blocks(p, i, e):
    text = tariff('graduated', [tier_text(t['unit'], t['up_to'], t['flat'], p['block']) for t in p['tiers']])
    return money(e, rate(text, i['qty']))


def bounded(p, i, e):
    text = tariff('volume', dict_tiers(p['tiers']))
    return {'error': f"CASE pg_temp.state_of({quote(text)}, {i['qty']}) WHEN 'UBT01' THEN 'no_tier' END"}


def allowance(p, i, e):
    shift = p['allowance']
    tiers = [tier_text('0', shift)] + [
        tier_text(t['unit'], t['up_to'] and int(t['up_to']) + int(shift), t['flat']) for t in p['tiers']]
    return money(e, rate(tariff('volume', tiers), i['qty']))


def delta_rating(p, i, e):
    if 'min_amount' in p:
        raise NotApplicable
    text = peer_tariff(p, 'digits 2', *limits(p))
    deltas = [rate(text, i['cumulative_qty'][0])]
    deltas += [rate(text, f'{before}, {now} - {before}', 'rate_between')
               for before, now in zip(i['cumulative_qty'], i['cumulative_qty'][1:])]
    return {'delta_totals': f"ARRAY[{', '.join(deltas)}]"}


def line_split(p, i, e):
    now = f"{i['pre_qty']} + {i['line_qty']}"
    total = rate(peer_tariff(p, *limits(p, i['position'] in ('last', 'only'))), now) + f" - {i['prev_billed']}"
    amount = rate(peer_tariff(p), now) + f" - {i['prev_billed']}"
    return {'total': total, 'amount': amount, 'minimum': f'{total} - ({amount})', 'discount': f'{amount} - ({total})'}


def bucketed(p, i, e):
    return money(e, ' + '.join(rate(peer_tariff(p['inner']), q) for q in i['bucket_values']))


def unit_config_price(p, i, e):
    if p['op'] != 'divide' or p['round'] != 'ceil':
        raise NotApplicable
    text = tariff('graduated', [tier_text(p['unit'], None, block=p['factor'])])
    return money(e, rate(text, i['line_qty']), billed_qty=column(text, i['line_qty'], f"quantity / {p['factor']}"))


def unit_config(p, i, e):
    """A conversion is what a price of 1 for each unit gives."""
    per, price = (p['factor'], '1') if p['op'] == 'divide' else ('1', p['factor'])
    how = {'ceil': 'up', 'floor': 'down', 'half_away': 'half up'}.get(p['round'])
    return {'qty': rate(tariff('graduated', [tier_text(price, None)], f'per {per}', how and f"digits {p['precision']} {how}"), i['qty'])}


def unit_conversion(p, i, e):
    units = rate(tariff('graduated', [tier_text(i['vau_per_million'], None)], 'per 1M'), i['requests'])
    return money(e, rate(tariff('graduated', [tier_text(i['unit_price_usd'], None)]), units), vau=units)


def price_change(p, i, e):
    parts = [rate(tariff('graduated', [tier_text(p[f'{which}_unit_minor'], None)]), i[f'qty_{when}'])
             for which, when in (('old', 'before'), ('new', 'after'))]
    return {'amounts_minor': f"ARRAY[{', '.join(parts)}]"}


def duration(p, i, e):
    ends = [group['from_s'] for group in p['groups'][1:]] + [None]
    tiers = [(f"flat {p['connect_fee']} + " if n == 0 else '') +
             f"{g['rate']} per {g['per_s']} block {g['increment_s']}" + (f' up to {end}' if end else ' beyond')
             for n, (g, end) in enumerate(zip(p['groups'], ends))]
    return money(e, rate(tariff('graduated', tiers), i['seconds']))


def rounding(p, i, e):
    if p['scale'] < 0 or i['value'].startswith('-'):
        raise NotApplicable
    how = {'half_away': 'half up', 'half_even': 'half even', 'ceil': 'up', 'floor': 'down'}[p['mode']]
    return {'value': rate(tariff('graduated', [tier_text('1', None)], f"digits {p['scale']} {how}"), i['value'])}


def consumable(p, i, e):
    model = 'graduated' if p['model'].endswith('ALL_TIERS') else 'volume'
    if 'multi_unit' in p['model']:
        return money(e, ' + '.join(rate(consumable_tariff(model, p[unit]), quantity) for unit, quantity in i.items()))
    tiers = [(t['size'], t['max_blocks'], t['price']) for t in p['tiers']]
    return money(e, rate(consumable_tariff(model, tiers), i['units']))


def consumable_tariff(model, tiers):
    texts, upper = [], 0
    for size, count, price in tiers:
        upper += int(size) * int(count)
        texts.append(tier_text(price, upper, block=size))
    return tariff(model, texts)


def rerate_delta(p, i, e):
    if p.get('policy') != 'ALL_TIERS':
        raise NotApplicable
    now = ' + '.join(rate(consumable_tariff('graduated', p[unit]), q) for unit, q in i['units_now'].items())
    return {'to_bill': f"{now} - {i['billed_amount']}"}


def capacity(p, i, e):
    tiers = [(list(t['max'].items()), t['price']) for t in p['tiers']]
    if any(len(maxima) != 1 for maxima, _ in tiers):
        raise NotApplicable
    texts = [f'flat {price} ' + ('beyond' if maxima[0][1] == -1 else f'up to {maxima[0][1]}') for maxima, price in tiers]
    return money(e, rate(tariff('volume', texts), i[tiers[0][0][0][0]]))


def true_up(p, i, e):
    if 'min_minor' in p:
        if i['billed_days'] != i['period_days']:
            raise NotApplicable
        least, used, digits = p['min_minor'], i['used_minor'], 'digits 0'
    else:
        least, used, digits = p['commitment'], i['used'], f"digits {p['scale']}"
    one_each = [tier_text('1', None)]
    return dict.fromkeys(e, rate(tariff('graduated', one_each, f'min {least}', digits), used) + ' - ' +
                         rate(tariff('graduated', one_each, digits), used))


def entitlement_windows(p, i, e):
    texts = [(tariff('graduated', [tier_text(p['unit'], None)], f"free {w['quota']}"), w['used']) for w in i['windows']]
    return money(e, ' + '.join(rate(*pair) for pair in texts),
                 billable_qty=' + '.join(f"coalesce({column(*pair, 'quantity')}, 0)" for pair in texts))


def tokens(p, i, e):
    if p['markup_pct'] != '0':
        raise NotApplicable
    return money(e, ' + '.join(rate(tariff('graduated', [tier_text(p[f'{way}_per_million'], None)], 'per 1M'), i[way])
                               for way in ('input', 'output')))


def unit_rounded(p, i, e):
    return money(e, rate(tariff('graduated', [tier_text(p['unit'], None)]), f"{i['qty']}, {p['scale']}"))


MAPPED = {
    'tier_attained': cloud_tiers, 'tier_progressive': cloud_tiers, 'tier_progressive+flat': cloud_tiers,
    'tier_progressive_incremental': incremental, 'linear': linear, 'linear_with_free': linear,
    'linear_with_free_block': free_block, 'sum_linear': sum_linear, 'sum_linear_with_free': sum_linear,
    'sum_block_ceil': sum_block_ceil, 'package_price_ceil': package_ceil, 'ceil_unit': ceil_unit,
    'tier_base_plus_increment': base_plus_increment, 'step_list_plus_linear': base_plus_increment,
    'commit_plus_overage': commit_plus_overage, 'hourly_ceil': hourly_ceil,
    'unit': peer, 'package': peer, 'graduated': peer, 'volume': peer, 'graduated_percentage': graduated_percentage,
    'percentage': percentage, 'graduated_blocks': blocks, 'volume_bounded': bounded, 'volume_allowance': allowance,
    'delta_rating': delta_rating, 'line_split': line_split, 'bucketed': bucketed, 'unit_rounded': unit_rounded,
    'token_price': tokens,
    'unit_config': unit_config, 'unit_conversion': unit_conversion, 'metered_price_change': price_change,
    'unit_config_price': unit_config_price, 'duration_rate': duration, 'round': rounding,
    'usage.consumable.ALL_TIERS': consumable, 'usage.consumable.TOP_TIER': consumable,
    'usage.consumable.multi_unit.ALL_TIERS': consumable, 'usage.consumable.multi_unit.TOP_TIER': consumable,
    'usage.rerate_delta': rerate_delta, 'usage.capacity': capacity, 'charge_minimum': true_up, 'commitment_true_up_rounded': true_up,
    'entitlement_windows_sum': entitlement_windows,
}

SETUP = """
CREATE FUNCTION pg_temp.state_of(t billing.tariff, q numeric) RETURNS text LANGUAGE plpgsql AS
$$BEGIN RETURN billing.rate(t, q)::text; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END$$;
"""


def same(expression, expected):
    """SQL that is true if the expression is the expected figure or list of figures."""
    if isinstance(expected, list):
        return f"({expression}) = ARRAY[{', '.join(map(str, expected))}]::numeric[]"
    if re.fullmatch(r'-?[0-9.]+', str(expected)):
        return f'({expression}) = {expected}::numeric'
    return f'({expression}) = {quote(expected)}'


def reason_for(model):
    for known in (run_meters.REASONS, run_terms.REASONS):
        if model in known:
            return known[model]
    for pattern, reason in REASONS.items():
        if re.match(pattern, model):
            return reason
    return 'not a price of a quantity'


def rows(folder):
    for name in FILES:
        with open(os.path.join(folder, name), newline='') as file:
            for row in csv.DictReader(file):
                params = json.loads(row.get('params_json') or '{}')
                params['model'] = params.get('model', row['model'])
                yield row['id'], row['model'], params, json.loads(row['inputs_json']), json.loads(row['expected_json'])


def collect(folder):
    """The questions, as (id, model, key, SQL), what differs in the rows that meters or terms answer, and how many rows of a model do not apply."""
    questions, others, refused = [], [], {}
    for number, model, params, inputs, expected in rows(folder):
        try:
            if model not in MAPPED:
                raise NotApplicable
            answers = MAPPED[model](params, inputs, expected)
        except NotApplicable:
            answered = False
            for kind, file in (('meters', run_meters), ('terms', run_terms)):
                differs = None if answered else file.example(number, model, {**params, **inputs}, expected)
                if differs is not None:
                    others.append((number, model, kind, differs))
                    answered = True
            if not answered:
                refused[model] = refused.get(model, 0) + 1
            continue
        for key, value in expected.items():
            if key in NOT_COMPARED:
                continue
            text = same(answers[key], value) if key in answers else 'false'
            questions.append((number, model, key, text, answers.get(key, 'no answer is mapped')))
    return questions, others, refused


def table(passed, refused):
    """The lines of docs/coverage.md: a model, how many rows pass, how many do not apply, and why not."""
    return [f"| `{model}` | {passed.get(model, 0)} | {refused.get(model, 0) or ''} | {reason_for(model) if model in refused else ''} |"
            for model in sorted(set(passed) | set(refused))] + [
            f'| all | {sum(passed.values())} | {sum(refused.values())} | |']


def main():
    folder = os.path.join(os.environ.get('BILLING_SHARED', ''), 'vectors')
    if not os.environ.get('BILLING_SHARED') or not os.path.isdir(folder):
        print('SKIP: the worked examples are not here ($BILLING_SHARED)')
        return 77
    questions, others, refused = collect(folder)
    script = SETUP + ''.join(f'SELECT {n}, coalesce({question[3]}, false), ({question[4]})::text;\n'
                             for n, question in enumerate(questions) if question[3] != 'false')
    answer = subprocess.run(['psql', '-XqAt', '-F', '\t', '-f', '-'], input=script, capture_output=True, text=True,
                            check=False)
    found = {int(line.split('\t')[0]): line.split('\t')[1:] for line in answer.stdout.splitlines()}

    passed, failed = {}, {}
    for n, (number, model, key, _, asked) in enumerate(questions):
        good = found.get(n, ['f'])[0] == 't'
        (passed if good else failed).setdefault(model, set()).add(number)
        if not good:
            print(f'DIFFERENT {model} {number} {key}: {asked} gave {found.get(n, ["", "an error"])[1]}')
    for number, model, kind, differs in others:
        (failed if differs else passed).setdefault(model, set()).add(number)
        if differs:
            print(f'DIFFERENT {model} {number} ({kind}): {differs}')
    print(answer.stderr, end='')
    for model in sorted(set(passed) | set(failed) | set(refused)):
        wrong = failed.get(model, set())
        right = len(passed.get(model, set()) - wrong)
        print(f'{model}: {right} passed' + (f', {len(wrong)} DIFFERENT' if wrong else '') +
              (f', {refused[model]} not applicable ({reason_for(model)})' if model in refused else ''))
    wrong = sum(map(len, failed.values()))
    right = len(set().union(*passed.values()) - set().union(*failed.values(), set()))
    by = [sum(kind == k for _, _, k, differs in others if not differs) for kind in ('meters', 'terms')]
    print(f'vectors: {right} rows passed ({right - sum(by)} by tariffs, {by[0]} by meters, {by[1]} by terms), {wrong} different, {sum(refused.values())} not applicable; '
          'not compared: ' + ', '.join(f'{key} ({why})' for key, why in NOT_COMPARED.items()))
    lines = table({model: len(ids - failed.get(model, set())) for model, ids in passed.items()}, refused)
    with open(COVERAGE, encoding='utf-8') as file:
        kept = file.read().split('## Vectors by model\n')[-1].split('\n## ')[0].splitlines()
    kept = [line for line in kept if line.startswith(('| `', '| all '))]
    for line in sorted(set(lines) ^ set(kept)):
        print('DIFFERENT docs/coverage.md ' + ('lacks ' if line in lines else 'has ') + line)
    if '--table' in sys.argv:
        print('\n'.join(lines))
    return 1 if wrong or answer.returncode or lines != kept else 0


if __name__ == '__main__':
    sys.exit(main())
