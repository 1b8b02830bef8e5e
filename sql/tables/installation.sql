-- Where this installation stands: its version, its first cycle, the barrier between writers and the closing
-- of cycles, and the doorbell's last ring.

CREATE TABLE billing.installation (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	version text NOT NULL,
	start_at timestamptz NOT NULL,
	settle_delay interval NOT NULL CHECK (settle_delay BETWEEN interval '0' AND interval '366 days'),
	usage_until timestamptz NOT NULL,
	installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE billing.installation IS 'the one row that says where this installation stands';
COMMENT ON COLUMN billing.installation.singleton IS 'always true: there is one row';
COMMENT ON COLUMN billing.installation.version IS 'version of the extension that these tables are at; billing.migrate() moves it';
COMMENT ON COLUMN billing.installation.start_at IS 'first instant whose usage is billed, a full UTC hour';
COMMENT ON COLUMN billing.installation.settle_delay IS 'how far the watermark trails the clock';
COMMENT ON COLUMN billing.installation.usage_until IS 'end of the last partition of billing.usage';
COMMENT ON COLUMN billing.installation.installed_at IS 'when billing.install() ran';

CREATE TABLE billing.barrier (
	mark text PRIMARY KEY CHECK (mark IN ('watermark', 'drained')),
	cycle integer NOT NULL
);
COMMENT ON TABLE billing.barrier IS 'the barrier between writers of usage and the closing of cycles';
COMMENT ON COLUMN billing.barrier.mark
	IS 'watermark: the open cycle, with which what arrives now settles at the earliest; drained: every cycle below it has no writer in flight and may be settled';
COMMENT ON COLUMN billing.barrier.cycle IS 'a cycle: hours since 1970-01-01 00:00 UTC';

CREATE TABLE billing.heartbeat (
	singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
	at timestamptz NOT NULL,
	rung_at timestamptz NOT NULL
);
COMMENT ON TABLE billing.heartbeat IS 'the last ring of billing.tick() that came to its end';
COMMENT ON COLUMN billing.heartbeat.singleton IS 'always true: there is one row';
COMMENT ON COLUMN billing.heartbeat.at IS 'the instant that it was rung for';
COMMENT ON COLUMN billing.heartbeat.rung_at IS 'what the clock said then';

CREATE TABLE billing.catalogue_change (
	change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY
);
COMMENT ON TABLE billing.catalogue_change
	IS 'a row for each change of meters, prices or accounts that may rate what could not be rated; settling consumes it';
COMMENT ON COLUMN billing.catalogue_change.change_id IS 'number of the change';
