/*
 * tariff.c
 *		The type billing.tariff: in and out, send and receive, jsonb, equality,
 *		and what a tariff says of itself.
 *
 * What a tariff is and means stands in tariff_core.h and the files it names;
 * here is only what PostgreSQL calls.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"

#include "compat.h"
#include "errors.h"
#include "numeric_bridge.h"
#include "tariff.h"

PG_FUNCTION_INFO_V1(billing_tariff_in);
PG_FUNCTION_INFO_V1(billing_tariff_out);
PG_FUNCTION_INFO_V1(billing_tariff_recv);
PG_FUNCTION_INFO_V1(billing_tariff_send);
PG_FUNCTION_INFO_V1(billing_tariff_from_jsonb);
PG_FUNCTION_INFO_V1(billing_tariff_to_jsonb);
PG_FUNCTION_INFO_V1(billing_tariff_eq);
PG_FUNCTION_INFO_V1(billing_tariff_ne);
PG_FUNCTION_INFO_V1(billing_tariff_hash);
PG_FUNCTION_INFO_V1(billing_tariff_hash_extended);
PG_FUNCTION_INFO_V1(billing_tariff_model);
PG_FUNCTION_INFO_V1(billing_tariff_each);
PG_FUNCTION_INFO_V1(billing_tariff_tiers);

/*
 * billing_tariff_packed gives the packed form of a tariff datum, detoasted into
 * the current memory context if need be, and refuses a form that this version
 * does not know.
 */
const char *
billing_tariff_packed(Datum tariff)
{
	struct varlena *value = PG_DETOAST_DATUM_PACKED(tariff);
	const char *packed = VARDATA_ANY(value);

	switch (tariff_check_packed(packed, VARSIZE_ANY_EXHDR(value)))
	{
		case TARIFF_OK:
			break;
		case TARIFF_UNKNOWN_FORMAT:
			ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
							errmsg("this tariff was stored by a newer version of billing"),
							errhint("Install that version of the extension's library.")));
			break;
		default:
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored tariff is damaged")));
	}
	return packed;
}

/* The tariff that a function has decompressed last. */
typedef struct TariffCache
{
	struct varlena *compressed; /* as it came, or NULL */
	const char *packed;
} TariffCache;

/*
 * remember_tariff decompresses a tariff into the cache.  What it was made from
 * is kept beside it, and set last, so that an error leaves no half of a pair.
 */
static void
remember_tariff(TariffCache *cache, MemoryContext memory, struct varlena *compressed)
{
	MemoryContext before = MemoryContextSwitchTo(memory);
	Size size = VARSIZE(compressed);
	struct varlena *copy;

	if (cache->compressed != NULL)
	{
		pfree(cache->compressed);
		cache->compressed = NULL;
		pfree(unconstify(char *, cache->packed) - VARHDRSZ);
	}
	cache->packed = billing_tariff_packed(PointerGetDatum(compressed));
	copy = palloc(size);
	memcpy(copy, compressed, size);
	cache->compressed = copy;
	MemoryContextSwitchTo(before);
}

/*
 * billing_tariff_cached gives the packed form of a tariff datum to a function
 * that is called row by row.  A long price list is compressed where it is
 * stored, and decompressing it costs many times its price; so the last one is
 * kept, for as long as the same bytes come.
 */
const char *
billing_tariff_cached(FmgrInfo *flinfo, Datum tariff)
{
	struct varlena *value = (struct varlena *) DatumGetPointer(tariff);
	TariffCache *cache;

	if (likely(!VARATT_IS_COMPRESSED(value)))
		return billing_tariff_packed(tariff);
	if (flinfo->fn_extra == NULL)
		flinfo->fn_extra = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(TariffCache));
	cache = flinfo->fn_extra;
	if (cache->compressed == NULL || VARSIZE(cache->compressed) != VARSIZE(value) ||
		memcmp(cache->compressed, value, VARSIZE(value)) != 0)
		remember_tariff(cache, flinfo->fn_mcxt, value);
	return cache->packed;
}

/*
 * billing_tariff_unpack unpacks a tariff; its tiers are one palloc'd array.
 */
void
billing_tariff_unpack(const char *packed, TariffSpec *spec)
{
	int tiers = tariff_packed_tiers(packed);

	tariff_spec_init(spec, palloc(tiers * sizeof(TariffTier)), tiers);
	tariff_unpack(packed, spec);
}

/* make_datum packs a finished tariff into a new datum. */
static Datum
make_datum(const TariffSpec *spec)
{
	size_t size = VARHDRSZ + tariff_packed_size(spec);
	struct varlena *result = palloc(size); /* packing writes every byte */

	SET_VARSIZE(result, size);
	tariff_pack(spec, VARDATA(result));
	return PointerGetDatum(result);
}

