# A ring that is killed in the middle of the timers, by the operator or by a crash of the server, and rung again: no step is
# lost, and none is done twice.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use PostgreSQL::Test::Utils;
use BillingNode;

# A batch of timers is of 20,000: three of them, so that one is done and one is left whenever the ring is killed.
my $accounts = long_run() ? 120_000 : 50_000;
my $node = start_server('timers_killed', <<'END');
fsync = on
restart_after_crash = on
log_min_messages = fatal
END
new_database($node, 'killed', '2026-01-01');
# Overdue accounts with a resource each, 500 of them with a plan that has a policy of its own, and a package that ends.  The
# others are written as open_account() and adjust() would, in a few statements.
$node->safe_psql('killed', <<"END");
INSERT INTO billing.lifecycle (policy, rule) VALUES ('hard', 'notice immediately, restrict elastic after 1 hour, suspend after 1 day, release after 10 days');
INSERT INTO billing.account (account_id, name, currency, time_zone, policy, opened_at) SELECT n, 'a' || n, 'USD', 'UTC', 'hard', '2026-01-01' FROM generate_series(1, $accounts) n;
INSERT INTO billing.account_state (account_id, invoice_period, next_invoice_at) SELECT n, '2026-01-01', '2026-02-01' FROM generate_series(1, 500) n;
INSERT INTO billing.account_state (account_id, balance, state, state_since, overdue_since, lifecycle_id, next_at, invoice_period, next_invoice_at)
SELECT n, -5, 'overdue', '2026-01-02', '2026-01-02', l.lifecycle_id, '2026-01-02', '2026-01-01', '2026-02-01' FROM generate_series(501, $accounts) n, billing.lifecycle l WHERE l.policy = 'hard';
INSERT INTO billing.transfer (account_id, at, debit, credit, amount, balance_after, kind, source) SELECT n, '2026-01-02', 'wallet', 'cash', 5, -5, 'pay_out', 'call' FROM generate_series(501, $accounts) n;
INSERT INTO billing.lifecycle_step (account_id, subject, subject_id, step, action, due_at, at, applied_at)
SELECT n, 'account', n::text, 0, 'overdue', '2026-01-02', '2026-01-02', '2026-01-02' FROM generate_series(501, $accounts) n;
INSERT INTO billing.resource (account_id, resource, kind, state, since, added_at) SELECT n, 'r', 'elastic', 'active', '2026-01-01', '2026-01-01' FROM generate_series(1, $accounts) n;
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy, overdue_policy) VALUES ('own', 'USD', 0, '1 month', 'plan', 'defender');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, expiry_policy) VALUES ('P', 'm', 1, '9 days', 0, 'USD', 'package');
SELECT billing.subscribe(n, 'own', at => '2026-01-01') FROM generate_series(1, 500) n;
SELECT billing.purchase_package(n, 'P', at => '2026-01-01') FROM generate_series(1, 500) n;
CALL billing.tick('2026-01-02');
SELECT billing.adjust(n, -5, 'debt', at => '2026-01-02 00:00') FROM generate_series(1, 500) n;
ANALYZE;
END

my $steps = sub { $node->safe_psql('killed', 'SELECT count(*) FROM billing.lifecycle_step') };

# killed(how, instant): rings, and once steps have been committed and not all of them, ends the ring in that way.
my $killed = sub {
	my ($how, $at) = @_;
	my $before = $steps->();
	my $checkpointer = $node->safe_psql('killed', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
	my $ring = IPC::Run::start(['psql', '-Xq', '-d', $node->connstr('killed'), '-c', "SET application_name = 'ringer'", '-c', "CALL billing.tick('$at')"],
		'>', \my $out, '2>', \my $err);
	my $told = 0;
	for (1 .. 6000)
	{
		last if $node->safe_psql('killed', 'SELECT count(*) FROM billing.lifecycle_step') > $before;
		select undef, undef, undef, 0.01;
	}
	my $pid = $node->safe_psql('killed', "SELECT pid FROM pg_stat_activity WHERE application_name = 'ringer' AND state = 'active'");
	isnt($pid, '', "$how: the ring is in the middle");
	return if $pid eq '';
	if ($how eq 'terminated') { $node->safe_psql('killed', "SELECT pg_terminate_backend($pid)") }
	else { kill 9, $pid }
	$ring->finish;
	isnt($err, '', "$how: it did not come to its end");
	return if $how ne 'crashed';
	# Not before it has seen the crash: a server that starts again has new processes.  The question is no standard input, which psql
	# leaves unread while there is no server.
	for (1 .. 600)
	{
		my $back = '';
		IPC::Run::run(['psql', '-XAtq', '-d', $node->connstr('killed'), '-c', "SELECT pid <> $checkpointer FROM pg_stat_activity WHERE backend_type = 'checkpointer'"],
			'<', '/dev/null', '>', \$back, '2>', \my $ignored);
		return if $back eq "t\n";
		select undef, undef, undef, 0.1;
	}
	die 'the server does not come back';
};
$killed->('terminated', '2026-01-02 00:01');
$killed->('crashed', '2026-01-02 00:02');
is($node->safe_psql('killed', "SELECT count(*) > 0 FROM billing.account_state WHERE next_at < '2026-01-02 00:02'"), 't', 'steps are left to do');
$node->safe_psql('killed', "CALL billing.tick('2026-01-02 00:03')");
is($node->safe_psql('killed', "SELECT count(*), count(DISTINCT account_id) FROM billing.notice WHERE kind = 'overdue'"), "$accounts|$accounts", 'rung again: every account is told, each once');
is($node->safe_psql('killed', "SELECT count(*), count(DISTINCT account_id) FROM billing.lifecycle_step WHERE subject = 'account' AND action = 'notice'"), "$accounts|$accounts",
	'and history has it once');
is($node->safe_psql('killed', "SELECT DISTINCT at FROM billing.lifecycle_step WHERE action = 'notice' AND subject = 'account'"), '2026-01-02 00:00:00+00', 'as if it had been in time');

$killed->('crashed', '2026-01-02 01:01');
$killed->('terminated', '2026-01-02 01:02');
$node->safe_psql('killed', "CALL billing.run('2026-01-14')");
is($node->safe_psql('killed', <<'END'), <<"END" =~ s/\s+$//r, 'in the end each step is done once');
SELECT subject, action, step, count(*), count(DISTINCT (account_id, subject_id)) FROM billing.lifecycle_step WHERE subject IN ('account', 'resource', 'subscription') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
END
account|notice|1|$accounts|$accounts
account|overdue|0|$accounts|$accounts
account|release|4|$accounts|$accounts
account|restrict|2|$accounts|$accounts
account|suspend|3|$accounts|$accounts
resource|release|4|$accounts|$accounts
resource|restrict|2|$accounts|$accounts
subscription|notice|2|500|500
subscription|overdue|0|500|500
subscription|release|3|500|500
subscription|suspend|1|500|500
END
is($node->safe_psql('killed', 'SELECT count(*) - count(DISTINCT (account_id, kind, subject, subject_id, cause)) FROM billing.notice'), '0', 'no notice twice');
is($node->safe_psql('killed', "SELECT count(*) FROM billing.notice WHERE kind = 'package_expires'"), '500', 'nor is one of the packages lost');
verify_is_empty($node, 'killed');
$node->stop;
done_testing();
