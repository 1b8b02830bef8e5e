/*
 * facts.c
 *		The facts of a notice: jsonb_build_object() for a million rows.
 *
 * The server's own function looks up the type of every argument for every row, and takes numbers
 * through their text.  Here types are looked at once for each statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* what looks into a varlena has a header of its own from 16 on */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

PG_FUNCTION_INFO_V1(billing_facts);

/* types_of gives the types of the arguments. */
static const Oid *
types_of(FunctionCallInfo fcinfo)
{
	Oid *types = fcinfo->flinfo->fn_extra;

	if (types != NULL)
		return types;
	if (PG_NARGS() % 2 != 0 || get_fn_expr_variadic(fcinfo->flinfo))
		elog(ERROR, "facts come as names and values, one by one");
	types = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, PG_NARGS() * sizeof(Oid));
	for (int i = 0; i < PG_NARGS(); i++)
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i);
	fcinfo->flinfo->fn_extra = types;
	return types;
}

static JsonbValue
of_text(char *text, int length)
{
	JsonbValue value = {.type = jbvString};

	value.val.string.val = text;
	value.val.string.len = length;
	return value;
}

static JsonbValue
of_number(Numeric number)
{
	JsonbValue value = {.type = jbvNumeric};
	char *text;

	if (!numeric_is_nan(number) && !numeric_is_inf(number))
	{
		value.val.numeric = number;
		return value;
	}
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(number)));
	return of_text(text, strlen(text));
}

/* of_datum gives a name or a value as jsonb_build_object() would. */
static JsonbValue
of_datum(Datum datum, Oid type)
{
	JsonbValue value = {.type = jbvBool};
	text *packed;
	char *written;

	switch (type)
	{
		case BOOLOID:
			value.val.boolean = DatumGetBool(datum);
			return value;
		case INT4OID:
			return of_number(int64_to_numeric(DatumGetInt32(datum)));
		case INT8OID:
			return of_number(int64_to_numeric(DatumGetInt64(datum)));
		case NUMERICOID:
			return of_number(DatumGetNumeric(datum));
		case TEXTOID:
			packed = DatumGetTextPP(datum);
			return of_text(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed));
		case UNKNOWNOID: /* a literal */
			written = DatumGetCString(datum);
			return of_text(written, strlen(written));
		case TIMESTAMPTZOID:
			written = JsonEncodeDateTime(palloc(MAXDATELEN + 1), datum, type, NULL);
			return of_text(written, strlen(written));
		default:
			elog(ERROR, "a fact has a type that was not thought of: %s", format_type_be(type));
	}
}

/*
 * billing_facts(name, value, ...) gives what jsonb_build_object(name, value, ...) gives, of text,
 * numbers, booleans and instants.
 */
Datum
billing_facts(PG_FUNCTION_ARGS)
{
	const Oid *types = types_of(fcinfo);
	JsonbParseState *state = NULL;
	JsonbValue *facts;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < PG_NARGS(); i += 2)
	{
		JsonbValue name;
		JsonbValue value = {.type = jbvNull};

		if (PG_ARGISNULL(i))
			elog(ERROR, "a fact has no name");
		name = of_datum(PG_GETARG_DATUM(i), types[i]);
		if (!PG_ARGISNULL(i + 1))
			value = of_datum(PG_GETARG_DATUM(i + 1), types[i + 1]);
		pushJsonbValue(&state, WJB_KEY, &name);
		pushJsonbValue(&state, WJB_VALUE, &value);
	}
	facts = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(facts));
}
