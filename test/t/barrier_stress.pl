# Twelve writers and two closers, as fast as they can, for some seconds: no row may appear in a cycle that was
# drained before.  First on the barrier alone, where cycles close by the hundred a second; then with closers in
# transaction blocks, who keep writers waiting; then with the whole of settling behind it, where each row must
# become money.
#
#   BILLING_STRESS_SECONDS   how long each of the three runs (4; 60 with BILLING_LONG=1)
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use IPC::Run;
use Test::More;
use PostgreSQL::Test::Utils;
use BillingNode;

my $seconds = $ENV{BILLING_STRESS_SECONDS} || (long_run() ? 60 : 4);
my $node = start_server('barrier_stress', "max_connections = 60\nmax_prepared_transactions = 40\n");
my $dir = $node->basedir;

# ---- writers: each script is one transaction, or what comes after one ----

my $columns = '(account_id, meter, event_time, quantity)';
my $insert = "INSERT INTO billing.usage $columns VALUES (:client_id, 'm', '2025-01-01 00:10+00', 1);";
my $pause = "\\set us random(0, 10000)\n\\sleep :us us";

my %writer = (
	'single@20' => $insert,
	'several@4' => "BEGIN;\n$insert\n$insert\n$pause\n$insert\nCOMMIT;",
	'many_rows@2' => "INSERT INTO billing.usage $columns SELECT :client_id, 'm', '2025-01-01 00:10+00', 1 FROM generate_series(1, 50);",
	'undone@2' => "BEGIN;\n$insert\n$pause\nROLLBACK;",
	# the cycle is taken in the subtransaction that is undone
	'savepoint_first@4' => "BEGIN;\nSAVEPOINT s;\n$insert\nROLLBACK TO s;\n$pause\n$insert\n$pause\nCOMMIT;",
	# the cycle is taken before it
	'savepoint_later@4' => "BEGIN;\n$insert\nSAVEPOINT s;\n$insert\n$pause\nROLLBACK TO s;\n$insert\n$pause\nCOMMIT;",
	'exception@4' => "BEGIN;\nDO \$\$ BEGIN\n$insert\nRAISE division_by_zero;\nEXCEPTION WHEN division_by_zero THEN END \$\$;\n"
		. "$pause\n$insert\n$pause\nCOMMIT;",
	# the snapshot is older than what others close meanwhile
	'repeatable@4' => "BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT cycle FROM billing.barrier;\n$pause\n$insert\n$pause\n$insert\nCOMMIT;",
	'serializable@2' => "BEGIN ISOLATION LEVEL SERIALIZABLE;\nSELECT cycle FROM billing.barrier;\n$pause\n$insert\n$pause\nCOMMIT;",
	'slow@1' => "BEGIN;\n$insert\n\\sleep 200 ms\n$insert\nCOMMIT;",
	# The lock goes with the prepared transaction.  (Another insert before COMMIT PREPARED would wait for ever: for a
	# closer in a transaction block, which waits for the prepared one.)
	'prepared@3' => "BEGIN;\n$insert\nPREPARE TRANSACTION 'p:client_id';\n$pause\nCOMMIT PREPARED 'p:client_id';",
	'copy@3' => "COPY billing.usage $columns FROM '$dir/rows';");

append_to_file("$dir/rows", join('', map { "$_\tm\t2025-01-01 00:10:00+00\t1\n" } (0 .. 11) x 3));

# ---- closers ----

# Notes, for each cycle that has been drained since the last time, how many rows it has; in a statement of its
# own, so with a snapshot later than the drain.  The table grows too quickly for its statistics.
my $look_function = <<'END';
CREATE TABLE seen (cycle int PRIMARY KEY, events bigint);
CREATE FUNCTION look() RETURNS void LANGUAGE sql SET enable_seqscan = off SET enable_bitmapscan = off AS $$
	INSERT INTO seen
	SELECT c, (SELECT count(*) FROM billing.usage u WHERE billing.cycle_of(u.arrived, u.event_time) = c)
	FROM billing.barrier b, generate_series((SELECT coalesce(max(s.cycle) + 1, 482136) FROM seen s), b.cycle - 1) c
	WHERE b.mark = 'drained'
	ON CONFLICT DO NOTHING
$$;
END
my $look = 'SELECT look();';
my $next = "SELECT cycle + 1 AS next FROM billing.barrier WHERE mark = 'watermark' \\gset";

my %closer = (
	'plain@20' => "$next\nSELECT billing._advance(:next, false);\nSELECT billing._drain(false);\n$look",
	# several cycles at once, as after an outage
	'leap@1' => "$next\nSELECT billing._advance(:next + 20, false);\nSELECT billing._drain(false);\n$look");
my %blocker = (
	'plain@20' => $closer{'plain@20'},
	'dry_run@1' => "BEGIN;\n$next\nSELECT billing._advance(:next, true);\nSELECT billing._drain(true);\n$look\nROLLBACK;",
	'block@1' => "BEGIN;\n$next\nSELECT billing._advance(:next, true);\nSELECT billing._drain(true);\n$look\nCOMMIT;",
	# advanced and drained in one transaction without keeping writers out: nothing of it may be drained
	'careless@1' => "BEGIN;\n$next\nSELECT billing._advance(:next, false);\nSELECT billing._drain(false);\n$look\nCOMMIT;");
