# pg_dump and restore keep everything, and billing goes on in the new database.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use PostgreSQL::Test::Utils;
use BillingNode;
use BillingWorkload;

my $node = start_server('dump');
load_workload($node, 'original', 300, 30);
$node->safe_psql('original', <<'END');
SELECT billing.top_up(n, 100, key => 'first') FROM generate_series(1, 300, 7) n;
CALL billing.tick('2026-01-02 03:00');
SELECT billing.adjust(5, -1.23, 'a line of its own', at => '2026-01-02 03:00');
SELECT billing.add_resource(5, 'www', 'domain', at => '2026-01-02 03:00'), billing.activate_resource(5, 'www', at => '2026-01-02 03:00'), billing.set_low_balance(5, 50, at => '2026-01-02 03:00'),
	billing.override_lifecycle(6, 'account', '6', '2026-03-01', 'spared', at => '2026-01-02 03:00');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('ours', 'notice immediately, suspend after 1 hour, release after 30 days');
INSERT INTO billing.meter VALUES ('prepaid', 'GB', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('prepaid', 'USD', 'graduated: 0.1 up to 5, 0.05 beyond');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('packed', 'USD', 1, '10 days', 'ours');
INSERT INTO billing.plan_allowance (plan, meter, quantity) VALUES ('packed', 'prepaid', 2);
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, auto_renew_discount, requires_plan, expiry_policy) VALUES ('P', 'prepaid', 10, '20 days', 3, 'USD', 0.05, '{packed}', 'package');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, max_resources, stackable, auto_renew_scope) VALUES ('D', 'prepaid', 5, '50 days', 1, 'USD', 2, false, 'package');
INSERT INTO billing.package_coverage (offer, meter, region, factor) VALUES ('P', 'prepaid', '', 1), ('P', 'prepaid', 'far', 1.8);
SELECT billing.open_account(name => 'packed', account_id => n, at => '2026-01-02 03:00') FROM generate_series(401, 404) n;
SELECT billing.top_up(n, 50, at => '2026-01-02 03:00'), billing.grant_voucher(n, 2, '2026-02-10', at => '2026-01-02 03:00'),
	billing.subscribe(n, 'packed', terms => 2, auto_renew => n = 401, at => '2026-01-02 03:00') FROM generate_series(401, 404) n;
