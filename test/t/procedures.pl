# CALL billing.tick(), settle(), run() from everywhere they can be called from: they commit between their steps
# where they can, and work in one transaction where they can not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use PostgreSQL::Test::Utils;
use BillingNode;

my $node = start_server('procedures');
my $db = 'procedures';
new_database($node, $db, '2025-01-01 00:00+00');
my $start = 482136;
$node->safe_psql($db, <<'END');
INSERT INTO billing.meter (meter, unit, aggregation) VALUES ('m', 'piece', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
SELECT billing.open_account(name => 'client', account_id => 1, credit_limit => 1000, at => '2025-01-01');
-- an hour's usage, the hour over
CREATE FUNCTION use(hour int) RETURNS timestamptz LANGUAGE sql AS $$
	INSERT INTO billing.usage (account_id, meter, event_time, quantity)
	VALUES (1, 'm', billing.cycle_start(482136 + hour) + interval '10 minutes', 1);
	SELECT billing.cycle_start(482136 + hour + 1)
$$;
-- how far the settlers are, how many steps of work there were, and in how many transactions
CREATE FUNCTION done(OUT settled int, OUT charges bigint, OUT transactions bigint) LANGUAGE sql AS $$
	SELECT min(settled_through) - 482136, (SELECT count(*) FROM billing.charge),
		(SELECT count(DISTINCT x.xmin::text) FROM (SELECT xmin FROM billing.barrier UNION ALL SELECT xmin FROM billing.shard) x)
	FROM billing.shard
$$;
END

sub error_of
{
	my ($sql) = @_;
	my ($rc, $out, $err) = $node->psql($db, "\\set VERBOSITY verbose\n$sql", on_error_stop => 0);
	return $err;
}
sub done { return $node->safe_psql($db, 'SELECT * FROM done()') }

# The same hour's work by each way of calling; only those that commit between steps leave several transactions.
my $hour = 0;
foreach my $way (
	[ 'CALL', 3, 'SELECT use(%1$d); CALL billing.settle(billing.cycle_start(%2$d))' ],
	[ 'CALL tick', 3, 'SELECT use(%1$d); CALL billing.tick(billing.cycle_start(%2$d))' ],
	[ 'CALL with a named argument', 3, 'SELECT use(%1$d); CALL billing.settle(through => billing.cycle_start(%2$d))' ],
	[ 'DO', 3, 'DO $$ BEGIN PERFORM use(%1$d); COMMIT; CALL billing.settle(billing.cycle_start(%2$d)); END $$' ],
	[ 'DO in a loop over a cursor', 3, 'DO $$ DECLARE r record; BEGIN FOR r IN SELECT use(%1$d) AS over, g FROM generate_series(1, 3) g'
			. ' LOOP CALL billing.settle(r.over); END LOOP; END $$', 3 ],
	[ 'a PL/pgSQL procedure', 3,
		'CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN PERFORM use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)); END $$; CALL p()' ],
	[ 'a PL/pgSQL procedure with SET', 1,
		'CREATE OR REPLACE PROCEDURE p() LANGUAGE plpgsql SET search_path = pg_catalog AS $$ BEGIN PERFORM public.use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)); END $$; CALL p()' ],
	[ 'a PL/pgSQL block with EXCEPTION', 1,
		'DO $$ BEGIN BEGIN PERFORM use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)); EXCEPTION WHEN division_by_zero THEN END; END $$' ],
	[ 'a PL/pgSQL function', 1,
		'CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)); END $$; SELECT f()' ],
	[ 'an SQL procedure', 1,
		'CREATE OR REPLACE PROCEDURE s() LANGUAGE sql AS $$ SELECT use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)) $$; CALL s()' ],
	[ 'BEGIN', 1, 'BEGIN; SELECT use(%1$d); CALL billing.settle(billing.cycle_start(%2$d)); COMMIT' ],
	[ 'BEGIN and SAVEPOINT', 1, 'BEGIN; SELECT use(%1$d); SAVEPOINT s; CALL billing.settle(billing.cycle_start(%2$d)); RELEASE s; COMMIT' ],
	[ 'two statements in one message', 1, 'SELECT use(%1$d)\; CALL billing.settle(billing.cycle_start(%2$d))' ])
{
	my ($name, $transactions, $sql, $rows) = @$way;
	my ($before) = $node->safe_psql($db, 'SELECT charges FROM done()');
	my ($rc, $out, $err) = $node->psql($db, sprintf($sql, $hour, $start + $hour + 1));
	$hour++;
	my ($settled, $charges, $commits) = split /\|/, done();
	is($err, '', "$name: no error");
	is($settled, $hour, "$name: the hour is settled");
	cmp_ok($charges - $before, '>=', 1, "$name: and charged");
	is($commits, $transactions, "$name: in $transactions transaction(s)");
}
is($node->safe_psql($db, 'SELECT sum(c.quantity) = (SELECT sum(u.quantity) FROM billing.usage u) FROM billing.charge c'),
	't', 'nothing is charged twice or left out');

# ---- dry run ----

my $before = done();
is($node->safe_psql($db, 'BEGIN; SELECT use(100) IS NULL; CALL billing.run(\'2025-03-02\'); SELECT settled FROM done(); ROLLBACK'),
	"f\n" . (59 + 1) * 24, 'a dry run goes through two months');
is(done(), $before, 'and leaves nothing');

# ---- an error in a step ----

# The heartbeat is the last step of tick.
$node->safe_psql($db, 'SELECT use(' . $hour++ . '); ALTER TABLE billing.heartbeat ADD CONSTRAINT stop CHECK (at < \'2025-01-01\') NOT VALID');
like(error_of("CALL billing.tick(billing.cycle_start($start + $hour))"), qr/ERROR:  23514.*"stop"/, 'an error in a step is the error of the call');
is($node->safe_psql($db, 'SELECT settled FROM done()'), $hour, 'what was committed before it stays');
like(error_of("BEGIN; SELECT use($hour); CALL billing.tick(billing.cycle_start($start + $hour + 1)); COMMIT"),
	qr/ERROR:  23514.*"stop"/, 'in a transaction block it is the same error');
is($node->safe_psql($db, 'SELECT settled FROM done()'), $hour, 'and nothing stays');
$node->safe_psql($db, 'ALTER TABLE billing.heartbeat DROP CONSTRAINT stop');

# ---- what is refused ----

foreach my $call ('tick', 'settle', 'run')
{
	my $name = "billing\\.$call\\(\\)";
	foreach my $level ('REPEATABLE READ', 'SERIALIZABLE')
	{
		like(error_of("BEGIN ISOLATION LEVEL $level; CALL billing.$call(now())"),
			qr/ERROR:  25000: $name can not run in isolation level $level\n.*\nHINT:  Use READ COMMITTED/, "$call refuses $level");
	}
	like(error_of("SET default_transaction_isolation = serializable; CALL billing.$call(now())"),
		qr/ERROR:  25000/, "$call refuses a session's default of SERIALIZABLE");
	like(error_of("BEGIN READ ONLY; CALL billing.$call(now())"), qr/ERROR:  25006/, "$call refuses a read-only transaction");
	like(error_of("CALL billing.$call(NULL)"), qr/ERROR:  22004: $name needs an instant, not NULL/, "$call refuses NULL");
	like(error_of("CALL billing.$call('$_')"), qr/ERROR:  22008: $_ is in no cycle/, "$call refuses $_") foreach 'infinity', '-infinity';
	like(error_of("CALL billing.$call('294000-01-01')"), qr/ERROR:  22008: .* is beyond the last cycle/, "$call refuses a year that no cycle counts");
}
# the session's default is what holds from the first commit on
like( error_of(
		'SET default_transaction_isolation = \'repeatable read\'; BEGIN ISOLATION LEVEL READ COMMITTED;'
			. " CALL billing.tick('2025-01-01'); COMMIT"),
	qr/^$/, 'in a block, the block\'s own level counts');

# A path of the caller's with look-alikes on it changes nothing.
$node->safe_psql($db, <<'END');
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
CREATE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE 'evil was called'; END $$;
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.eq);
END
is(error_of("SET search_path = evil, pg_catalog; CALL billing.tick(billing.cycle_start($start + $hour + 1)); "
			. "CALL billing.settle(billing.cycle_start($start + $hour + 2)); CALL billing.run(billing.cycle_start($start + $hour + 3))"),
	'', 'a hostile search_path is not looked at');

