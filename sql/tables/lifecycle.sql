CREATE TABLE billing.lifecycle (
	lifecycle_id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
	policy text COLLATE "C" NOT NULL CONSTRAINT lifecycle_policy_has_a_name CHECK (policy <> ''),
	valid_from timestamptz NOT NULL DEFAULT '-infinity' CONSTRAINT lifecycle_takes_over_at_some_instant CHECK (valid_from < 'infinity'),
	rule billing.lifecycle_policy NOT NULL,
	PRIMARY KEY (policy, valid_from)
);
COMMENT ON TABLE billing.lifecycle IS 'catalogue: lifecycle policies, each version valid from an instant; a chain of steps keeps the version that it began with';
COMMENT ON COLUMN billing.lifecycle.lifecycle_id IS 'identity of the version; chains of steps refer to it';
COMMENT ON COLUMN billing.lifecycle.policy IS 'its name; accounts and plans refer to it';
COMMENT ON COLUMN billing.lifecycle.valid_from IS 'chains that begin at this instant or later follow this version';
COMMENT ON COLUMN billing.lifecycle.rule IS 'what happens, and when';

-- Before the triggers: what is shipped warns nobody that it never releases, or names a plan that is still to come.
INSERT INTO billing.lifecycle (policy, rule) VALUES
	('account', 'notice immediately, suspend after 24 hours, notice 7 days before release, notice 1 day before release, release after 60 days'),
	('reseller', 'suspend immediately, notice 7 days before release, notice 1 day before release, release after 15 days'),
	('plan', 'notice 7 days before, downgrade free after 7 days, suspend immediately, notice 7 days before release, notice 1 day before release, release after 60 days'),
	('defender', 'suspend after 24 hours, notice 1 day before release, release after 7 days'),
	('elastic_arrears', 'restrict elastic immediately, resume auto'),
	('elastic_expiry', 'notice 7 days before, suspend protection immediately, notice 1 day before release, release after 7 days at 00:00'),
	('package', 'notice 7 days before');

-- named so that it comes after the guard: what is refused warns of nothing
CREATE TRIGGER lifecycle_warn BEFORE INSERT OR UPDATE ON billing.lifecycle
	FOR EACH ROW EXECUTE FUNCTION billing._check_lifecycle();
CREATE TRIGGER lifecycle_guard BEFORE UPDATE OR DELETE ON billing.lifecycle
	FOR EACH ROW EXECUTE FUNCTION billing._guard_lifecycle();

CREATE TABLE billing.lifecycle_step (
	account_id bigint NOT NULL,
	step_id bigint GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL,
	subject_id text COLLATE "C" NOT NULL,
	step integer,
	action text NOT NULL,
	argument text,
	due_at timestamptz NOT NULL,
	at timestamptz NOT NULL,
	applied_at timestamptz NOT NULL,
	reason text,
	cause text CHECK (cause IN ('expiry', 'overdue')),
	PRIMARY KEY (account_id, step_id)
);
COMMENT ON TABLE billing.lifecycle_step IS 'history: what was done to whom by which step; rows are only added';
COMMENT ON COLUMN billing.lifecycle_step.account_id IS 'the account';
COMMENT ON COLUMN billing.lifecycle_step.step_id IS 'number of the row';
COMMENT ON COLUMN billing.lifecycle_step.subject IS 'account, subscription, package or resource';
COMMENT ON COLUMN billing.lifecycle_step.subject_id IS 'which one; of an account its number';
COMMENT ON COLUMN billing.lifecycle_step.step IS 'the policy''s step; NULL where a call did it; 0 for the begin of a chain';
COMMENT ON COLUMN billing.lifecycle_step.action
	IS 'notice, restrict, suspend, downgrade or release as the policy says; overdue or end, and resume, where a chain begins and ends; hold for an override; provision, activate, enable, remove, close by a call';
