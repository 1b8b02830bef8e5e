# The access log of a real web server, billed for May 2015: 10,000 requests of 1,753 clients, who are accounts
# in several time zones and currencies.  Every invoice must equal, to the cent, what test/model/bill_access_log.py
# computes from the same file on its own; in whatever order and how often the file is loaded.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use Test::More;
use PostgreSQL::Test::Utils;
use BillingNode;

my $log = shared_file('data/access-2015-05.csv');
plan skip_all => 'BILLING_SHARED names no folder with data/access-2015-05.csv' unless $log;

my $model = `python3 '$FindBin::RealBin/../model/bill_access_log.py' '$log'`;
is($?, 0, 'the independent script ran');
is(scalar(split /\n/, $model), 1753, 'it knows 1,753 accounts');

my $node = start_server('access_log');
my $dir = $node->basedir;

# Zones on both sides of UTC, one that is half an hour off: their Mays begin and end at different hours.
my $setup = <<'END';
INSERT INTO billing.meter VALUES ('requests', 'request', 'count'), ('bytes', 'byte', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES
	('requests', 'USD', 'graduated: 0.0131 up to 0.5, 0.0117 up to 10, 0.0073 up to 100, 0.0039 beyond'),
	('requests', 'JPY', 'graduated: 1.9 up to 0.5, 1.7 up to 10, 1.1 up to 100, 0.6 beyond'),
	('requests', 'KWD', 'graduated: 0.0041 up to 0.5, 0.0037 up to 10, 0.0023 up to 100, 0.0011 beyond'),
	('bytes', 'USD', 'graduated per MB: 0.0317 up to 10 kB, 0.0213 up to 1 MB, 0.0129 beyond'),
	('bytes', 'JPY', 'graduated per MB: 3.17 up to 10 kB, 2.13 up to 1 MB, 1.29 beyond'),
	('bytes', 'KWD', 'graduated per MB: 0.0097 up to 10 kB, 0.0065 up to 1 MB, 0.0039 beyond');
SELECT count(billing.open_account(name => 'client ' || a, account_id => a, at => '2015-05-01',
	currency => (ARRAY['USD', 'JPY', 'KWD'])[1 + a % 3],
	time_zone => (ARRAY['UTC', 'Asia/Kolkata', 'America/New_York', 'Pacific/Auckland', 'Europe/Berlin'])[1 + a % 5],
	credit_limit => (ARRAY[0, 1, 100])[1 + a / 7 % 3])) FROM generate_series(1001, 2753) a;
CREATE TABLE public.log (line int, event_time timestamptz, account_id bigint, resource text, status int, bytes numeric);
CREATE PROCEDURE public.load(from_line int, to_line int, OUT taken bigint) LANGUAGE sql AS $$
	WITH taken AS (
		INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity)
		SELECT l.account_id, m.meter, l.resource, l.event_time, l.line::text, CASE m.meter WHEN 'bytes' THEN coalesce(l.bytes, 0) ELSE 1 END
		FROM public.log l CROSS JOIN (VALUES ('requests'), ('bytes')) m(meter)
		WHERE l.line BETWEEN from_line AND to_line
		ON CONFLICT DO NOTHING RETURNING 1)
	SELECT count(*) FROM taken
$$;
END

sub new_installation
{
	my ($db) = @_;
	new_database($node, $db, '2015-05-01');
	$node->safe_psql($db, $setup . "\\copy public.log FROM '$log' WITH (FORMAT csv, HEADER)");
	return;
}

# Over in every zone; the last of them, New York, ends May at 04:00 UTC.
my $may_is_over = '2015-06-02';

