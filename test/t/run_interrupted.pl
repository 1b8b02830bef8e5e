# The test clock that is cancelled on its way and started again ends where one ends that was left alone.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use IPC::Run;
use PostgreSQL::Test::Utils;
use BillingNode;

my $node = start_server('run_interrupted');
my $until = '2026-04-20';
for my $db ('whole', 'cut')
{
	new_database($node, $db, '2026-01-01');
	$node->safe_psql($db, <<'END');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 0.5 up to 20, 0.25 beyond');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('p', 'USD', 3, '1 month', 'plan');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('p', 'm', 10);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('P', 'm', 20, '20 days', 1, 'USD', 'package');
SELECT billing.open_account(name => 'a', account_id => n, at => '2026-01-01'), billing.top_up(n, n, at => '2026-01-01') FROM generate_series(1, 12) n;
SELECT billing.subscribe(n, 'p', auto_renew => n % 2 = 0, at => timestamptz '2026-01-01' + n * interval '7 hours') FROM generate_series(3, 12) n;
SELECT billing.purchase_package(n, 'P', auto_renew => true, at => '2026-01-03') FROM generate_series(5, 12, 3) n;
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT n, 'm', '2026-01-01 00:10'::timestamptz + n % 4 * interval '1 hour' + d * interval '1 day', d || '-' || n, 1 + n % 3 FROM generate_series(1, 12) n, generate_series(0, 30) d;
END
}
$node->safe_psql('whole', "CALL billing.run('$until')");

# Each of the first rounds is cancelled when its clock has gone ten days on: by what has happened, not by how long it took.
my $cut = 0;
for my $round (1 .. 200)
{
	my $from = $node->safe_psql('cut', "SELECT coalesce(max(at), '2026-01-01') FROM billing.heartbeat");
	my $ring = IPC::Run::start(['psql', '-Xq', '-d', $node->connstr('cut'), '-c', "SET application_name = 'clock'", '-c', "CALL billing.run('$until')"], '>', \my $out, '2>', \my $err);
	if ($round <= 5)
	{
		$node->safe_psql('cut', <<"END");
SET statement_timeout = '2min';
DO \$\$
BEGIN
	WHILE NOT EXISTS (SELECT FROM billing.heartbeat WHERE at > timestamptz '$from' + interval '10 days') LOOP
		PERFORM pg_sleep(0.005);
	END LOOP;
	PERFORM pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'clock';
END;
\$\$;
END
	}
	$ring->finish;
	last if $err eq '';
	like($err, qr/canceling statement/, "round $round is cancelled on its way");
	$cut++;
}
is($cut, 5, 'the clock was cancelled five times');

# A number that a cancelled step took is not given again, so packages are told by their place in the account.
my $picture = <<'END';
CREATE FUNCTION pg_temp.place(account bigint, package text) RETURNS text LANGUAGE sql STABLE
AS $$ SELECT count(*)::text FROM billing.package p WHERE p.account_id = account AND p.package_id <= package::bigint $$;
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT (account_id, balance, unbilled, state, overdue_since, next_step, next_at)::text FROM billing.accounts
	UNION ALL SELECT (account_id, subject, CASE subject WHEN 'package' THEN pg_temp.place(account_id, subject_id) ELSE subject_id END,
		step, action, due_at, at, reason)::text FROM billing.lifecycle_steps
	UNION ALL SELECT (account_id, kind, subject, CASE subject WHEN 'package' THEN pg_temp.place(account_id, subject_id) ELSE subject_id END,
		cause, facts - 'package_id' - 'renews', at)::text FROM billing.notices
	UNION ALL SELECT (account_id, cycle, meter, source, CASE source WHEN 'package' THEN pg_temp.place(account_id, source_id::text) ELSE source_id::text END,
		quantity, amount)::text FROM billing.charges WHERE source <> 'fee'
	UNION ALL SELECT (account_id, plan, state, paid_until)::text FROM billing.subscriptions
	UNION ALL SELECT (number, account_id, period_start, total)::text FROM billing.invoices) x(line)
END
my ($whole, $again) = map { $node->safe_psql($_, $picture) } 'whole', 'cut';
cmp_ok(length $whole, '>', 10_000, 'much has happened');
is($again, $whole, 'the same states, steps, notices, charges and invoices as without interruption');
verify_is_empty($node, 'cut');
$node->stop;
done_testing();
