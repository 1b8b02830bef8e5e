CREATE TABLE billing.resource (
	account_id bigint NOT NULL REFERENCES billing.account,
	resource text COLLATE "C" NOT NULL CHECK (resource <> ''),
	kind text COLLATE "C" NOT NULL CHECK (kind <> ''),
	state text NOT NULL CHECK (state IN ('provisioning', 'active', 'restricted', 'suspended', 'released')),
	since timestamptz NOT NULL,
	held_by text COLLATE "C",
	added_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, resource)
) WITH (fillfactor = 90);
COMMENT ON TABLE billing.resource IS 'what an account runs: domains, devices, addresses; that the whole account is suspended is read from the account';
COMMENT ON COLUMN billing.resource.account_id IS 'the account';
COMMENT ON COLUMN billing.resource.resource IS 'its name, as usage bears it';
COMMENT ON COLUMN billing.resource.kind IS 'what it is; policies restrict and suspend by kind';
COMMENT ON COLUMN billing.resource.state IS 'provisioning, active, restricted, suspended or released, which is final';
COMMENT ON COLUMN billing.resource.since IS 'when it came into that state';
COMMENT ON COLUMN billing.resource.held_by IS 'what restricted or suspended it: account, or subscription, package or cap and a number; NULL while it is neither';
COMMENT ON COLUMN billing.resource.added_at IS 'when it was added';
