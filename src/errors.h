/*
 * errors.h
 *		The SQLSTATEs of billing: class UB.  SQL and PL/pgSQL raise them by these five letters too.
 *
 * Where the standard has a fitting state (22003 out of range, 25006 read only, ...) that one is
 * used.
 */
#ifndef BILLING_ERRORS_H
#define BILLING_ERRORS_H

#include "utils/elog.h"

#define ERRCODE_BILLING_UNKNOWN_ACCOUNT MAKE_SQLSTATE('U', 'B', '0', '0', '1')
#define ERRCODE_BILLING_UNKNOWN_METER MAKE_SQLSTATE('U', 'B', '0', '0', '2')
#define ERRCODE_BILLING_UNKNOWN_CURRENCY MAKE_SQLSTATE('U', 'B', '0', '0', '3')

/* the same key came with other arguments */
#define ERRCODE_BILLING_KEY_REUSED MAKE_SQLSTATE('U', 'B', '0', '0', '4')

/* no price is in force for that meter, region, currency and instant */
#define ERRCODE_BILLING_NO_PRICE MAKE_SQLSTATE('U', 'B', '0', '0', '5')
#define ERRCODE_BILLING_ACCOUNT_CLOSED MAKE_SQLSTATE('U', 'B', '0', '0', '6')

/* a price that has rated something never changes */
#define ERRCODE_BILLING_PRICE_IMMUTABLE MAKE_SQLSTATE('U', 'B', '0', '0', '7')

/* no tables, or tables of another version than the extension */
#define ERRCODE_BILLING_NOT_INSTALLED MAKE_SQLSTATE('U', 'B', '0', '0', '8')

/* pg_cron is missing, or can not reach this database */
#define ERRCODE_BILLING_NO_CRON MAKE_SQLSTATE('U', 'B', '0', '0', '9')

/* the test clock was asked to go where the real one has a say */
#define ERRCODE_BILLING_CLOCK_REFUSED MAKE_SQLSTATE('U', 'B', '0', '1', '0')
#define ERRCODE_BILLING_INSUFFICIENT_BALANCE MAKE_SQLSTATE('U', 'B', '0', '1', '1')

/* CREATE EXTENSION found somebody else's objects in schema billing */
#define ERRCODE_BILLING_SCHEMA_NOT_EMPTY MAKE_SQLSTATE('U', 'B', '0', '1', '2')

/* an instant before the start or beyond the last partition */
#define ERRCODE_BILLING_TIME_OUT_OF_RANGE MAKE_SQLSTATE('U', 'B', '0', '1', '3')

/* raised in sql/45_condition.sql: two prices of equal rank that one event can meet */
#define ERRCODE_BILLING_PRICE_TIE MAKE_SQLSTATE('U', 'B', '0', '1', '4')

/* raised in sql/42_overdue.sql: a suspended or released account can only be read, paid for and refunded */
#define ERRCODE_BILLING_VIEW_ONLY MAKE_SQLSTATE('U', 'B', '0', '2', '0')

/* raised in sql/42_resource.sql: what was released does not come back */
#define ERRCODE_BILLING_RESOURCE_RELEASED MAKE_SQLSTATE('U', 'B', '0', '2', '2')

/* a resource is in another state than the call is for, or what holds it is still there */
#define ERRCODE_BILLING_RESOURCE_STATE MAKE_SQLSTATE('U', 'B', '0', '2', '3')

/* money or usage is left, so the account can not be closed */
#define ERRCODE_BILLING_ACCOUNT_NOT_EMPTY MAKE_SQLSTATE('U', 'B', '0', '2', '4')

/* sql/46_order.sql: a voucher that was named can not pay the order */
#define ERRCODE_BILLING_UNKNOWN_VOUCHER MAKE_SQLSTATE('U', 'B', '0', '3', '4')
#define ERRCODE_BILLING_VOUCHER_EXPIRED MAKE_SQLSTATE('U', 'B', '0', '3', '5')
#define ERRCODE_BILLING_VOUCHER_USED_UP MAKE_SQLSTATE('U', 'B', '0', '3', '6')
#define ERRCODE_BILLING_VOUCHER_MIN_ORDER MAKE_SQLSTATE('U', 'B', '0', '3', '7')
#define ERRCODE_BILLING_VOUCHER_PRODUCT MAKE_SQLSTATE('U', 'B', '0', '3', '8')

