-- What happens to a resource next, and when: it follows its account, its subscription or its package, whichever is due first.
\ir setup.psql
SELECT billing.install(start => '2026-01-01');
INSERT INTO billing.meter VALUES ('m', 'unit', 'sum');
INSERT INTO billing.price (meter, currency, tariff) VALUES ('m', 'USD', 'graduated: 1 beyond');
INSERT INTO billing.lifecycle (policy, rule) VALUES ('kinds', 'suspend proxy after 24 hours, suspend after 24 hours, release after 10 days');
INSERT INTO billing.plan (plan, currency, fee, term, expiry_policy) VALUES ('defence', 'USD', 0, '30 days', 'plan');
INSERT INTO billing.package_offer (offer, meter, size, term, price, currency, max_resources, cut_off, stackable, auto_renew_scope) VALUES ('D', 'm', 10, '30 days', 1, 'USD', 1, true, false, 'package');
SELECT billing.open_account(name => 'a', account_id => n, policy => CASE WHEN n < 5 THEN 'kinds' ELSE 'account' END, at => '2026-01-01'), billing.top_up(n, 10, at => '2026-01-01'),
	billing.add_resource(n, 'www', 'domain', at => '2026-01-01'), billing.activate_resource(n, 'www', at => '2026-01-01'),
	billing.add_resource(n, 'px', 'proxy', at => '2026-01-01'), billing.activate_resource(n, 'px', at => '2026-01-01') FROM generate_series(1, 6) n;
CREATE FUNCTION t.next(account_id bigint) RETURNS text LANGUAGE sql AS
$$ SELECT string_agg(format('%s %s: %s', r.resource, r.state, coalesce(r.next_step || ' ' || to_char(r.next_at, 'MM-DD HH24:MI'), 'nothing')), ', ' ORDER BY r.resource)
   FROM billing.resources r WHERE r.account_id = next.account_id $$;

SELECT is(t.next(1), 'px active: nothing, www active: nothing', 'all is paid');
SELECT billing.adjust(1, -50, 'debt', at => '2026-01-03 12:00');
SELECT is(t.next(1), 'px active: suspend proxy 01-04 12:00, www active: nothing', 'a step for a kind is for resources of that kind');
CALL billing.run('2026-01-04 12:01');
SELECT is(t.next(1), 'px suspended: suspend 01-05 12:00, www active: suspend 01-05 12:00', 'the next one for all');
CALL billing.run('2026-01-05 12:01');
SELECT is(t.next(1), 'px suspended: release 01-15 12:00, www suspended: release 01-15 12:00', 'before release');
CALL billing.run('2026-01-15 12:01');
SELECT is(t.next(1), 'px released: nothing, www released: nothing', 'what is released has nothing before it');

SELECT billing.subscribe(5, 'defence', resource => 'www', at => '2026-01-15');
SELECT is(t.next(5), 'px active: nothing, www active: notice 02-07 00:00', 'a subscription''s own resource follows it');
SELECT billing.adjust(5, -50, 'debt', at => '2026-02-06');
SELECT matches(t.next(5), '^px active: [a-z]+ .*, www active: [a-z]+ 02-0[67] ', 'whichever is due first');
SELECT billing.purchase_package(6, 'D', resources => ARRAY['px'], at => '2026-01-20');
SELECT is(t.next(6), 'px active: restrict 02-19 00:00, www active: nothing', 'the end of a package that cuts off');
SELECT billing.set_usage_cap(4, 'm', 5, 'suspend', 'day', 'www', at => '2026-01-20');
SELECT t.use(4, 'm', 6, '2026-01-20 10:00', 'www');
CALL billing.run('2026-01-20 12:00');
SELECT is(t.next(4), 'px active: nothing, www suspended: nothing', 'one that a cap has suspended waits for enable_resource()');
SELECT t.verify_is_empty();
SELECT * FROM finish();
