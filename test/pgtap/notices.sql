-- Notices: written once for each cause, given out once at a time, until they are acknowledged.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
SELECT billing.open_account(name => 'a', account_id => n, at => '2026-01-01') FROM generate_series(1, 3) n;
CREATE FUNCTION t.kinds(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT coalesce(string_agg(kind || ' ' || to_char(at, 'MM-DD HH24:MI'), ', ' ORDER BY notice_id), '') FROM billing.notices n WHERE n.account_id = kinds.account_id $$;

-- low balance
SELECT billing.set_low_balance(1, 10, at => '2026-01-02');
SELECT is(t.kinds(1), 'low_balance 01-02 00:00', 'a balance that is low already is told at once');
SELECT billing.top_up(1, 20, at => '2026-01-03'), billing.adjust(1, -10, 'x', at => '2026-01-04');
SELECT is(t.kinds(1), 'low_balance 01-02 00:00', 'at the threshold it is not low');
SELECT billing.adjust(1, -1, 'x', at => '2026-01-05'), billing.adjust(1, -1, 'x', at => '2026-01-06');
SELECT is(t.kinds(1), 'low_balance 01-02 00:00, low_balance 01-05 00:00', 'below it is told once');
SELECT billing.top_up(1, 20, at => '2026-01-07'), billing.adjust(1, -20, 'x', at => '2026-01-08');
SELECT is(t.kinds(1), 'low_balance 01-02 00:00, low_balance 01-05 00:00, low_balance 01-08 00:00', 'and again the next time');
SELECT billing.set_low_balance(1, 5, at => '2026-01-09'), billing.set_low_balance(1, NULL, at => '2026-01-10'), billing.adjust(1, -5, 'x', at => '2026-01-11');
SELECT is(t.kinds(1), 'low_balance 01-02 00:00, low_balance 01-05 00:00, low_balance 01-08 00:00', 'without a threshold nothing is told');
SELECT is((SELECT text FROM billing.notices WHERE account_id = 1 ORDER BY notice_id LIMIT 1), 'The balance of account 1 is 0 USD, below 10.', 'the text tells the facts');
SELECT t.refuses($$SELECT billing.set_low_balance(1, 'NaN')$$, '22003', 'NaN', 'NaN is no threshold');
SELECT t.refuses($$SELECT billing.set_low_balance(99, 1)$$, 'UB001', '99', 'of nobody');

-- never twice for one cause
SELECT billing._notify(2, 'cap_reached', 'resource', 'www', 'cap 1 of 2026-01', '{"n": 1}', '2026-01-12');
SELECT billing._notify(2, 'cap_reached', 'resource', 'www', 'cap 1 of 2026-01', '{"n": 2}', '2026-01-13');
SELECT billing._notify(2, 'cap_reached', 'resource', 'www', 'cap 1 of 2026-02', '{"n": 3}', '2026-02-13');
SELECT is((SELECT array_agg(facts ->> 'n' ORDER BY notice_id) FROM billing.notices WHERE account_id = 2), ARRAY['1', '3'], 'one notice for each cause');

-- claim and acknowledge
UPDATE billing.notice_template SET text = 'cap {n} {nosuch}{n}{ {brace' WHERE kind = 'cap_reached';
INSERT INTO billing.notice_template VALUES ('cap_reached', 'de', 'Grenze {n}');
SELECT t.refuses('SELECT * FROM billing.claim_notices(0)', '22023', '0', 'none are claimed');
SELECT is((SELECT array_agg(account_id ORDER BY notice_id) FROM billing.claim_notices(3, at => '2026-03-01')), ARRAY[1, 1, 1]::bigint[], 'the oldest first');
SELECT is((SELECT array_agg(text ORDER BY notice_id) FROM billing.claim_notices(1, at => '2026-03-01')), ARRAY['cap 1 1{ {brace'], 'others the next time; what is no fact is nothing');
SELECT is((SELECT array_agg(text ORDER BY notice_id) FROM billing.claim_notices(10, language => 'de', at => '2026-03-01')), ARRAY['Grenze 3'], 'in another language');
SELECT is_empty($$SELECT * FROM billing.claim_notices(10, at => '2026-03-01 00:59:59')$$, 'nothing is given out twice');
SELECT billing.acknowledge_notice(account_id, notice_id, at => '2026-03-01 00:01') FROM billing.notices WHERE account_id = 1;
SELECT is(billing.acknowledge_notice(1, 1), false, 'acknowledged before');
SELECT is((SELECT count(*) FROM billing.claim_notices(10, at => '2026-03-01 01:00')), 2::bigint, 'an hour later what was not acknowledged is given out again');
SELECT t.refuses('SELECT billing.acknowledge_notice(1, 99)', 'P0002', '99', 'an unknown notice');
SELECT t.refuses('SELECT billing.acknowledge_notice(2, 1)', 'P0002', '1', 'a notice of another account');
SELECT is((SELECT ok FROM billing.health('2026-03-01 02:00') WHERE topic = 'notices'), false, 'health() shows what a mailer took and did not deliver');

-- steps write theirs in the same transaction, once
SELECT billing.adjust(3, -5, 'x', at => '2026-03-10');
CALL billing.run('2026-03-10 01:00');
CALL billing.tick('2026-03-10 01:00');
CALL billing.tick('2026-03-10 01:00');
SELECT is(t.kinds(3), 'overdue 03-10 00:00', 'B1.6-52 one notice however often it is rung');
SELECT billing.top_up(3, 5, at => '2026-03-10 02:00');
SELECT is(t.kinds(3), 'overdue 03-10 00:00', 'who was only warned is not told that all is well');
SELECT billing.adjust(3, -5, 'x', at => '2026-03-11');
CALL billing.run('2026-06-01');
SELECT is(t.kinds(3), 'overdue 03-10 00:00, overdue 03-11 00:00, suspended 03-12 00:00, before_release 05-04 00:00, before_release 05-10 00:00, released 05-11 00:00', 'all of a chain');
SELECT is((SELECT array_agg(facts ->> 'release_at') FROM billing.notices WHERE kind = 'before_release'), ARRAY['2026-05-11T00:00:00+00:00', '2026-05-11T00:00:00+00:00'], 'before a release they tell when it comes');
SELECT billing.top_up(3, 5, at => '2026-06-02');
SELECT matches(t.kinds(3), 'resumed 06-02 00:00$', 'and that it is back');
SELECT is_empty($$SELECT * FROM billing.notices WHERE text IS NULL OR text ~ '[{}]' AND kind <> 'cap_reached'$$, 'every kind has its text');
SELECT t.verify_is_empty();
SELECT * FROM finish();
