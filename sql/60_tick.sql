-- The procedures that commit between their steps: src/procedures.c.

CREATE PROCEDURE billing.tick(at timestamptz DEFAULT now())
LANGUAGE c
AS 'MODULE_PATHNAME', 'billing_tick';
COMMENT ON PROCEDURE billing.tick(timestamptz)
	IS 'the doorbell: closes and settles every cycle that is over, does all that is due, and leaves a heartbeat; harmless at any frequency, from any number of sessions';

CREATE PROCEDURE billing.settle(through timestamptz)
LANGUAGE c
AS 'MODULE_PATHNAME', 'billing_settle';
COMMENT ON PROCEDURE billing.settle(timestamptz)
	IS 'closes and settles every cycle that ends at or before an instant, without waiting for the clock; inside a transaction block writers of usage wait until it ends';

CREATE PROCEDURE billing.run(until timestamptz)
LANGUAGE c
AS 'MODULE_PATHNAME', 'billing_run';
COMMENT ON PROCEDURE billing.run(timestamptz)
	IS 'the test clock: rings tick at every instant up to until at which something is due, in order';
