CREATE TABLE billing.notice (
	account_id bigint NOT NULL,
	notice_id bigint GENERATED ALWAYS AS IDENTITY,
	kind text COLLATE "C" NOT NULL,
	subject text NOT NULL,
	subject_id text COLLATE "C" NOT NULL,
	cause text COLLATE "C" NOT NULL,
	facts jsonb NOT NULL,
	text text,
	at timestamptz NOT NULL,
	claimed_at timestamptz,
	acknowledged_at timestamptz,
	PRIMARY KEY (account_id, notice_id),
	UNIQUE (account_id, kind, subject, subject_id, cause)
);
CREATE INDEX notice_outbox ON billing.notice (notice_id) WHERE acknowledged_at IS NULL;
COMMENT ON TABLE billing.notice IS 'outbox: what customers are to be told, written by the transaction that it tells of; never twice for one cause';
COMMENT ON COLUMN billing.notice.account_id IS 'the account';
COMMENT ON COLUMN billing.notice.notice_id IS 'number of the notice';
COMMENT ON COLUMN billing.notice.kind IS 'what it tells; the kind of its template';
COMMENT ON COLUMN billing.notice.subject IS 'account, subscription, package or resource';
COMMENT ON COLUMN billing.notice.subject_id IS 'which one';
COMMENT ON COLUMN billing.notice.cause IS 'what it was written for, in words that stay the same';
COMMENT ON COLUMN billing.notice.facts IS 'the numbers and dates of it; instants are UTC';
COMMENT ON COLUMN billing.notice.text IS 'the text that was given to the mailer; NULL until then';
COMMENT ON COLUMN billing.notice.at IS 'when it happened';
COMMENT ON COLUMN billing.notice.claimed_at IS 'when a mailer took it; one that is not acknowledged an hour later is given out again';
COMMENT ON COLUMN billing.notice.acknowledged_at IS 'when the mailer said that it is delivered';

CREATE TABLE billing.notice_template (
	kind text COLLATE "C" NOT NULL,
	language text COLLATE "C" NOT NULL DEFAULT '',
	text text NOT NULL,
	PRIMARY KEY (kind, language)
);
COMMENT ON TABLE billing.notice_template IS 'catalogue: the texts of notices; {name} stands for the fact of that name';
COMMENT ON COLUMN billing.notice_template.kind IS 'kind of the notices';
COMMENT ON COLUMN billing.notice_template.language IS 'yours to choose; '''' where no other fits';
COMMENT ON COLUMN billing.notice_template.text IS 'text with placeholders, such as {balance}; change it as you like';

INSERT INTO billing.notice_template (kind, text) VALUES
	('overdue', 'Account {account_id} is overdue since {since}: the balance is {balance} {currency}. Next: {next_step} at {next_at}.'),
	('restricted', 'Services of account {account_id} are restricted since {at}, because it is overdue since {since}. Balance: {balance} {currency}.'),
	('suspended', 'Account {account_id} is suspended since {at}, because it is overdue since {since}. Balance: {balance} {currency}. Next: {next_step} at {next_at}.'),
	('before_release', 'Account {account_id} is overdue since {since}. What it has is deleted at {release_at} unless it is paid. Balance: {balance} {currency}.'),
	('released', 'What account {account_id} had was deleted at {at}: it was overdue since {since}.'),
	('resumed', 'Account {account_id} is active again since {at}. Balance: {balance} {currency}.'),
	('plan_expires', 'Plan "{plan}" (subscription {subscription_id}) is paid until {term_end}. Next: {next_step} at {next_at}.'),
	('subscription_ended', 'Plan "{plan}" (subscription {subscription_id}) has ended at {term_end}. It is {state}.'),
	('subscription_notice', 'Plan "{plan}" (subscription {subscription_id}) is {cause} since {since}. Next: {next_step} at {next_at}.'),
	('subscription_restricted', 'What plan "{plan}" (subscription {subscription_id}) serves is restricted since {at}: {cause} since {since}. Next: {next_step} at {next_at}.'),
	('subscription_suspended', 'Plan "{plan}" (subscription {subscription_id}) is suspended since {at}: {cause} since {since}. Next: {next_step} at {next_at}.'),
	('subscription_before_release', 'What plan "{plan}" (subscription {subscription_id}) serves is deleted at {release_at} unless it is paid.'),
	('subscription_released', 'What plan "{plan}" (subscription {subscription_id}) served was deleted at {at}: {cause} since {since}.'),
	('low_balance', 'The balance of account {account_id} is {balance} {currency}, below {threshold}.'),
	('expiring', 'What you have ends at {term_end}.'),
	('package_renewed', 'Package {renews} of "{offer}" was renewed for {price}: package {package_id} is valid to {valid_until}.'),
	('package_low', 'Of package {package_id} of "{offer}" {remaining} of {size} {unit} are left, no more than {threshold}. It is valid to {valid_until}.'),
	('package_expires', 'Package {package_id} of "{offer}" is valid to {valid_until}; {remaining} of {size} are left.'),
	('package_expired', 'Package {package_id} of "{offer}" was valid to {valid_until}; {remaining} of {size} were left.'),
	('package_exhausted', 'Package {package_id} of "{offer}" is used up.'),
	('renewal_failed', 'The renewal failed: {reason}.'),
	('cap_reached', 'Usage of {meter} has reached the cap of {cap} {unit}: it was {used} {unit} at {at}.');
