-- A policy that never warns or never releases is taken, and a WARNING says so.
SET TimeZone = 'UTC';
BEGIN;
SELECT billing.install(start => '2020-01-01') WHERE to_regclass('billing.installation') IS NULL \g /dev/null
SELECT policy, rule FROM billing.lifecycle ORDER BY lifecycle_id;
INSERT INTO billing.lifecycle (policy, rule) VALUES ('silent', 'suspend immediately, release after 10 days');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('endless', 'notice immediately, suspend after 1 day');
INSERT INTO billing.lifecycle (policy, valid_from, rule) VALUES ('both', '2020-02-01', 'suspend immediately');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('fine', 'notice immediately, release after 10 days');
UPDATE billing.lifecycle SET rule = 'suspend immediately' WHERE policy = 'fine';
DELETE FROM billing.lifecycle WHERE policy = 'fine';
SAVEPOINT s;
INSERT INTO billing.lifecycle (policy, rule) VALUES ('account', 'notice immediately, release after 10 days');
ROLLBACK TO s;
SELECT billing.open_account(name => 'a', account_id => 1, policy => 'silent', at => '2020-01-01');
-- kinds: what resources have
INSERT INTO billing.lifecycle (policy, rule) VALUES ('early', 'notice immediately, restrict elastik immediately, release after 10 days');
SELECT billing.add_resource(1, 'shield', 'elastic', at => '2020-01-01');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('known', 'notice immediately, restrict elastic immediately, release after 10 days');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('unknown', 'notice immediately, restrict elastic immediately, suspend protektion after 1 day, release after 10 days');
UPDATE billing.lifecycle SET rule = 'notice immediately, release after 10 days' WHERE policy = 'silent';
ROLLBACK;
