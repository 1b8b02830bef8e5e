# A server of one's own with billing in it, for the tests in this folder.
package BillingNode;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';
our @EXPORT = qw(start_server new_database rows value verify_is_empty long_run shared_file table_sums);

# BILLING_LONG=1 asks for full size.
sub long_run { return ($ENV{BILLING_LONG} // '0') eq '1' }

# A file of the project's shared data; undef where there is none.
sub shared_file
{
	my ($name) = @_;
	return unless $ENV{BILLING_SHARED};
	my $file = "$ENV{BILLING_SHARED}/$name";
	return -r $file ? $file : undef;
}

# start_server(name, settings): fsync stays off unless the settings turn it on.
sub start_server
{
	my ($name, $settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	# Debian's setting for extensions that are installed elsewhere; without it they are in the server's own folders.
	$node->append_conf('postgresql.conf', "extension_destdir = '$ENV{BILLING_STAGE}'") if $ENV{BILLING_STAGE};
	$node->append_conf('postgresql.conf', <<END . ($settings // ''));
timezone = 'UTC'
log_statement = 'none'
log_min_messages = 'warning'
max_worker_processes = 16
END
	$node->start;
	return $node;
}

# A database with billing installed from that instant on.
sub new_database
{
	my ($node, $db, $start) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, "CREATE EXTENSION billing; SELECT billing.install(start => '$start')");
	return;
}

# What psql prints, sorted lines left as they come.
sub rows
{
	my ($node, $db, $sql) = @_;
	return $node->safe_psql($db, $sql);
}

sub value { return rows(@_) }

sub verify_is_empty
{
	my ($node, $db, $name) = @_;
	is($node->safe_psql($db, 'SELECT * FROM billing.verify()'), '', $name // "verify() finds nothing wrong in $db");
	return;
}

# One line for each table of billing: its number of rows and a checksum of all of them.
sub table_sums
{
	my ($node, $db) = @_;
	my $queries = $node->safe_psql($db, <<'END');
SELECT string_agg(format('SELECT %L, count(*), md5(string_agg(x::text, chr(10) ORDER BY x::text COLLATE "C")) FROM billing.%I x',
	relname, relname), ' UNION ALL ' ORDER BY relname)
FROM pg_class WHERE relnamespace = 'billing'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
END
	return $node->safe_psql($db, $queries);
}

1;