COMMENT ON COLUMN billing.lifecycle_step.argument IS 'the policy''s argument: kind of the resources or plan';
COMMENT ON COLUMN billing.lifecycle_step.due_at IS 'when it was due; it is never applied before';
COMMENT ON COLUMN billing.lifecycle_step.at IS 'its effective instant, from which later delays count: due_at, or when it was applied if that was more than 15 minutes later';
COMMENT ON COLUMN billing.lifecycle_step.applied_at IS 'the ring or call that applied it';
COMMENT ON COLUMN billing.lifecycle_step.reason IS 'why, where there is more to say';
COMMENT ON COLUMN billing.lifecycle_step.cause IS 'which chain of a subscription: expiry or overdue; NULL: of an account, or a call';

CREATE TABLE billing.subscription_chain (
	account_id bigint NOT NULL,
	subscription_id bigint NOT NULL,
	cause text NOT NULL CHECK (cause IN ('expiry', 'overdue')),
	lifecycle_id bigint NOT NULL REFERENCES billing.lifecycle (lifecycle_id),
	since timestamptz,
	step integer NOT NULL DEFAULT 0,
	applied_at timestamptz,
	next_at timestamptz,
	PRIMARY KEY (account_id, subscription_id, cause),
	FOREIGN KEY (account_id, subscription_id) REFERENCES billing.subscription
) WITH (fillfactor = 70);
CREATE INDEX subscription_chain_next ON billing.subscription_chain (next_at, account_id) WHERE next_at IS NOT NULL;
COMMENT ON TABLE billing.subscription_chain IS 'where the steps of subscriptions stand: for the end of what is paid, and for an overdue account where the plan has a policy of its own';
COMMENT ON COLUMN billing.subscription_chain.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription_chain.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.subscription_chain.cause IS 'expiry: follows plan.expiry_policy; overdue: follows plan.overdue_policy';
COMMENT ON COLUMN billing.subscription_chain.lifecycle_id IS 'version of the policy that it began with; a later one is for subscriptions that begin later';
COMMENT ON COLUMN billing.subscription_chain.since IS 'anchor: from when the account is overdue, or the subscription over; NULL: it is neither, and steps before the end count back from paid_until';
COMMENT ON COLUMN billing.subscription_chain.step IS 'last step applied; 0: none yet';
COMMENT ON COLUMN billing.subscription_chain.applied_at IS 'effective instant of the last step applied that does not count back';
COMMENT ON COLUMN billing.subscription_chain.next_at IS 'last instant to pay before the next step; NULL: none is to come';

CREATE TABLE billing.package_chain (
	account_id bigint NOT NULL,
	package_id bigint NOT NULL,
	lifecycle_id bigint NOT NULL REFERENCES billing.lifecycle (lifecycle_id),
	step integer NOT NULL DEFAULT 0,
	applied_at timestamptz,
	next_at timestamptz,
	PRIMARY KEY (account_id, package_id),
	FOREIGN KEY (account_id, package_id) REFERENCES billing.package
) WITH (fillfactor = 70);
CREATE INDEX package_chain_next ON billing.package_chain (next_at, account_id) WHERE next_at IS NOT NULL;
COMMENT ON TABLE billing.package_chain IS 'where the steps of packages stand whose offer has an expiry policy; they count from the end of their validity';
COMMENT ON COLUMN billing.package_chain.account_id IS 'the account';
COMMENT ON COLUMN billing.package_chain.package_id IS 'the package';
COMMENT ON COLUMN billing.package_chain.lifecycle_id IS 'version of the policy that it was bought with';
COMMENT ON COLUMN billing.package_chain.step IS 'last step applied; 0: none yet';
COMMENT ON COLUMN billing.package_chain.applied_at IS 'effective instant of the last step applied that does not count back';
COMMENT ON COLUMN billing.package_chain.next_at IS 'when the next step is due; NULL: none is to come';

CREATE TABLE billing.subscription_pause (
	account_id bigint NOT NULL,
	subscription_id bigint NOT NULL,
	paused_from timestamptz NOT NULL,
	paused_until timestamptz CHECK (paused_until >= paused_from),
	PRIMARY KEY (account_id, subscription_id, paused_from),
	FOREIGN KEY (account_id, subscription_id) REFERENCES billing.subscription
);
COMMENT ON TABLE billing.subscription_pause
	IS 'when a subscription gave nothing though a paid term covers it: suspended by a step of its own, or over until a renewal that came late; usage of these times is out of plan';