/*
 * init_spec makes an empty tariff with room for as many tiers as a text can
 * hold in which `mark` stands before or between any two of them.
 */
static void
init_spec(TariffSpec *spec, const char *text, size_t length, char mark)
{
	int tiers = 1;

	for (size_t i = 0; i < length && tiers < TARIFF_MAX_TIERS; i++)
		tiers += text[i] == mark;
	tariff_spec_init(spec, palloc(tiers * sizeof(TariffTier)), tiers);
}

/* sqlstate_of gives the SQLSTATE of a refusal. */
static int
sqlstate_of(TariffStatus status, int malformed)
{
	switch (status)
	{
		case TARIFF_OUT_OF_RANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case TARIFF_TOO_MANY:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case TARIFF_UNKNOWN_FORMAT:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		default:
			return malformed;
	}
}

/*
 * refuse_text reports why a text is no tariff, softly if the caller asked for
 * that.  Places are told in characters, counted from 1.
 */
static Datum
refuse_text(const char *text, TariffStatus status, const TariffError *error, struct Node *context)
{
	int place = pg_mbstrlen_with_len(text, Max(error->at, 0)) + 1;

	ereturn(
		context, (Datum) 0,
		(errcode(sqlstate_of(status, ERRCODE_INVALID_TEXT_REPRESENTATION)),
		 errmsg("invalid input syntax for type %s: \"%s\"", "billing.tariff", text),
		 errdetail("At character %d: %s", place, error->detail),
		 error->hint[0]
			 ? errhint("%s", error->hint)
			 : errhint(
				   "A tariff reads like this: graduated per GB: 0.05 up to 10 TB, 0.04 beyond")));
}

/*
 * billing_tariff_in reads the text of a tariff.
 */
Datum
billing_tariff_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	size_t length = strlen(text);
	TariffSpec spec;
	TariffError error;
	TariffStatus status;
	Datum result;

	init_spec(&spec, text, length, ',');
	status = tariff_read_text(text, length, &spec, &error);
	if (status != TARIFF_OK)
		return refuse_text(text, status, &error, (struct Node *) fcinfo->context);
	result = make_datum(&spec);
	pfree(spec.tiers);
	PG_RETURN_DATUM(result);
}

/*
 * billing_tariff_out prints the canonical text.
 */
Datum
billing_tariff_out(PG_FUNCTION_ARGS)
{
	TariffSpec spec;
	char *text;

	billing_tariff_unpack(PG_GETARG_TARIFF(0), &spec);
	text = palloc(tariff_text_size(&spec));
	tariff_print_text(&spec, text);
	pfree(spec.tiers);
	PG_RETURN_CSTRING(text);
}

/*
 * billing_tariff_recv reads the binary form.
 */
Datum
billing_tariff_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	const char *data = message->data + message->cursor;
	size_t length = (size_t) (message->len - message->cursor);
	int tiers = length >= 6 ? (uint8) data[4] << 8 | (uint8) data[5] : 1;
	TariffSpec spec;
	TariffError error;
	TariffStatus status;
	Datum result;
	size_t plain = tariff_receive_size(data, length);

	if (plain > 0)
	{
		struct varlena *packed = palloc(VARHDRSZ + plain);

		SET_VARSIZE(packed, VARHDRSZ + plain);
		if (tariff_receive(data, VARDATA(packed)))
		{
			message->cursor = message->len;
			PG_RETURN_POINTER(packed);
		}
		pfree(packed);
	}
	tiers = Min(Max(tiers, 1), TARIFF_MAX_TIERS);
	tariff_spec_init(&spec, palloc(tiers * sizeof(TariffTier)), tiers);
	status = tariff_read_binary(data, length, &spec, &error);
	if (status != TARIFF_OK)
		ereport(ERROR, (errcode(sqlstate_of(status, ERRCODE_INVALID_BINARY_REPRESENTATION)),
						errmsg("invalid binary data for type %s", "billing.tariff"),
						errdetail("The data do not hold a tariff: %s", error.detail),
						error.hint[0] ? errhint("%s", error.hint) : 0));
	message->cursor = message->len;
	result = make_datum(&spec);
	pfree(spec.tiers);
	PG_RETURN_DATUM(result);
}

/*
 * billing_tariff_send writes the binary form.
 */
Datum
billing_tariff_send(PG_FUNCTION_ARGS)
{
	TariffSpec spec;
	bytea *result;
	size_t size;

	billing_tariff_unpack(PG_GETARG_TARIFF(0), &spec);
	size = VARHDRSZ + tariff_binary_size(&spec);
	result = palloc(size);
	SET_VARSIZE(result, size);
	tariff_print_binary(&spec, VARDATA(result));
	pfree(spec.tiers);
	PG_RETURN_BYTEA_P(result);
}

