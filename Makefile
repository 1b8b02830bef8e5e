# billing: a PostgreSQL extension.  `make help` lists what there is to run.
EXTENSION   = billing
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" billing.control)
MODULE_big  = billing
OBJS        = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
PG_CPPFLAGS = -Isrc -DBILLING_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	$(if $(findstring clang,$(CC)),-Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes)

# The extension's script is these parts, in this order.
SQL_PARTS = $(addprefix sql/, 00_header.sql 10_types.sql 11_tariff.sql 12_lifecycle.sql 20_period.sql 21_meter.sql 22_term.sql \
	23_waterfall.sql 24_renewal.sql 30_barrier.sql 31_install.sql 31_row.sql 40_accounts.sql 41_ledger.sql 42_notice.sql 42_overdue.sql 42_resource.sql \
	43_usage.sql 44_price.sql 45_condition.sql 46_order.sql 47_option_price.sql 47_peak.sql 47_subscription.sql 47_subscription_change.sql \
	47_subscription_configure.sql 47_subscription_payment.sql 47_subscription_renew.sql 48_package.sql 49_cap.sql 49_day.sql 49_deduction.sql \
	49_renewal.sql 50_settle.sql 51_shards.sql 52_window.sql 53_invoice.sql 55_lifecycle.sql 55_lifecycle_package.sql \
	55_lifecycle_subscription.sql 60_clock.sql 60_tick.sql 61_schedule.sql 70_explain.sql 70_explain_account.sql 70_explain_peak.sql \
	70_explain_prepaid.sql 70_renewals.sql 71_verify.sql 71_verify_cap.sql 71_verify_lifecycle.sql 71_verify_package.sql 71_verify_peak.sql \
	71_verify_prepaid.sql 72_health.sql 72_revenue.sql)
# Tables and views are the user's own objects: billing.install() makes them.  One file a concept.
SQL_TABLES = $(addprefix sql/tables/, installation.sql currency.sql meter.sql account.sql price.sql usage.sql settlement.sql charge.sql \
	ledger.sql invoice.sql plan.sql plan_option_price.sql order.sql subscription.sql subscription_payment.sql package.sql lifecycle.sql resource.sql notice.sql \
	usage_cap.sql row_checks.sql)
SQL_VIEWS  = $(addprefix sql/tables/, views_renewal.sql views.sql views_prepaid.sql views_plan.sql views_cap.sql views_revenue.sql)
HEAD_SQL   = sql/billing--$(EXTVERSION).sql
DATA_built = $(HEAD_SQL)
EXTRA_CLEAN = $(HEAD_SQL).tmp results output_iso tmp_check regression.diffs regression.out \
	$(patsubst %.o,%.bc,$(OBJS)) $(wildcard src/*.gcda src/*.gcno) $(wildcard test/*/__pycache__)

REGRESS        = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --load-extension=billing
ISOLATION      = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=billing

# Goals that bring what they need with them: test/setup first, then this Makefile again with PGXS.
OWN_GOALS = help setup demo check check-long lint bench fuzz

PG_CONFIG ?= pg_config
export PG_CONFIG
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))

ifneq ($(filter $(OWN_GOALS),$(MAKECMDGOALS)),)

.PHONY: $(MAKECMDGOALS)
.NOTPARALLEL:
help:
	@echo 'Build:  make | make install | make installcheck | make clean     PG_CONFIG=/path/to/pg_config'
	@echo 'Try:    make demo                  a throw-away server, a hundred accounts, a month billed by pg_cron'
	@echo '        make demo KEEP=1           the same, and the server stays for you to play with'
	@echo '        make demo LOG=access.log   bill a web server log (Common or Combined format)'
	@echo 'Test:   make check                 every test at a reduced size;  make check-long: at full size'
	@echo '        make check ONLY=STAGE      one kind of test: $(shell sed -n 's/^STAGES="\(.*\)"/\1/p' test/check)'
	@echo '        make lint | make bench | make fuzz SECONDS=60'
	@echo 'Packages that are missing are installed first (Debian 12, as root or through sudo).'
setup:
	@test/setup check
demo:
	@test/setup demo
	@KEEP='$(KEEP)' LOG='$(LOG)' test/demo
check check-long:
	@test/setup check
	@BILLING_LONG=$(if $(filter check-long,$@),1,0) ONLY='$(ONLY)' test/check
lint:
	@test/setup check
	@test/lint
bench:
	@test/setup demo
	@test/bench/run
fuzz:
	@test/setup check
	@CLANG=$$(command -v clang-14 || command -v clang) test/fuzz/run.sh $(or $(SECONDS),60)
# `make clean check` and the like: PGXS does its goals in a make of its own.
$(filter-out $(OWN_GOALS),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else ifneq ($(PGXS),)

include $(PGXS)

# Any header may have changed a struct that any file uses, and a half-stale module crashes the server.
$(OBJS) $(OBJS:.o=.bc): $(wildcard src/*.h) billing.control Makefile

# Tables and views go where 31_install.sql holds @TABLES@ and @VIEWS@, inside a dollar-quoted body.
$(HEAD_SQL): $(SQL_PARTS) $(SQL_TABLES) $(SQL_VIEWS) billing.control Makefile
	@! grep -Hn '\$$install\$$' $(SQL_TABLES) $(SQL_VIEWS) || \
		{ echo 'the lines above would end the body of billing.install()' >&2; false; }
	awk -v tables='$(SQL_TABLES)' -v views='$(SQL_VIEWS)' -f sql/join.awk $(SQL_PARTS) > $@.tmp
	mv $@.tmp $@

else

$(or $(MAKECMDGOALS),all):
	@echo 'No PGXS at "$(PG_CONFIG) --pgxs".  Install the packages with  test/setup demo' >&2
	@echo '(or the server headers of your PostgreSQL), or name its pg_config:  make PG_CONFIG=...' >&2
	@false

endif