my $may = <<'END';
SELECT format('%s,%s,%s,%s,%s', account_id, currency,
	(SELECT l.amount FROM billing.invoice_lines l WHERE l.account_id = i.account_id AND l.invoice_id = i.invoice_id AND l.meter = 'requests'),
	coalesce((SELECT l.amount FROM billing.invoice_lines l WHERE l.account_id = i.account_id AND l.invoice_id = i.invoice_id AND l.meter = 'bytes'),
		round(0::numeric, (SELECT decimals FROM billing.currency c WHERE c.currency = i.currency))),
	total)
FROM billing.invoices i WHERE period_start BETWEEN '2015-04-30' AND '2015-05-02' ORDER BY account_id
END

# What a settlement may not change when nothing new came.
my $books = <<'END';
SELECT 'invoices', count(*), md5(string_agg(i::text, ' ' ORDER BY number)) FROM billing.invoice i
UNION ALL SELECT 'lines', count(*), md5(string_agg(l::text, ' ' ORDER BY account_id, invoice_id, line)) FROM billing.invoice_line l
UNION ALL SELECT 'charges', count(*), md5(string_agg(c::text, ' ' ORDER BY charge_id)) FROM billing.charge c
UNION ALL SELECT 'ledger', count(*), md5(string_agg(t::text, ' ' ORDER BY transfer_id)) FROM billing.transfer t
UNION ALL SELECT 'usage', count(*), md5(string_agg(u::text, ' ' ORDER BY account_id, meter, event_key)) FROM billing.usage u
END

