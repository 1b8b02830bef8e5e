CREATE FUNCTION billing._cron_health() RETURNS TABLE (topic text, ok boolean, value text, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
DECLARE
	job text := billing._active_job();
	sees_all boolean := (SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = current_user);
	alive boolean;
	lost record;
	last record;
BEGIN
	RETURN QUERY SELECT 'cron job', job IS NOT NULL, coalesce(job, CASE WHEN sees_all THEN 'none' ELSE 'none seen' END),
		CASE WHEN job IS NOT NULL THEN '' WHEN NOT sees_all THEN format('role "%s" sees no jobs but its own', current_user)
			ELSE 'SELECT billing.schedule(); unless another scheduler rings, or pg_cron lives in another database' END;
	IF billing._cron_home() IS NOT NULL AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN
		alive := EXISTS (SELECT FROM pg_stat_activity a WHERE a.backend_type = 'pg_cron launcher');
		RETURN QUERY SELECT 'cron launcher', alive, CASE WHEN alive THEN 'alive' ELSE 'not running' END,
			CASE WHEN alive THEN '' ELSE 'pg_cron rings for nobody; the server''s log says why, and a restart of the server brings it back' END;
	END IF;
	IF billing._has_cron() THEN
		EXECUTE $q$SELECT count(*) AS jobs, coalesce(string_agg(format('job %s of role "%s": SELECT cron.unschedule(%s);', j.jobid, j.username, j.jobid), ' ' ORDER BY j.jobid), '') AS which
			FROM cron.job j WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = j.username)$q$ INTO lost;
		RETURN QUERY SELECT 'cron jobs without role', lost.jobs = 0, format('%s jobs', lost.jobs), lost.which;
	END IF;
	IF job IS NOT NULL THEN
		EXECUTE $q$SELECT d.status, d.return_message, d.start_time FROM cron.job_run_details d
			JOIN cron.job j USING (jobid) WHERE j.database = current_database() AND j.command = $1
				AND d.status IN ('succeeded', 'failed')
			ORDER BY d.runid DESC LIMIT 1$q$ INTO last USING job;
		RETURN QUERY SELECT 'cron last run', coalesce(last.status, '') <> 'failed', coalesce(last.status, 'not yet'),
			coalesce(format('%s at %s', last.return_message, last.start_time), '');
	END IF;
END
$fn$;
COMMENT ON FUNCTION billing._cron_health() IS 'part of billing.health(): what pg_cron says';