SELECT billing.purchase_package(n, 'P', auto_renew => n <> 402, voucher => 'auto', at => '2026-01-02 03:00') FROM generate_series(401, 404) n;
SELECT billing.add_resource(401, 'd1', 'device', at => '2026-01-02 03:00'), billing.activate_resource(401, 'd1', at => '2026-01-02 03:00');
SELECT billing.purchase_package(401, 'D', resources => '{d1}', at => '2026-01-02 03:00');
SELECT billing.change_package(401, package_id, 'D', '{d1}', at => '2026-01-02 03:00') FROM billing.package WHERE offer = 'D';
SELECT billing.refund_package(404, package_id, at => '2026-01-02 03:00') FROM billing.package WHERE account_id = 404;
INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity)
SELECT n, 'prepaid', r, 'd1', '2026-01-02 03:20'::timestamptz + h * interval '37 hours', h || r, (n - 390) / 10.0 FROM generate_series(401, 404) n, generate_series(0, 15) h, unnest(ARRAY['', 'far']) r;
-- something of everything: unrated usage, an account in quarantine, the user's own additions
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity) VALUES (1, 'unknown', '2026-01-02 03:10', 'x', 1), (2, 'hard', '2026-01-02 03:10', 'y', 9);
INSERT INTO billing.meter VALUES ('hard', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('hard', 'USD', 'graduated: 1 up to 1');
ALTER TABLE billing.account ADD COLUMN our_crm_id text;
CREATE INDEX ours ON billing.charge (meter);
CALL billing.tick('2026-02-02');
CALL billing.tick('2026-02-02 00:10');
CALL billing.tick('2026-02-03 01:00');
END
is($node->safe_psql('original', 'SELECT count(*) FROM billing.unrated'), '1', 'there is unrated usage');
is($node->safe_psql('original', 'SELECT count(*) FROM billing.quarantine'), '1', 'there is an account in quarantine');
is($node->safe_psql('original', "SELECT count(*) > 0 FROM billing.$_"), 't', "there are rows in $_") for 'lifecycle_step', 'notice', 'suspension', 'resource', 'lifecycle_override', 'subscription_chain', 'subscription_pause', 'package_chain',
	'subscription_term', 'allowance', 'package_resource', 'voucher', 'purchase';
is($node->safe_psql('original', 'SELECT string_agg(DISTINCT state, $$,$$) FROM billing.package'), 'active,exhausted,pending,refunded', 'and packages that are used up, given back, running, waiting');
verify_is_empty($node, 'original');
my $before = table_sums($node, 'original');
my $dir = $node->basedir;

my %way = (
	plain => sub {
		command_ok(['pg_dump', '-f', "$dir/plain.sql", $node->connstr('original')], 'pg_dump, plain');
		command_ok(['psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-1', '-f', "$dir/plain.sql", $node->connstr('plain')], 'restored in one transaction');
	},
	custom => sub {
		command_ok(['pg_dump', '-Fc', '-f', "$dir/custom", $node->connstr('original')], 'pg_dump -Fc');
		command_ok(['pg_restore', '--exit-on-error', '-d', $node->connstr('custom'), "$dir/custom"], 'restored');
	},
	jobs => sub {
		command_ok(['pg_restore', '--exit-on-error', '-j2', '-d', $node->connstr('jobs'), "$dir/custom"], 'the same with two jobs');
	});
for my $name ('plain', 'custom', 'jobs')
{
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$way{$name}->();
	is(table_sums($node, $name), $before, "$name: every table is the same");
	verify_is_empty($node, $name);
	is($node->safe_psql($name, "SELECT count(*) FROM pg_indexes WHERE indexname = 'ours'"), '1', "$name: what the user added is there");
}

# The restored database and the original go on alike.
my $go_on = <<'END';
INSERT INTO billing.usage (account_id, meter, event_time, event_key, quantity)
SELECT n, 'traffic', '2026-02-02 00:10'::timestamptz, 'later-' || n, n * 1000000 FROM generate_series(1, 300) n;
INSERT INTO billing.usage (account_id, meter, region, resource, event_time, event_key, quantity)
SELECT n, 'prepaid', r, 'd1', '2026-02-02 03:20'::timestamptz + h * interval '37 hours', 'later-' || h || r, (n - 390) / 10.0 FROM generate_series(401, 404) n, generate_series(0, 15) h, unnest(ARRAY['', 'far']) r;
SELECT billing.purchase_package(402, 'D', resources => NULL, at => '2026-02-02');
INSERT INTO billing.price (meter, currency, account_id, tariff) VALUES ('hard', 'USD', 2, 'graduated: 1 beyond');
SELECT count(billing.top_up(n, 100, key => 'first')) FROM generate_series(1, 300, 7) n;
CALL billing.tick('2026-03-02');
END
$node->safe_psql($_, $go_on) for 'original', 'jobs';
is(result_of($node, 'jobs'), result_of($node, 'original'), 'new usage is billed alike in both');
my $prepaid = 'SELECT md5(string_agg((account_id, offer, used, valid_from, valid_until, state, auto_renew, price_paid)::text, $$,$$ ORDER BY account_id, package_id)),
	count(*) FILTER (WHERE renews IS NOT NULL), (SELECT md5(string_agg((account_id, size, used)::text, $$,$$ ORDER BY account_id, allowance_id)) FROM billing.allowance),
	(SELECT md5(string_agg((account_id, kind, money, at)::text, $$,$$ ORDER BY account_id, order_id)) FROM billing.purchase) FROM billing.package';
is($node->safe_psql('jobs', $prepaid), $node->safe_psql('original', $prepaid), 'and deducted and renewed alike');
cmp_ok($node->safe_psql('jobs', "SELECT count(*) FROM billing.purchase WHERE kind = 'renewal' AND at > '2026-02-02'"), '>', 2, 'with renewals after the restore');
my $states = "SELECT md5(string_agg((account_id, action, due_at, at)::text, ',' ORDER BY step_id)) FROM billing.lifecycle_steps WHERE applied_at > '2026-02-02'";
is($node->safe_psql('jobs', $states), $node->safe_psql('original', $states), 'and so are the timers that were due');
verify_is_empty($node, 'jobs');
is($node->safe_psql('jobs', 'SELECT count(*) FROM billing.quarantine'), '0', 'the account is out of quarantine there too');

$node->stop;
done_testing();