sub is_the_model
{
	my ($have, $name) = @_;
	my (@have, @want);
	@have = split /\n/, $have;
	@want = split /\n/, $model;
	my @wrong = grep { ($have[$_] // 'none') ne ($want[$_] // 'none') } 0 .. ($#have > $#want ? $#have : $#want);
	ok(!@wrong, $name);
	diag("billed $have[$_], the model says $want[$_]") for grep { defined } @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ];
	return;
}

# In one go, through COPY, as one would.
new_installation('once');
$node->safe_psql('once', <<'END');
INSERT INTO billing.usage (account_id, meter, resource, event_time, event_key, quantity)
SELECT account_id, 'requests', resource, event_time, line::text, 1 FROM public.log;
COPY (SELECT account_id, 'bytes', resource, event_time, line::text, coalesce(bytes, 0) FROM public.log) TO PROGRAM 'cat > bytes.copy';
COPY billing.usage (account_id, meter, resource, event_time, event_key, quantity) FROM PROGRAM 'cat bytes.copy';
END
$node->safe_psql('once', "CALL billing.run('$may_is_over')");
is_the_model(value($node, 'once', $may), 'every May invoice equals the independent script to the cent');
is(value($node, 'once', 'SELECT count(*), min(number), max(number) FROM billing.invoices'), '1753|1|1753', 'one invoice an account, numbers without a gap');
is(value($node, 'once', <<'END'), '', 'the hourly charges of an account add up to its invoice');
SELECT account_id, i.total, c.amount FROM billing.invoices i
FULL JOIN (SELECT account_id, sum(amount) AS amount FROM billing.charges GROUP BY 1) c USING (account_id)
WHERE i.total IS DISTINCT FROM c.amount
END
is(value($node, 'once', <<'END'), '', 'balances owe exactly the invoices');
SELECT account_id FROM billing.accounts a JOIN billing.invoices i USING (account_id) WHERE balance <> -total
	OR (a.overdue_since IS NOT NULL) <> (-total < -credit_limit) OR i.state <> 'open'
END
is(value($node, 'once', "SELECT count(DISTINCT cycle) FROM billing.charges"), '84', 'there are charges in the 84 hours that had requests');
is(value($node, 'once', <<'END'), '', 'every account crossed a tier bound');
SELECT account_id FROM billing.accounts a WHERE NOT EXISTS (
	SELECT FROM billing.position p JOIN billing.price r USING (price_id) WHERE p.account_id = a.account_id AND r.meter = 'requests' AND p.quantity > 0.5)
END
is(value($node, 'once', 'SELECT * FROM billing.unrated_usage LIMIT 1'), '', 'nothing is unrated');
verify_is_empty($node, 'once');

# The whole file again: a staging table and ON CONFLICT DO NOTHING make it harmless.
my $before = value($node, 'once', $books);
is(value($node, 'once', 'CALL public.load(1, 10000, NULL)'), '0', 'loaded a second time, not one row is new');
$node->safe_psql('once', "CALL billing.run('2015-06-03'); CALL billing.tick('2015-06-03')");
is(value($node, 'once', $books), $before, 'and nothing has changed');
verify_is_empty($node, 'once');

# Seven shuffled pieces with settlements between them; what is late settles with the hour that is open then.
sub load_in_pieces
{
	my ($db, $seed, @settle_until) = @_;
	new_installation($db);
	# the same shuffle in every run
	$node->safe_psql($db, "UPDATE public.log l SET line = n.n FROM (SELECT line, row_number() OVER (ORDER BY md5('$seed' || line)) AS n FROM public.log) n WHERE n.line = l.line");
	my $taken = 0;
	for my $piece (1 .. 7)
	{
		my ($from, $to) = (int(10000 * ($piece - 1) / 7) + 1, int(10000 * $piece / 7));
		$taken += value($node, $db, "CALL public.load($from, $to, NULL)");
		# overlapping files: a part of this piece comes once more
		$taken += value($node, $db, "CALL public.load(" . ($from + 100) . ", " . ($to - 100) . ", NULL)");
		$node->safe_psql($db, "CALL billing.run('$settle_until[$piece - 1]')") if $settle_until[ $piece - 1 ];
	}
	is($taken, 20000, 'all seven pieces came, each row once');
	return;
}

load_in_pieces('pieces', 1, '2015-05-17 12:00', '2015-05-18 00:30', '2015-05-18 12:00', '2015-05-19', '2015-05-20', '2015-05-21');
$node->safe_psql('pieces', "CALL billing.run('$may_is_over')");
cmp_ok(value($node, 'pieces', "SELECT count(*) FROM billing.usage WHERE arrived > billing.cycle_of(event_time)"), '>', 5000, 'many rows were late');
is_the_model(value($node, 'pieces', $may), 'seven shuffled pieces end in the same May invoices');
is(value($node, 'pieces', 'SELECT count(*) FROM billing.invoices'), '1753', 'and in no others');
verify_is_empty($node, 'pieces');

# Pieces that come when May is invoiced: the next invoice has them as late lines, and the sum is the same.
load_in_pieces('late', 2, '2015-05-18', '2015-05-19 06:00', '2015-05-25', $may_is_over, '2015-06-10', '2015-06-20');
$node->safe_psql('late', "CALL billing.run('2015-07-02')");
my $both = <<'END';
SELECT format('%s,%s,%s,%s,%s', account_id, currency, sum(amount) FILTER (WHERE meter = 'requests'),
	coalesce(sum(amount) FILTER (WHERE meter = 'bytes'), round(0::numeric, (SELECT decimals FROM billing.currency c WHERE c.currency = l.currency))), sum(amount))
FROM billing.invoice_lines l GROUP BY account_id, currency ORDER BY account_id
END
is_the_model(value($node, 'late', $both), 'the May invoices and the late lines behind them add up to the same');
cmp_ok(value($node, 'late', 'SELECT count(DISTINCT account_id) FROM billing.invoice_lines WHERE late'), '>', 500, 'many accounts have late lines');
is(value($node, 'late', "SELECT count(*) FROM billing.invoice_lines WHERE late <> (invoice_id IN (SELECT invoice_id FROM billing.invoices WHERE period_start > '2015-05-20'))"),
	'0', 'late lines stand on the June invoices, and all of those are late');
is(value($node, 'late', 'SELECT count(*) - max(number) FROM billing.invoices'), '0', 'numbers without a gap');
verify_is_empty($node, 'late');

done_testing();
