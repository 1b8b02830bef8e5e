# Several settlers at once, over several shards, end in exactly the charges, balances and invoice numbers of one.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use IPC::Run;
use BillingNode;
use BillingWorkload;

my $accounts = long_run() ? 100_000 : 21_000;
my $hours = long_run() ? 8 : 2;
my $node = start_server('settlers', "max_connections = 50\nshared_buffers = 256MB\n");

load_workload($node, 'one', $accounts, $hours);
$node->safe_psql('one', "CALL billing.tick('$workload_end')");
my $alone = result_of($node, 'one');
like($alone, qr/^accounts\|$accounts\|/, "one settler has settled $accounts accounts");
verify_is_empty($node, 'one');

load_workload($node, 'many', $accounts, $hours);
my @settlers = map {
	my $out = '';
	{ out => \$out, run => IPC::Run::start(['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('many'),
		'-c', "CALL billing.tick('$workload_end')", '-c', "CALL billing.tick('$workload_end')"], '>', \$out, '2>&1') }
} 1 .. 4;
for my $settler (@settlers)
{
	IPC::Run::finish($settler->{run});
	is(${ $settler->{out} }, '', 'a settler among four came to its end without an error');
}
# who came last may have found everything claimed; what is left, if anything, is the next ring's
$node->safe_psql('many', "CALL billing.tick('$workload_end')");
cmp_ok($node->safe_psql('many', 'SELECT count(*) FROM billing.shard'), '>', 1, 'there were several shards');
is(result_of($node, 'many'), $alone, 'four settlers give the same charges, balances, ledger and invoice numbers as one');
verify_is_empty($node, 'many');

$node->stop;
done_testing();