/* sql/47_subscription.sql, _renew, _change: plans and subscriptions */
#define ERRCODE_BILLING_UNKNOWN_PLAN MAKE_SQLSTATE('U', 'B', '0', '3', '9')
#define ERRCODE_BILLING_PLAN_NOT_SOLD MAKE_SQLSTATE('U', 'B', '0', '4', '0')
#define ERRCODE_BILLING_PLAN_TERMS MAKE_SQLSTATE('U', 'B', '0', '4', '1')
#define ERRCODE_BILLING_PLAN_OPTION MAKE_SQLSTATE('U', 'B', '0', '4', '2')
#define ERRCODE_BILLING_NOT_RENEWABLE MAKE_SQLSTATE('U', 'B', '0', '4', '3')
#define ERRCODE_BILLING_SUBSCRIPTION_ENDED MAKE_SQLSTATE('U', 'B', '0', '4', '4')
#define ERRCODE_BILLING_PLAN_CHANGE_REFUSED MAKE_SQLSTATE('U', 'B', '0', '4', '5')
#define ERRCODE_BILLING_NOT_REFUNDABLE MAKE_SQLSTATE('U', 'B', '0', '4', '6')
#define ERRCODE_BILLING_UNKNOWN_SUBSCRIPTION MAKE_SQLSTATE('U', 'B', '0', '4', '7')
#define ERRCODE_BILLING_PLAN_NEEDS_RESOURCE MAKE_SQLSTATE('U', 'B', '0', '4', '8')
#define ERRCODE_BILLING_ALREADY_CANCELLED MAKE_SQLSTATE('U', 'B', '0', '4', '9')

/* sql/48_package.sql: packages, their offers and bindings */
#define ERRCODE_BILLING_NO_RESOURCE_TO_BIND MAKE_SQLSTATE('U', 'B', '0', '5', '0')
#define ERRCODE_BILLING_RESOURCE_BOUND MAKE_SQLSTATE('U', 'B', '0', '5', '1')
#define ERRCODE_BILLING_OFFER_REGION MAKE_SQLSTATE('U', 'B', '0', '5', '2')
#define ERRCODE_BILLING_OFFER_NEEDS_PLAN MAKE_SQLSTATE('U', 'B', '0', '5', '3')
#define ERRCODE_BILLING_TOO_MANY_RESOURCES MAKE_SQLSTATE('U', 'B', '0', '5', '4')
#define ERRCODE_BILLING_NO_AUTO_RENEWAL MAKE_SQLSTATE('U', 'B', '0', '5', '5')
#define ERRCODE_BILLING_AUTO_RENEWAL_TAKEN MAKE_SQLSTATE('U', 'B', '0', '5', '6')
#define ERRCODE_BILLING_UNKNOWN_PACKAGE MAKE_SQLSTATE('U', 'B', '0', '5', '7')
#define ERRCODE_BILLING_PACKAGE_OVER MAKE_SQLSTATE('U', 'B', '0', '5', '8')
#define ERRCODE_BILLING_OFFER_NOT_SOLD MAKE_SQLSTATE('U', 'B', '0', '5', '9')
#define ERRCODE_BILLING_PACKAGE_USED MAKE_SQLSTATE('U', 'B', '0', '6', '0')
#define ERRCODE_BILLING_PACKAGE_CHANGE_REFUSED MAKE_SQLSTATE('U', 'B', '0', '6', '1')

/* sql/49_cap.sql */
#define ERRCODE_BILLING_UNKNOWN_CAP_ACTION MAKE_SQLSTATE('U', 'B', '0', '6', '2')
#define ERRCODE_BILLING_UNKNOWN_CAP_PERIOD MAKE_SQLSTATE('U', 'B', '0', '6', '3')
#define ERRCODE_BILLING_CAP_OUT_OF_RANGE MAKE_SQLSTATE('U', 'B', '0', '6', '4')
#define ERRCODE_BILLING_METER_WITHOUT_CAPS MAKE_SQLSTATE('U', 'B', '0', '6', '5')
#define ERRCODE_BILLING_NO_SUCH_CAP MAKE_SQLSTATE('U', 'B', '0', '6', '6')

/* sql/48_package.sql: a package or an allowance of a meter whose quantity is no sum */
#define ERRCODE_BILLING_METER_NOT_DEDUCTIBLE MAKE_SQLSTATE('U', 'B', '0', '6', '7')

/* sql/42_resource.sql: a paid plan waits for that resource */
#define ERRCODE_BILLING_PLAN_WAITS MAKE_SQLSTATE('U', 'B', '0', '6', '8')

/* sql/47_subscription_configure.sql: an option is less than the one that it has to reach */
#define ERRCODE_BILLING_OPTION_BELOW_ANOTHER MAKE_SQLSTATE('U', 'B', '0', '7', '0')

/* UBT: the tariff type. A quantity beyond a tariff's hard last tier */
#define ERRCODE_BILLING_TARIFF_LIMIT MAKE_SQLSTATE('U', 'B', 'T', '0', '1')

#endif /* BILLING_ERRORS_H */
