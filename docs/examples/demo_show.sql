-- What a month of billing looks like.  Called by `make demo` once pg_cron has rung; the views are all there is to it.
\pset footer off
\pset format wrapped
\pset columns 160
\echo
\echo '==== Accounts (the first ten): a negative balance is money the customer owes ===='
SELECT account_id, name, currency, balance, available, state FROM billing.accounts ORDER BY account_id LIMIT 10;

SELECT account_id AS account FROM billing.invoices ORDER BY total DESC, account_id LIMIT 1 \gset
\echo '==== Charges of account' :account '(the last ten hours that were settled): quantity times tier, to the cent in the sum ===='
SELECT charge_id, billing.cycle_start(cycle) AS hour, meter, region, resource, quantity, trim_scale(exact_amount) AS exact_amount, amount, currency
FROM billing.charges WHERE account_id = :account ORDER BY charge_id DESC LIMIT 10;

\echo '==== Its invoice ===='
SELECT number, period_start, period_end, currency, subtotal, tax, total, state
FROM billing.invoices WHERE account_id = :account;
\echo '==== ... with its lines ===='
SELECT line, meter, region, quantity, trim_scale(exact_amount) AS exact_amount, amount
FROM billing.invoice_lines WHERE account_id = :account ORDER BY invoice_id, line;

SELECT charge_id AS charge FROM billing.charges
WHERE account_id = :account AND meter = 'edge_traffic' ORDER BY charge_id DESC OFFSET 300 LIMIT 1 \gset
\echo '==== Charge' :charge 'explained ===='
SELECT * FROM billing.explain_charge(:account, :charge);

\echo '==== What the next 5 TB in Europe would cost it ===='
SELECT * FROM billing.quote(:account, 'edge_traffic', 5000000000000, region => 'EU');

\echo '==== Its ledger (the last five transfers) ===='
SELECT transfer_id, at, debit, credit, amount, balance_after, source FROM billing.ledger
WHERE account_id = :account ORDER BY transfer_id DESC LIMIT 5;

\echo '==== The doorbell: what pg_cron did (cron.job_run_details) ===='
SELECT jobid, status, command, start_time, end_time - start_time AS took FROM cron.job_run_details ORDER BY runid;

\echo '==== billing.health() ===='
SELECT * FROM billing.health();

\echo '==== billing.verify() recomputes everything from nothing and shows what is wrong: nothing ===='
SELECT * FROM billing.verify();
SELECT count(*) AS "wrong things found" FROM billing.verify();
