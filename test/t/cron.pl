# pg_cron itself rings billing.tick(), each whole minute; and what schedule() says where it can not.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use BillingNode;

my $without = start_server('without_cron');
new_database($without, 'b', '2026-01-01');
my ($rc, $out, $err) = $without->psql('b', "\\set VERBOSITY verbose\nSELECT billing.schedule();", on_error_stop => 0);
like($err, qr/UB009: .*pg_cron is not loaded.*HINT: .*shared_preload_libraries = 'pg_cron'/s, 'schedule() without pg_cron says how to get it');
is($without->safe_psql('b', 'SELECT billing.unschedule()'), 'f', 'unschedule() has nothing to do there');
is($without->safe_psql('b', "SELECT ok, value FROM billing.health() WHERE topic = 'cron job'"), 'f|none', 'health() says that nothing rings');
$without->stop;

my $node = start_server('cron', <<'END');
shared_preload_libraries = 'pg_cron'
cron.database_name = 'home'
cron.use_background_workers = on
max_prepared_transactions = 5
END
new_database($node, 'home', '2026-01-01');
($rc, $out, $err) = $node->psql('home', "\\set VERBOSITY verbose\nSELECT billing.schedule();", on_error_stop => 0);
like($err, qr/UB009: .*not created.*HINT: .*CREATE EXTENSION pg_cron/s, 'without its extension: CREATE EXTENSION');
$node->safe_psql('home', 'CREATE EXTENSION pg_cron');

new_database($node, 'other', '2026-01-01');
($rc, $out, $err) = $node->psql('other', "\\set VERBOSITY verbose\nSELECT billing.schedule();", on_error_stop => 0);
my ($statement) = $err =~ /UB009: .*HINT:  In database "home" run: (SELECT cron\.schedule_in_database[^\n]*;)/s;
ok($statement, 'from another database: the statement to run where pg_cron lives');
$node->safe_psql('home', $statement);
is($node->safe_psql('home', "SELECT database, command, username = (SELECT rolname FROM pg_roles WHERE oid = 10) FROM cron.job"), 'other|CALL billing.tick()|t',
	'which is right as it stands, and bears the role of the owner of the tables');

is($node->safe_psql('home', 'SELECT billing.schedule() = billing.schedule()'), 't', 'schedule() twice is one job');
is($node->safe_psql('home', "SELECT count(*) FROM cron.job WHERE database = 'home'"), '1', 'of one line');
($rc, $out, $err) = $node->psql('home', "\\set VERBOSITY verbose\nCALL billing.run(now() + interval '1 day');", on_error_stop => 0);
like($err, qr/UB010/, 'the test clock does not run ahead while it rings');
# a dry run may look ahead, and nothing of it can stay
my $ahead = "CALL billing.tick(now() + interval '100 days')";
my $marks = 'SELECT max(cycle) <= billing.cycle_of(now()) FROM billing.barrier';
is($node->safe_psql('home', "BEGIN; $ahead; SELECT count(*) FROM billing.barrier WHERE cycle > billing.cycle_of(now()); ROLLBACK;"), '2', 'a dry run looks ahead');
for my $kept ("BEGIN; $ahead; COMMIT;", "DO \$\$ BEGIN BEGIN $ahead; EXCEPTION WHEN division_by_zero THEN RAISE; END; END \$\$;",
	"BEGIN; $ahead; PREPARE TRANSACTION 'dry';")
{
	($rc, $out, $err) = $node->psql('home', "\\set VERBOSITY verbose\n$kept", on_error_stop => 0);
	like($err, qr/UB010: .*a dry run can not be committed.*HINT: .*ROLLBACK/s, "it does not stay: $kept");
	is($node->safe_psql('home', $marks), 't', 'and the clock stands where it stood');
}
is($node->safe_psql('home', "BEGIN; SAVEPOINT s; $ahead; ROLLBACK TO s; CREATE TABLE mine (); COMMIT; SELECT count(*) FROM pg_class WHERE relname = 'mine';"), '1',
	'a transaction that has taken it back stays');

for my $db ('home', 'other')
{
	ok($node->poll_query_until($db, 'SELECT EXISTS (SELECT FROM billing.heartbeat)'), "pg_cron has rung in database $db");
	verify_is_empty($node, $db);
}
ok($node->poll_query_until('home', "SELECT count(*) FILTER (WHERE status = 'succeeded') >= 2 FROM cron.job_run_details"), 'cron.job_run_details says succeeded');
is($node->safe_psql('home', "SELECT bool_and(ok) FROM billing.health() WHERE topic ~ 'cron|heartbeat|watermark|settled'"), 't', 'health() says that it rings');
is($node->safe_psql('home', "SELECT ok, value FROM billing.health() WHERE topic = 'cron launcher'"), 't|alive', 'and that the launcher lives');
$node->safe_psql('home', "CREATE ROLE gone LOGIN; GRANT USAGE ON SCHEMA cron, billing TO gone; GRANT SELECT ON ALL TABLES IN SCHEMA billing TO gone");
$node->safe_psql('home', "SET ROLE gone; SELECT cron.schedule('lost', '0 0 1 1 *', 'SELECT 1')");
is($node->safe_psql('home', "SET ROLE gone; SELECT ok, value, detail FROM billing.health() WHERE topic = 'cron job'"), 'f|none seen|role "gone" sees no jobs but its own',
	'a role that can not see the job is told so');
is($node->safe_psql('home', "SELECT ok, value FROM billing.health() WHERE topic = 'cron jobs without role'"), 't|0 jobs', 'each job has its role');
$node->safe_psql('home', 'DROP OWNED BY gone; DROP ROLE gone');
like($node->safe_psql('home', "SELECT ok, value, detail FROM billing.health() WHERE topic = 'cron jobs without role'"), qr/^f\|1 jobs\|job \d+ of role "gone": SELECT cron\.unschedule\(\d+\);$/,
	'until one is dropped');
$node->safe_psql('home', "SELECT cron.unschedule(jobid) FROM cron.job WHERE username = 'gone'");
is($node->safe_psql('home', 'SELECT billing.unschedule(), billing.unschedule()'), 't|f', 'unschedule() takes it away once');
is($node->safe_psql('home', "SELECT count(*) FROM cron.job WHERE database = 'home'"), '0', 'it is gone');

$node->stop;
done_testing();