CREATE FUNCTION billing.health(at timestamptz DEFAULT now()) RETURNS TABLE (topic text, ok boolean, value text, detail text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $fn$
BEGIN
	PERFORM billing._check_installed();
	IF at IS NULL OR NOT isfinite(at) THEN
		RAISE EXCEPTION 'health at % can not be told', coalesce(at::text, 'NULL') USING
			ERRCODE = 'invalid_parameter_value',
			DETAIL = 'The instant is finite.',
			HINT = 'Leave at out.';
	END IF;
	RETURN QUERY SELECT 'version', i.version = billing._extension_version(), i.version,
		CASE WHEN i.version = billing._extension_version() THEN '' ELSE 'SELECT billing.migrate();' END
	FROM billing.installation i
	UNION ALL
	SELECT 'heartbeat', coalesce(health.at - h.at BETWEEN interval '-1 minute' AND interval '5 minutes', false), coalesce((health.at - h.at)::text, 'never'),
		CASE WHEN h.at IS NULL THEN 'billing.tick() has not come to its end yet'
			WHEN h.at > health.at + interval '1 minute' THEN format('the last ring was for %s, which is still to come: the test clock was here, or a clock is wrong', h.at)
			ELSE format('the last ring was for %s and came to its end at %s', h.at, h.rung_at) END
	FROM (VALUES (1)) one LEFT JOIN billing.heartbeat h ON true
	UNION ALL
	SELECT 'watermark', health.at - (billing.cycle_start(b.cycle) + i.settle_delay) BETWEEN interval '0' AND interval '70 minutes',
		billing.cycle_start(b.cycle)::text, CASE WHEN billing.cycle_start(b.cycle) > health.at
			THEN 'it is ahead of the clock: usage that arrives now settles with this hour at the earliest, and nothing is settled until it is over'
			ELSE 'usage that arrives now settles with this hour at the earliest' END
	FROM billing.barrier b CROSS JOIN billing.installation i WHERE b.mark = 'watermark'
	UNION ALL
	SELECT 'drained', d.cycle = w.cycle, format('%s cycles behind the watermark', w.cycle - d.cycle),
		coalesce((SELECT string_agg(format('%s writes in the cycle of %s', coalesce('process ' || x.pid,
			'a prepared transaction (SELECT gid FROM pg_prepared_xacts)'), billing.cycle_start(x.cycle)), '; ')
			FROM billing._writers() x WHERE x.cycle < w.cycle), '')
	FROM billing.barrier d JOIN billing.barrier w ON w.mark = 'watermark' WHERE d.mark = 'drained'
	UNION ALL
	SELECT 'settled', min(h.timers_through) = b.cycle, format('%s of %s shards', count(*) FILTER (WHERE h.timers_through = b.cycle), count(*)),
		format('the last one is settled up to %s', billing.cycle_start(min(h.timers_through)))
	FROM billing.shard h JOIN billing.barrier b ON b.mark = 'drained' GROUP BY b.cycle
	UNION ALL
	SELECT 'quarantine', count(*) = 0, format('%s accounts', count(*)),
		coalesce(string_agg(format('account %s since the cycle of %s: %s (%s)', q.account_id, billing.cycle_start(q.from_cycle), q.error, q.error_code), '; '
			ORDER BY q.account_id) FILTER (WHERE q.n <= 10), '')
	FROM (SELECT w.*, row_number() OVER (ORDER BY w.account_id) AS n FROM billing.quarantine w) q
	UNION ALL
	SELECT 'timers', coalesce(health.at - min(d.next_at) < interval '5 minutes', true), coalesce((health.at - min(d.next_at))::text, 'none due'),
		CASE WHEN count(d.next_at) > 0 THEN format('the oldest step that is due and not applied was due at %s', min(d.next_at)) ELSE '' END
	FROM billing._due_subjects('-infinity') d WHERE d.next_at < health.at
	UNION ALL
	SELECT 'timers in quarantine', count(*) = 0, format('%s subjects', count(*)),
		coalesce(string_agg(format('%s %s of account %s since %s: %s (%s)', q.subject, q.subject_id, q.account_id, q.since, q.error, q.error_code), '; '
			ORDER BY q.account_id) FILTER (WHERE q.n <= 10), '')
	FROM (SELECT w.*, row_number() OVER (ORDER BY w.account_id) AS n FROM billing.lifecycle_quarantine w) q
	UNION ALL
	SELECT 'notices', coalesce(health.at - min(n.claimed_at) < interval '1 hour', true), format('%s to deliver', count(*)),
		CASE WHEN min(n.claimed_at) IS NOT NULL THEN format('one that was claimed at %s is not acknowledged', min(n.claimed_at))
			WHEN count(*) > 0 THEN format('the oldest is of %s; SELECT * FROM billing.claim_notices();', min(n.at)) ELSE '' END
	FROM billing.notice n WHERE n.acknowledged_at IS NULL
	UNION ALL
	SELECT 'unrated usage', count(*) = 0, format('%s rows', count(*)), CASE WHEN count(*) > 0 THEN 'SELECT * FROM billing.unrated_usage;' ELSE '' END
	FROM billing.unrated
	UNION ALL
	SELECT 'invoices without number', count(*) = 0, count(*)::text, 'they are numbered when every shard has passed their month'
	FROM billing.invoice i WHERE i.number IS NULL
	UNION ALL
	SELECT 'partitions', i.usage_until - billing.cycle_start(b.cycle) > interval '31 days', format('until %s', i.usage_until),
		'usage from then on is refused until billing.tick() has made the next month'
	FROM billing.installation i JOIN billing.barrier b ON b.mark = 'watermark'
	UNION ALL
	SELECT c.* FROM billing._cron_health() c;
END
$fn$;
COMMENT ON FUNCTION billing.health(timestamptz) IS 'is all well: a row for each thing to watch, ok or not';
