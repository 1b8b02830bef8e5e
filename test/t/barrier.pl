# The barrier where a test needs a server of its own: prepared transactions, a crash, a standby; and what one
# session remembers from one transaction to the next.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use BillingNode;

my $node = start_server('barrier', "max_prepared_transactions = 10\nwal_level = replica\nmax_wal_senders = 4\n");
my $db = 'postgres';
$node->safe_psql($db, 'CREATE EXTENSION billing');

# Cycles are told as hours since the start, 2025-01-01 00:00 UTC.
my $start = 482136;
my $insert = "INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2025-01-01 00:10+00', 1)"
	. " RETURNING billing.cycle_of(arrived, event_time) - $start";

sub marks
{
	return $node->safe_psql($db, "SELECT string_agg((cycle - $start)::text, ' ' ORDER BY mark) FROM billing.barrier");
}
sub writers
{
	return $node->safe_psql($db, "SELECT cycle - $start, pid IS NULL FROM billing._writers()");
}
sub settle
{
	my ($hour) = @_;
	$node->safe_psql($db, "CALL billing.settle(billing.cycle_start($start + $hour))");
	return marks();
}
sub error_of
{
	my ($on, $sql) = @_;
	my ($rc, $out, $err) = $on->psql($db, "\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
	return $err;
}

# ---- before install() ----

like(error_of($node, 'SELECT billing.open_cycle()'), qr/ERROR:  UB008: billing is not installed in database "postgres"\n.*\nHINT:  Call SELECT billing\.install\(\)/,
	'open_cycle() says that billing is not installed');
like(error_of($node, 'SELECT billing._drain(false)'), qr/ERROR:  UB008/, 'so does _drain()');
like(error_of($node, "CALL billing.$_"), qr/ERROR:  UB008/, "so does $_") foreach "tick()", "settle(now())", "run(now())";

$node->safe_psql($db, "SELECT billing.install(start => '2025-01-01 00:00+00')");
is(marks(), '0 0', 'install() opens the first cycle');

# ---- one session, many transactions ----

my $session = $node->background_psql($db);
is($session->query_safe($insert), 0, 'a session writes');
is(writers(), '', 'and holds nothing behind its commit');
is(settle(1), '1 1', 'the cycle closes');
is($session->query_safe($insert), 1, 'the session has not kept the cycle beyond COMMIT');
$session->query_safe('BEGIN');
is($session->query_safe($insert), 1, 'it writes again');
is(writers(), '1|f', '_writers() shows it');
$session->query_safe('ROLLBACK');
is(settle(2), '2 2', 'the cycle closes');
is($session->query_safe($insert), 2, 'nor beyond ROLLBACK');
is($session->query_safe('SELECT 1 FROM pg_advisory_unlock_all()'), 1, 'all advisory locks can be given back');
$session->query_safe('BEGIN');
$session->query_safe($insert);
$session->query_safe('SELECT pg_advisory_unlock_all()');
is(writers(), '2|f', 'which leaves the barrier alone');
$session->query_safe('COMMIT');

# ---- prepared transactions ----

$session->query_safe('BEGIN');
is($session->query_safe($insert), 2, 'a transaction to be prepared takes the open cycle');
$session->query_safe("PREPARE TRANSACTION 'two'");
is(writers(), '2|t', 'prepared, it holds its cycle without a session');
is(settle(3), '2 3', 'the cycle is not drained');
is($session->query_safe($insert), 3, 'the session has not kept the cycle beyond PREPARE TRANSACTION');

$node->stop('immediate');
$node->start;
is(writers(), '2|t', 'after a crash the prepared transaction still holds its cycle');
is(settle(3), '2 3', 'which is still not drained');
is($node->safe_psql($db, $insert), 3, 'others write with the open cycle');
$node->safe_psql($db, "COMMIT PREPARED 'two'");
is(settle(3), '3 3', 'committed, it lets its cycle go');

# A dry run that is prepared keeps writers out for as long.
$node->safe_psql($db, "BEGIN; CALL billing.settle(billing.cycle_start($start + 4)); PREPARE TRANSACTION 'run'");
my ($rc, $out, $err) = $node->psql($db, "SET lock_timeout = '100ms'; $insert");
like($err, qr/canceling statement due to lock timeout/, 'writers wait for a prepared closing');
$node->safe_psql($db, "ROLLBACK PREPARED 'run'");
is($node->safe_psql($db, $insert), 3, 'and go on with the old cycle when it is rolled back');

# ---- a writer that gives up waiting ----

my $closer = $node->background_psql($db);
$closer->query_safe("BEGIN; CALL billing.settle(billing.cycle_start($start + 4))");
my $writer = $node->background_psql($db);
$writer->query_safe("BEGIN; SET LOCAL lock_timeout = '100ms'");
$writer->query_safe(
	"DO \$\$ BEGIN INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2025-01-01 00:10+00', 1);"
		. " RAISE 'it did not wait'; EXCEPTION WHEN lock_not_available THEN END \$\$");
$closer->query_safe('COMMIT');
is($writer->query_safe($insert), 4, 'a writer whose wait was cancelled in a subtransaction takes the new cycle later');
is(settle(5), '4 5', 'and holds it');
$writer->query_safe('COMMIT');
is(settle(5), '5 5', 'until it ends');

# ---- a long way ----

my $far = 10 * 8766;
my $began = time;
$node->safe_psql($db, "SELECT billing._advance($start + $far, false)");
$node->safe_psql($db, 'SELECT billing._drain(false)');
is(marks(), "$far $far", 'ten years close at once');
cmp_ok(time - $began, '<', 10, 'in a moment');
is($node->safe_psql($db, "SELECT billing._advance($start, false) - $start"), $far, 'the watermark never goes back');

# ---- who may ----

$node->safe_psql($db, <<'END');
CREATE ROLE writer;
GRANT USAGE ON SCHEMA billing TO writer;
GRANT INSERT (account_id, meter, event_time, quantity) ON billing.usage TO writer;
END
is( $node->safe_psql($db,
		"SET ROLE writer; INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2025-01-01 00:10+00', 1)"),
	'', 'who may only insert usage needs no privilege on the barrier');
like(error_of($node, 'SET ROLE writer; SELECT billing._advance(2147483647, false)'),
	qr/ERROR:  42501/, 'and can not close a cycle');
like(error_of($node, 'SET ROLE writer; SELECT billing._drain(false)'), qr/ERROR:  42501/, 'nor drain one');

# ---- a standby ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('barrier_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
like(error_of($standby, 'SELECT billing.open_cycle()'), qr/ERROR:  25006: no usage can arrive on a standby/, 'a standby opens no cycle');
like(error_of($standby, "CALL billing.$_"), qr/ERROR:  25006: billing\.\w+\(\) can not run on a standby/, "nor does it run $_")
	foreach "tick()", "settle(now())", "run(now())";
$standby->promote;
is($standby->safe_psql($db, $insert), $far, 'promoted, it goes on where the primary was');
$standby->stop;

$session->quit;
$_->quit foreach $closer, $writer;
$node->stop;
done_testing();