my %settler = (
	'settle@8' => "$next\nCALL billing.settle(billing.cycle_start(:next));\n$look",
	'tick@2' => "$next\nCALL billing.tick(billing.cycle_start(:next));\n$look",
	'dry_run@1' => "BEGIN;\n$next\nCALL billing.settle(billing.cycle_start(:next));\n$look\nROLLBACK;",
	'block@1' => "BEGIN;\n$next\nCALL billing.settle(billing.cycle_start(:next));\n$look\nCOMMIT;");

# ---- running them ----

sub script_options
{
	my ($kind, $scripts) = @_;
	my @options;
	foreach my $name (sort keys %$scripts)
	{
		my ($file, $weight) = split /@/, $name;
		$file = "$dir/$kind.$file";
		append_to_file($file, "$scripts->{$name}\n") unless -e $file;
		push @options, '-f', "$file\@$weight";
	}
	return @options;
}

# pgbench ends with 2 if a statement failed, and says which.
sub start_pgbench
{
	my ($db, $clients, $out, @options) = @_;
	return IPC::Run::start(
		[
			'pgbench', '-n', '-c', $clients, '-j', 2, '-T', $seconds, '-h', $node->host, '-p', $node->port,
			@options, $db
		],
		'>', $out, '2>', $out);
}

sub stress
{
	my ($db, $kind, $closers) = @_;
	my ($wrote, $closed) = ('', '');
	my $writing = start_pgbench($db, 12, \$wrote, script_options('writer', \%writer));
	my $closing = start_pgbench($db, 2, \$closed, script_options($kind, $closers));
	ok($writing->finish, "$db: 12 writers wrote without an error") or diag($wrote);
	ok($closing->finish, "$db: 2 closers closed without an error") or diag($closed);
	is($node->safe_psql($db, 'SELECT gid FROM pg_prepared_xacts'), '', "$db: nothing is left prepared");
	return;
}

sub new_stressed
{
	my ($db) = @_;
	new_database($node, $db, '2025-01-01 00:00+00');
	$node->safe_psql($db, $look_function);
	return;
}

# A row that appears in a cycle after it was drained would never be billed.
sub nothing_is_lost
{
	my ($db) = @_;
	$node->safe_psql($db, $_) foreach "SELECT billing._advance(max(billing.cycle_of(arrived, event_time)) + 1, false) FROM billing.usage",
		'SELECT billing._drain(false)', $look;
	is($node->safe_psql($db, 'SELECT count(DISTINCT cycle) FROM billing.barrier'), 1, "$db: every cycle is drained in the end");
	is( $node->safe_psql(
			$db, <<'END'), '', "$db: no row appeared in a cycle that had been drained");
SELECT format('cycle %s had %s rows when it was drained and has %s', s.cycle, s.events, u.events)
FROM seen s FULL JOIN (SELECT billing.cycle_of(arrived, event_time) AS cycle, count(*) AS events FROM billing.usage GROUP BY 1) u USING (cycle)
WHERE s.events IS DISTINCT FROM coalesce(u.events, 0) ORDER BY 1 LIMIT 20
END
	my ($rows, $cycles, $drained) = split /\|/,
		$node->safe_psql($db, 'SELECT sum(events), count(*) FILTER (WHERE events > 0), count(*) FROM seen');
	note("$db: $rows rows in $cycles cycles, $drained cycles drained");
	cmp_ok($rows, '>', 100 * $seconds, "$db: the writers were busy");
	cmp_ok($cycles, '>=', 3, "$db: and so were the closers"); # how many depends on the machine
	return;
}

new_stressed('barrier');
stress('barrier', 'closer', \%closer);
nothing_is_lost('barrier');

new_stressed('blocks');
stress('blocks', 'blocker', \%blocker);
nothing_is_lost('blocks');

new_stressed('settled');
$node->safe_psql('settled', <<'END');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('m', 'piece', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'client', account_id => c, credit_limit => 1000000000, at => '2025-01-01') FROM generate_series(1, 12) c;
END
# account 0 can not be opened: that client's rows are kept as unrated
stress('settled', 'settler', \%settler);
my $through = $node->safe_psql('settled', 'SELECT billing.cycle_start(max(billing.cycle_of(arrived, event_time)) + 1) FROM billing.usage');
$node->safe_psql('settled', "CALL billing.settle('$through')");
nothing_is_lost('settled');
is( $node->safe_psql(
		'settled', <<'END'), '', 'settled: every row of an account became money');
SELECT account_id, u.quantity, c.quantity, c.amount
FROM (SELECT account_id, sum(quantity) AS quantity FROM billing.usage WHERE account_id > 0 GROUP BY 1) u
FULL JOIN (SELECT account_id, sum(quantity) AS quantity, sum(amount) AS amount FROM billing.charges GROUP BY 1) c USING (account_id)
WHERE (u.quantity, u.quantity) IS DISTINCT FROM (c.quantity, c.amount)
END
is( $node->safe_psql('settled', 'SELECT count(*) FROM billing.usage WHERE account_id = 0'),
	$node->safe_psql('settled', 'SELECT count(*) FROM billing.unrated'),
	'settled: and every row without an account is kept back');
verify_is_empty($node, 'settled');

$node->stop;
done_testing();
