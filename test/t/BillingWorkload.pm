# The same accounts, prices and usage wherever it is loaded, and what billing made of them, without the numbers
# and clocks that may differ from run to run.
package BillingWorkload;

use strict;
use warnings;
use BillingNode;
use Exporter 'import';
our @EXPORT = qw(load_workload result_of $workload_end);

# January is over in every zone of the workload.
our $workload_end = '2026-02-02';

# load_workload(node, database, accounts, hours): usage of so many hours of January for so many accounts; more than
# 20,000 of them settle in several shards.
sub load_workload
{
	my ($node, $db, $accounts, $hours) = @_;
	new_database($node, $db, '2026-01-01');
	$node->safe_psql($db, <<"END");
INSERT INTO billing.meter VALUES ('traffic', 'byte', 'sum'), ('peak', 'bps', 'max');
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('traffic', 'USD', 'graduated per GB: 0.0756 up to 2 GB, 0.0634 up to 10 GB, 0.0560 beyond'),
	('peak', 'USD', 'volume per M: 0.31 up to 100M, 0.29 beyond');
INSERT INTO billing.price (meter, currency, valid_from, tariff) VALUES
	('traffic', 'USD', '2026-01-01 01:17', 'graduated per GB: 0.0700 up to 2 GB, 0.0600 beyond');
INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at)
SELECT n, 'a' || n, 'USD', (ARRAY['UTC', 'Asia/Kolkata', 'America/New_York'])[1 + n % 3], 'account', '2026-01-01' FROM generate_series(1, $accounts) n;
INSERT INTO billing.account_state (account_id, invoice_period, next_invoice_at)
SELECT a.account_id, p.period_start, p.period_end FROM billing.account a, billing.period_of('month', '2026-01-01 06:00', a.time_zone) p;
INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity)
SELECT n, 'traffic', 'r' || h % 2, '2026-01-01'::timestamptz + h * interval '1 hour' + n % 3600 * interval '1 second', h || '-' || n,
	(n::bigint * 7919 * (h + 1)) % 3000000007
FROM generate_series(1, $accounts) n, generate_series(0, $hours - 1) h;
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT n, 'peak', '2026-01-01'::timestamptz + h * interval '1 hour', h || '-' || n, n::bigint * 31 * (h + 1) % 200000000
FROM generate_series(1, $accounts, 10) n, generate_series(0, $hours - 1) h;
ANALYZE;
END
	return;
}

sub result_of
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, <<'END');
SELECT 'accounts', count(*), md5(string_agg(concat_ws(',', account_id, balance, unbilled), ';' ORDER BY account_id)) FROM billing.accounts
UNION ALL
SELECT 'charges', count(*), md5(string_agg(concat_ws(',', account_id, cycle, period_start, meter, region, resource, source_id, quantity, exact_amount, amount, invoice_period), ';'
	ORDER BY account_id, cycle, period_start, meter, region, resource, source_id, quantity, amount)) FROM billing.charges
UNION ALL
SELECT 'ledger', count(*), md5(string_agg(concat_ws(',', account_id, at, debit, credit, amount, balance_after, kind), ';' ORDER BY account_id, at, amount, kind, debit, balance_after)) FROM billing.ledger
UNION ALL
SELECT 'invoices', count(*), md5(string_agg(concat_ws(',', number, account_id, period_start, total), ';' ORDER BY number)) FROM billing.invoices
ORDER BY 1
END
}

1;
