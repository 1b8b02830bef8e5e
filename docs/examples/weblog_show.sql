-- Who used most.  Called by `make demo LOG=...` once pg_cron has rung.
\pset footer off
\echo
\echo '==== Top 10 clients by invoice (a month that is not over yet has charges and no invoice) ===='
SELECT a.account_id, a.name AS client, u.requests, u.bytes, i.invoiced, c.charged, a.currency
FROM billing.accounts a
JOIN (SELECT account_id, count(*) FILTER (WHERE meter = 'requests') AS requests,
		sum(quantity) FILTER (WHERE meter = 'bytes') AS bytes
	FROM billing.usage GROUP BY account_id) u USING (account_id)
LEFT JOIN (SELECT account_id, sum(total) AS invoiced FROM billing.invoices GROUP BY account_id) i USING (account_id)
LEFT JOIN (SELECT account_id, sum(amount) AS charged FROM billing.charges GROUP BY account_id) c USING (account_id)
ORDER BY coalesce(i.invoiced, c.charged, 0) DESC, c.charged DESC, a.account_id LIMIT 10;

SELECT account_id AS account FROM billing.charges GROUP BY account_id ORDER BY sum(amount) DESC, account_id LIMIT 1 \gset
\echo '==== The invoice lines of account' :account '===='
SELECT i.number, l.line, l.meter, l.quantity, trim_scale(l.exact_amount) AS exact_amount, l.amount, i.total
FROM billing.invoice_lines l JOIN billing.invoices i USING (account_id, invoice_id)
WHERE account_id = :account ORDER BY i.number, l.line;

\echo '==== All of it ===='
SELECT (SELECT count(*) FROM billing.accounts) AS accounts, (SELECT count(*) FROM billing.charges) AS charges,
	(SELECT count(*) FROM billing.invoices) AS invoices, (SELECT sum(total) FROM billing.invoices) AS invoiced,
	(SELECT sum(amount) FROM billing.charges) AS charged, (SELECT count(*) FROM billing.unrated_usage) AS unrated;

\echo '==== The doorbell: what pg_cron did (cron.job_run_details) ===='
SELECT jobid, status, command, start_time, end_time - start_time AS took FROM cron.job_run_details ORDER BY runid;
\echo '==== billing.health() ===='
SELECT * FROM billing.health();
\echo '==== billing.verify() finds what is wrong: nothing ===='
SELECT count(*) AS "wrong things found" FROM billing.verify();