# ---- the clock ----

$node->safe_psql($db, 'SELECT use(1000); CALL billing.run(billing.cycle_start(482136 + 2000))');
is($node->safe_psql($db, 'SELECT * FROM done()') =~ /^2000\|/, 1, 'run() goes to its end');
is($node->safe_psql($db, 'SELECT count(*) FROM billing.usage') == $node->safe_psql($db, 'SELECT sum(quantity) FROM billing.charge'),
	1, 'and settles what it passes');
$node->safe_psql($db, "CALL billing.tick(billing.cycle_start($start))");
is($node->safe_psql($db, 'SELECT settled FROM done()'), 2000, 'tick() at an earlier instant moves nothing back');

my $writer = $node->background_psql($db);
$writer->query_safe("BEGIN; INSERT INTO billing.usage (account_id, meter, event_time, quantity) VALUES (1, 'm', '2025-01-01 00:10+00', 1)");
like(error_of("CALL billing.run(billing.cycle_start($start + 2001))"),
	qr/NOTICE:  00000: usage from 2025-03-25 08:00:00\+00 on is not settled yet/, 'run() says what a writer holds back');
$writer->query_safe('COMMIT');
is(error_of("CALL billing.run(billing.cycle_start($start + 2001))"), '', 'and goes on when that has ended');
verify_is_empty($node, $db);
$writer->quit;

$node->stop;
done_testing();