COMMENT ON COLUMN billing.subscription_pause.account_id IS 'the account';
COMMENT ON COLUMN billing.subscription_pause.subscription_id IS 'the subscription';
COMMENT ON COLUMN billing.subscription_pause.paused_from IS 'effective instant of the step that suspended it, or the end of what was paid';
COMMENT ON COLUMN billing.subscription_pause.paused_until IS 'first instant at which it gave something again; NULL: it gives nothing';

CREATE TABLE billing.lifecycle_override (
	account_id bigint NOT NULL REFERENCES billing.account,
	override_id bigint GENERATED ALWAYS AS IDENTITY,
	subject text NOT NULL CHECK (subject IN ('account', 'subscription', 'package')),
	subject_id text COLLATE "C" NOT NULL,
	until timestamptz NOT NULL CHECK (isfinite(until)),
	reason text NOT NULL CHECK (reason <> ''),
	created_by text NOT NULL DEFAULT current_user,
	at timestamptz NOT NULL,
	PRIMARY KEY (account_id, override_id)
);
COMMENT ON TABLE billing.lifecycle_override IS 'steps of these subjects wait until an instant; billing.override_lifecycle() writes it, and nothing has to end it';
COMMENT ON COLUMN billing.lifecycle_override.account_id IS 'the account';
COMMENT ON COLUMN billing.lifecycle_override.override_id IS 'number of the override';
COMMENT ON COLUMN billing.lifecycle_override.subject IS 'account, subscription or package';
COMMENT ON COLUMN billing.lifecycle_override.subject_id IS 'which one';
COMMENT ON COLUMN billing.lifecycle_override.until IS 'a step that is due before this instant is due at it';
COMMENT ON COLUMN billing.lifecycle_override.reason IS 'why';
COMMENT ON COLUMN billing.lifecycle_override.created_by IS 'the role that decided it';
COMMENT ON COLUMN billing.lifecycle_override.at IS 'when it was decided';

CREATE TABLE billing.suspension (
	account_id bigint NOT NULL,
	suspended_from timestamptz NOT NULL,
	suspended_until timestamptz CHECK (suspended_until >= suspended_from),
	PRIMARY KEY (account_id, suspended_from)
);
COMMENT ON TABLE billing.suspension IS 'when an account was suspended, by effective instants: usage of these times is out of plan, and packages are not consumed';
COMMENT ON COLUMN billing.suspension.account_id IS 'the account';
COMMENT ON COLUMN billing.suspension.suspended_from IS 'effective instant of the step that suspended it';
COMMENT ON COLUMN billing.suspension.suspended_until IS 'first instant at which it was not suspended any more; NULL: it is';

CREATE TABLE billing.lifecycle_quarantine (
	account_id bigint NOT NULL,
	subject text NOT NULL,
	subject_id text COLLATE "C" NOT NULL,
	error text NOT NULL,
	error_code text NOT NULL,
	since timestamptz NOT NULL,
	tried_at timestamptz NOT NULL,
	PRIMARY KEY (account_id, subject, subject_id)
);
COMMENT ON TABLE billing.lifecycle_quarantine IS 'subjects whose step fails; the others go on, these are tried again each hour';
COMMENT ON COLUMN billing.lifecycle_quarantine.account_id IS 'the account';
COMMENT ON COLUMN billing.lifecycle_quarantine.subject IS 'account, subscription or package';
COMMENT ON COLUMN billing.lifecycle_quarantine.subject_id IS 'which one';
COMMENT ON COLUMN billing.lifecycle_quarantine.error IS 'message of the error';
COMMENT ON COLUMN billing.lifecycle_quarantine.error_code IS 'its SQLSTATE';
COMMENT ON COLUMN billing.lifecycle_quarantine.since IS 'the ring at which it first failed';
COMMENT ON COLUMN billing.lifecycle_quarantine.tried_at IS 'the ring of the last try';