/*
 * billing_tariff_from_jsonb is the cast from jsonb.
 */
Datum
billing_tariff_from_jsonb(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_GETARG_JSONB_P(0);
	char *text = JsonbToCString(NULL, &json->root, VARSIZE(json));
	size_t length = strlen(text);
	TariffSpec spec;
	TariffError error;
	TariffStatus status;
	Datum result;

	init_spec(&spec, text, length, '{');
	status = tariff_read_json(text, length, &spec, &error);
	if (status != TARIFF_OK)
		ereport(
			ERROR,
			(errcode(sqlstate_of(status, ERRCODE_INVALID_PARAMETER_VALUE)),
			 errmsg("invalid JSON for type %s", "billing.tariff"),
			 errdetail("At %s: %s", error.path, error.detail),
			 error.hint[0]
				 ? errhint("%s", error.hint)
				 : errhint("A tariff reads like this: "
						   "{\"model\": \"graduated\", \"per\": \"1000\", \"tiers\": "
						   "[{\"up_to\": \"10\", \"price\": \"0.05\"}, {\"price\": \"0.04\"}]}")));
	result = make_datum(&spec);
	pfree(spec.tiers);
	pfree(text);
	PG_RETURN_DATUM(result);
}

/*
 * billing_tariff_to_jsonb is the cast to jsonb.
 */
Datum
billing_tariff_to_jsonb(PG_FUNCTION_ARGS)
{
	TariffSpec spec;
	char *text;

	billing_tariff_unpack(PG_GETARG_TARIFF(0), &spec);
	text = palloc(tariff_json_size(&spec));
	tariff_print_json(&spec, text);
	pfree(spec.tiers);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* equal_bytes compares two tariffs by their packed forms, which are canonical. */
static bool
equal_bytes(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	bool equal = VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
				 memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return equal;
}

/*
 * billing_tariff_eq tells whether two tariffs have the same canonical text.
 */
Datum
billing_tariff_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(equal_bytes(fcinfo));
}

/*
 * billing_tariff_ne is the opposite.
 */
Datum
billing_tariff_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!equal_bytes(fcinfo));
}

/*
 * billing_tariff_hash hashes the canonical form into 32 bits.
 */
Datum
billing_tariff_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum hash = hash_any((unsigned char *) VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_DATUM(hash);
}

/*
 * billing_tariff_hash_extended hashes it into 64 bits, with a seed.
 */
Datum
billing_tariff_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	Datum hash = hash_any_extended((unsigned char *) VARDATA_ANY(value),
								   (int) VARSIZE_ANY_EXHDR(value), (uint64) PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(value, 0);
	PG_RETURN_DATUM(hash);
}

/*
 * billing_tariff_model gives the word of the model.
 */
Datum
billing_tariff_model(PG_FUNCTION_ARGS)
{
	TariffSpec spec;

	billing_tariff_unpack(PG_GETARG_TARIFF(0), &spec);
	PG_RETURN_TEXT_P(cstring_to_text(tariff_model_name(spec.model)));
}

/*
 * billing_tariff_each tells whether a tariff prices each usage row on its own.
 */
Datum
billing_tariff_each(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tariff_packed_each(PG_GETARG_TARIFF(0)));
}

/*
 * billing_tariff_tiers gives the tiers as rows: tier, lower, upper, price, per,
 * flat, block (NULL where there is none).
 */
Datum
billing_tariff_tiers(PG_FUNCTION_ARGS)
{
	enum
	{
		TIER,
		LOWER,
		UPPER,
		PRICE,
		PER,
		FLAT,
		BLOCK,
		COLUMNS
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TariffSpec spec;

	InitMaterializedSRF(fcinfo, 0);
	billing_tariff_unpack(PG_GETARG_TARIFF(0), &spec);
	for (int i = 0; i < spec.tier_count; i++)
	{
		const TariffTier *tier = &spec.tiers[i];
		Decimal lower = i == 0 ? decimal_of(0) : spec.tiers[i - 1].bound;
		Datum values[COLUMNS];
		bool nulls[COLUMNS] = {false};

		values[TIER] = Int32GetDatum(i + 1);
		values[LOWER] = NumericGetDatum(billing_numeric_from_decimal(lower));
		values[UPPER] = NumericGetDatum(billing_numeric_from_decimal(tier->bound));
		nulls[UPPER] = !tier->has_bound;
		values[PRICE] = NumericGetDatum(billing_numeric_from_decimal(tier->price));
		values[PER] = NumericGetDatum(billing_numeric_from_decimal(tier->per));
		values[FLAT] = NumericGetDatum(billing_numeric_from_decimal(tier->flat));
		values[BLOCK] = NumericGetDatum(billing_numeric_from_decimal(tier->block));
		nulls[BLOCK] = tier->block.value == 0;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
