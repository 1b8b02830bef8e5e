# kill -9 of the postmaster in the middle of settling: after a restart the next ring goes on, and nothing is lost
# or doubled.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use IPC::Run;
use Time::HiRes qw(usleep);
use BillingNode;
use BillingWorkload;

# A process that ended and was not waited for yet holds nothing any more.
sub is_alive
{
	my ($pid) = @_;
	open my $stat, '<', "/proc/$pid/stat" or return 0;
	return <$stat> !~ /\) [ZX] /;
}

my $accounts = long_run() ? 60_000 : 5_000;
my $hours = 5;
my $node = start_server('crash', "fsync = on\nsynchronous_commit = on\nrestart_after_crash = off\n");

load_workload($node, 'calm', $accounts, $hours);
$node->safe_psql('calm', "CALL billing.tick('$workload_end')");
my $expected = result_of($node, 'calm');

load_workload($node, 'killed', $accounts, $hours);
$node->safe_psql('postgres', 'CHECKPOINT');
my $interrupted = 0;
srand(20260101);
for my $round (1 .. (long_run() ? 20 : 3))
{
	my $out = '';
	my $settled = $node->safe_psql('killed', 'SELECT count(*) FROM billing.settlement');
	my $settler = IPC::Run::start(['psql', '-XqAt', '-d', $node->connstr('killed'), '-c', "CALL billing.tick('$workload_end')"],
		'>', \$out, '2>&1');
	# in the middle: something is settled and something is not, at another moment in each round
	for (1 .. 1000)
	{
		last if !$settler->pumpable || $settled < $node->safe_psql('killed', 'SELECT count(*) FROM billing.settlement');
		usleep(20_000);
	}
	usleep(int(rand(100_000)));
	my @orphans = split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
	$node->kill9;
	# a backend that computes would go on without its postmaster
	kill 'KILL', @orphans;
	IPC::Run::finish($settler);
	$interrupted++ if $out =~ /server closed the connection|terminat/;
	# what the postmaster leaves behind holds the shared memory until it notices
	for (1 .. 300) { last unless grep { is_alive($_) } @orphans; usleep(100_000); }
	for (1 .. 100)
	{
		last if $node->start(fail_ok => 1);
		# it took the dead postmaster's pid file for its own
		$node->{_pid} = undef;
		usleep(300_000);
	}
	verify_is_empty($node, 'killed', "round $round: the books are right after a crash");
}
cmp_ok($interrupted, '>', 0, "settling was interrupted $interrupted times");
$node->safe_psql('killed', "CALL billing.tick('$workload_end')");
is(result_of($node, 'killed'), $expected, 'the result is that of a run without crashes');
verify_is_empty($node, 'killed');

$node->stop;
done_testing();
