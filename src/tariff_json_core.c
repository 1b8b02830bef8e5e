/*
 * tariff_json_core.c
 *		Reading and printing the JSON of a tariff.
 *
 *		{"model": "graduated" | "volume", "per": N, "free": N, "threshold": B,
 *		 "block": N | null, "block_first": B, "round": "up" | "down",
 *		 "bounds": "upper" | "lower", "zero_flat": B, "each": B, "min": N | null,
 *		 "max": N | null, "digits": N | null, "digits_round": "half up" | "half even" | "up" | "down",
 *		 "tiers": [{"up_to": N | null, "price": N, "flat": N, "per": N, "block": N}, ...]}
 *
 * N is a plain decimal, as a string or a number; no units, no exponents, so
 * that nothing depends on how a JSON library treats numbers; B is true or false.
 * model and tiers are required; if it is missing, per is 1, free is 0, bounds
 * are upper, threshold, block_first, zero_flat and each are false, round is up
 * and digits_round half up; without block, min, max and digits, or with null,
 * there are none; a tier's price and flat are 0, its per and block are the
 * tariff's, and its up_to is null, which is no bound at all.  Keys may come in
 * any order, and each only once.  Any other key is refused, because a price list
 * that says more than we understand must not be priced.
 *
 * What is printed has N as strings and leaves out whatever equals its default.
 *
 * The reader takes JSON from anywhere, though PostgreSQL gives it only what
 * jsonb has printed.  It reads just the shape above, so it needs no recursion.
 */
#include "tariff_core.h"

#include <stdio.h>
#include <string.h>

/* Longest piece of the text that is quoted in an error. */
#define QUOTED 40

typedef struct Reader
{
	const char *start;
	const char *p;
	const char *end;
	TariffError *error;
	int tier; /* being read, or -1 */
	const char *key; /* being read, NUL-terminated, or NULL */
} Reader;

/* A string between its quotes, or a bare word or number, as it stands. */
typedef struct Token
{
	const char *text;
	size_t length;
	bool quoted;
} Token;

/*
 * refuse fills in an error at a place of the text; the path is that of the
 * value being read.
 */
static TariffStatus
refuse(Reader *reader, const char *at, const char *what)
{
	TariffError *error = reader->error;

	tariff_fail(error, TARIFF_MALFORMED, (int) (at - reader->start), "%s", what);
	if (reader->tier >= 0)
		snprintf(error->path, sizeof(error->path), "$.tiers[%d]%s%s", reader->tier,
				 reader->key ? "." : "", reader->key ? reader->key : "");
	else
		snprintf(error->path, sizeof(error->path), "$%s%s", reader->key ? "." : "",
				 reader->key ? reader->key : "");
	return TARIFF_MALFORMED;
}

/* skip_space moves to the next character that is not white space. */
static void
skip_space(Reader *reader)
{
	while (reader->p < reader->end &&
		   (*reader->p == ' ' || *reader->p == '\t' || *reader->p == '\n' || *reader->p == '\r'))
		reader->p++;
}

/* take_char takes the next character if it is the one given. */
static bool
take_char(Reader *reader, char c)
{
	skip_space(reader);
	if (reader->p == reader->end || *reader->p != c)
		return false;
	reader->p++;
	return true;
}

/*
 * read_string takes a string.  Nothing that we know needs an escape, so they
 * are kept as they stand and make the string one that we don't know.
 */
static TariffStatus
read_string(Reader *reader, Token *token)
{
	const char *p;

	if (!take_char(reader, '"'))
		return refuse(reader, reader->p, "expected a string.");
	token->text = reader->p;
	token->quoted = true;
	for (p = reader->p; p < reader->end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < reader->end)
			p++;
	if (p >= reader->end)
		return refuse(reader, token->text, "the string does not end.");
	token->length = (size_t) (p - token->text);
	reader->p = p + 1;
	return TARIFF_OK;
}

/* read_scalar takes a string, a number or a word. */
static TariffStatus
read_scalar(Reader *reader, Token *token, const char *what)
{
	const char *p;

	skip_space(reader);
	if (reader->p < reader->end && *reader->p == '"')
		return read_string(reader, token);
	for (p = reader->p; p < reader->end && strchr(" \t\n\r,:{}[]\"", *p) == NULL; p++)
		;
	token->text = reader->p;
	token->length = (size_t) (p - reader->p);
	token->quoted = false;
	if (token->length == 0)
		return refuse(reader, reader->p, what);
	reader->p = p;
	return TARIFF_OK;
}

/* token_is compares a token with one of ours. */
static bool
token_is(Token token, const char *ours)
{
	return token.length == strlen(ours) && memcmp(token.text, ours, token.length) == 0;
}

/* read_decimal takes a plain decimal. */
static TariffStatus
read_decimal(Reader *reader, Decimal *number)
{
	static const char what[] = "expected a decimal, as a string or a number.";
	Token token;
	const char *next;
	TariffStatus status = read_scalar(reader, &token, what);
	DecimalScan scan;

	if (status != TARIFF_OK)
		return status;
	scan = decimal_scan(token.text, token.text + token.length, number, &next);
	if (scan == DECIMAL_SCAN_RANGE)
	{
		refuse(reader, token.text, "");
		snprintf(reader->error->detail, sizeof(reader->error->detail),
				 "a number may have %d digits, and %d of them behind the point.",
				 DECIMAL_MAX_DIGITS, DECIMAL_MAX_DIGITS);
		return TARIFF_OUT_OF_RANGE;
	}
	if (scan == DECIMAL_SCAN_OK && next == token.text + token.length)
		return TARIFF_OK;
	(void) refuse(reader, token.text, what);
	if (*token.text == '-')
		tariff_hint(reader->error,
					"Nothing in a tariff can be negative; credits are granted apart.");
	return TARIFF_MALFORMED;
}

/*
 * read_key takes a key and its colon and looks it up among the keys given;
 * `seen` has a bit for each that has come before.
 */
static TariffStatus
read_key(Reader *reader, const char *const *keys, int count, const char *names, unsigned *seen,
		 int *found)
{
	Token token;
	TariffStatus status;

	reader->key = NULL;
	status = read_string(reader, &token);
	if (status != TARIFF_OK)
		return status;
	for (*found = 0; *found < count; (*found)++)
		if (token_is(token, keys[*found]))
			break;
	if (*found == count)
	{
		/* cut within a character of several bytes is worse than cut early */
		size_t length = token.length;
		char unknown[QUOTED + 1];

		if (length > QUOTED)
			length = QUOTED;
		while (length < token.length && length > 0 && (token.text[length] & 0xC0) == 0x80)
			length--;
		memcpy(unknown, token.text, length);
		unknown[length] = '\0';
		reader->key = unknown;
		(void) refuse(reader, token.text, "this key is unknown.");
		reader->key = NULL;
		tariff_hint(reader->error, "The keys are %s.", names);
		return TARIFF_MALFORMED;
	}
	reader->key = keys[*found];
	if (*seen & (1u << *found))
		return refuse(reader, token.text, "the key comes twice.");
	*seen |= 1u << *found;
	return take_char(reader, ':') ? TARIFF_OK : refuse(reader, reader->p, "expected \":\".");
}

/*
 * take_null takes the word null if it stands here, whole; `taken` says so.
 */
static TariffStatus
take_null(Reader *reader, bool *taken)
{
	Token token;

	skip_space(reader);
	*taken = reader->end - reader->p >= 4 && memcmp(reader->p, "null", 4) == 0;
	if (!*taken)
		return TARIFF_OK;
	return read_scalar(reader, &token, "") == TARIFF_OK && token.length == 4
			 ? TARIFF_OK
			 : refuse(reader, reader->p, "expected a decimal or null.");
}

/* read_above_zero takes a decimal that must be above zero. */
static TariffStatus
read_above_zero(Reader *reader, Decimal *number)
{
	const char *at = reader->p;
	TariffStatus status = read_decimal(reader, number);

	return status == TARIFF_OK && number->value == 0 ? refuse(reader, at, "it must be above 0.")
													 : status;
}

/* read_tier_value takes the value of one key of a tier. */
static TariffStatus
read_tier_value(Reader *reader, TariffTier *tier, TariffField field)
{
	TariffStatus status;
	bool is_null;

	switch (field)
	{
		case TARIFF_FIELD_UP_TO:
			status = take_null(reader, &is_null);
			if (status != TARIFF_OK || is_null)
				return status;
			tier->has_bound = true;
			return read_decimal(reader, &tier->bound);
		case TARIFF_FIELD_BLOCK:
			return read_above_zero(reader, &tier->block);
		case TARIFF_FIELD_PRICE:
			return read_decimal(reader, &tier->price);
		case TARIFF_FIELD_FLAT:
			return read_decimal(reader, &tier->flat);
		default:
			tier->has_per = true;
			return read_decimal(reader, &tier->per);
	}
}

/* read_tier takes one tier. */
static TariffStatus
read_tier(Reader *reader, TariffTier *tier)
{
	unsigned seen = 0;

	reader->key = NULL;
	if (!take_char(reader, '{'))
		return refuse(reader, reader->p, "expected an object.");
	if (take_char(reader, '}'))
		return TARIFF_OK;
	do
	{
		int field;
		TariffStatus status = read_key(reader, tariff_field_names, TARIFF_FIELDS,
									   "up_to, price, flat, per and block", &seen, &field);

		if (status == TARIFF_OK)
			status = read_tier_value(reader, tier, (TariffField) field);
		if (status != TARIFF_OK)
			return status;
		reader->key = NULL;
	} while (take_char(reader, ','));
	return take_char(reader, '}') ? TARIFF_OK
								  : refuse(reader, reader->p, "expected \",\" or \"}\".");
}

/* read_tiers takes the array of tiers. */
static TariffStatus
read_tiers(Reader *reader, TariffSpec *spec)
{
	if (!take_char(reader, '['))
		return refuse(reader, reader->p, "expected an array.");
	if (take_char(reader, ']'))
		return refuse(reader, reader->p, "a tariff needs at least one tier.");
	do
	{
		TariffTier *tier = tariff_add_tier(spec);
		TariffStatus status;

		if (tier == NULL)
		{
			refuse(reader, reader->p, "");
			snprintf(reader->error->detail, sizeof(reader->error->detail),
					 "a tariff may have %d tiers.", TARIFF_MAX_TIERS);
			return TARIFF_TOO_MANY;
		}
		reader->tier = spec->tier_count - 1;
		status = read_tier(reader, tier);
		if (status != TARIFF_OK)
			return status;
	} while (take_char(reader, ','));
	reader->tier = -1;
	reader->key = "tiers";
	return take_char(reader, ']') ? TARIFF_OK
								  : refuse(reader, reader->p, "expected \",\" or \"]\".");
}

/* read_choice takes one of two words and tells whether it was the second. */
static TariffStatus
read_choice(Reader *reader, bool quoted, const char *first, const char *second, const char *what,
			bool *is_second)
{
	Token token;
	TariffStatus status = read_scalar(reader, &token, what);

	if (status != TARIFF_OK)
		return status;
	*is_second = token_is(token, second);
	if (token.quoted != quoted || !(*is_second || token_is(token, first)))
		return refuse(reader, token.text, what);
	return TARIFF_OK;
}

/* Keys of the whole tariff; the first two are required. */
typedef enum TopKey
{
	KEY_MODEL,
	KEY_TIERS,
	KEY_PER,
	KEY_FREE,
	KEY_THRESHOLD,
	KEY_BOUNDS,
	KEY_ZERO_FLAT,
	KEY_BLOCK,
	KEY_BLOCK_FIRST,
	KEY_ROUND,
	KEY_EACH,
	KEY_MIN,
	KEY_MAX,
	KEY_DIGITS,
	KEY_DIGITS_ROUND,
	TOP_KEYS
} TopKey;

static const char *const top_keys[TOP_KEYS] = {
	"model",       "tiers", "per",  "free", "threshold", "bounds", "zero_flat",   "block",
	"block_first", "round", "each", "min",  "max",       "digits", "digits_round"};

static const char truth[] = "expected true or false.";

/* read_rounding takes the word for how digits are rounded. */
static TariffStatus
read_rounding(Reader *reader, TariffSpec *spec)
{
	static const char what[] = "expected \"half up\", \"half even\", \"up\" or \"down\".";
	Token token;
	TariffStatus status = read_scalar(reader, &token, what);

	if (status != TARIFF_OK)
		return status;
	for (int i = 0; token.quoted && i <= DECIMAL_DOWN; i++)
		if (token_is(token, tariff_rounding_names[i]))
		{
			spec->digits_rounding = (DecimalRounding) i;
			return TARIFF_OK;
		}
	return refuse(reader, token.text, what);
}

/* read_number_or_null takes the value of a key that may be null for none. */
static TariffStatus
read_number_or_null(Reader *reader, TopKey key, TariffSpec *spec)
{
	const char *at = reader->p;
	Decimal digits;
	bool is_null;
	TariffStatus status = take_null(reader, &is_null);

	if (status != TARIFF_OK || is_null)
		return status;
	switch (key)
	{
		case KEY_BLOCK:
			return read_above_zero(reader, &spec->block);
		case KEY_MIN:
			return read_decimal(reader, &spec->min);
		case KEY_MAX:
			return read_above_zero(reader, &spec->max);
		default:
			status = read_decimal(reader, &digits);
			if (status != TARIFF_OK)
				return status;
			if (digits.scale > 0 || digits.value > TARIFF_MAX_DIGITS)
				return refuse(reader, at, "expected a whole number from 0 to 38.");
			spec->digits = (int) digits.value;
			return TARIFF_OK;
	}
}

/* read_top_value takes the value of one key of the tariff. */
static TariffStatus
read_top_value(Reader *reader, TopKey key, TariffSpec *spec)
{
	bool volume;
	TariffStatus status;

	switch (key)
	{
		case KEY_MODEL:
			status = read_choice(reader, true, "graduated", "volume",
								 "expected \"graduated\" or \"volume\".", &volume);
			if (status == TARIFF_OK)
				spec->model = volume ? TARIFF_VOLUME : TARIFF_GRADUATED;
			return status;
		case KEY_TIERS:
			return read_tiers(reader, spec);
		case KEY_PER:
			return read_decimal(reader, &spec->per);
		case KEY_FREE:
			return read_decimal(reader, &spec->free);
		case KEY_THRESHOLD:
			return read_choice(reader, false, "false", "true", truth, &spec->free_threshold);
		case KEY_BOUNDS:
			return read_choice(reader, true, "upper", "lower", "expected \"upper\" or \"lower\".",
							   &spec->bounds_lower);
		case KEY_ZERO_FLAT:
			return read_choice(reader, false, "false", "true", truth, &spec->zero_flat);
		case KEY_ROUND:
			return read_choice(reader, true, "up", "down", "expected \"up\" or \"down\".",
							   &spec->block_down);
		case KEY_EACH:
			return read_choice(reader, false, "false", "true", truth, &spec->each);
		case KEY_BLOCK_FIRST:
			return read_choice(reader, false, "false", "true", truth, &spec->block_first);
		case KEY_DIGITS_ROUND:
			return read_rounding(reader, spec);
		default:
			return read_number_or_null(reader, key, spec);
	}
}

/* read_object takes the whole tariff. */
static TariffStatus
read_object(Reader *reader, TariffSpec *spec)
{
	unsigned seen = 0;

	if (!take_char(reader, '{'))
		return refuse(reader, reader->p, "expected an object with the keys model and tiers.");
	if (!take_char(reader, '}'))
	{
		do
		{
			int key;
			TariffStatus status =
				read_key(reader, top_keys, TOP_KEYS,
						 "model, per, free, threshold, block, block_first, round, bounds, "
						 "zero_flat, each, min, max, digits, digits_round and tiers",
						 &seen, &key);

			if (status == TARIFF_OK)
				status = read_top_value(reader, (TopKey) key, spec);
			if (status != TARIFF_OK)
				return status;
			reader->key = NULL;
		} while (take_char(reader, ','));
		if (!take_char(reader, '}'))
			return refuse(reader, reader->p, "expected \",\" or \"}\".");
	}
	skip_space(reader);
	if (reader->p < reader->end)
		return refuse(reader, reader->p, "expected the end of the tariff.");
	if (!(seen & (1u << KEY_MODEL)))
		return refuse(reader, reader->p, "the key \"model\" is missing.");
	if (!(seen & (1u << KEY_TIERS)))
		return refuse(reader, reader->p, "the key \"tiers\" is missing.");
	return TARIFF_OK;
}

/*
 * tariff_read_json reads JSON text that need not end with a NUL.  On success
 * the spec is finished; on refusal the error has a path.
 */
TariffStatus
tariff_read_json(const char *text, size_t length, TariffSpec *spec, TariffError *error)
{
	Reader reader = {text, text, text + length, error, -1, NULL};
	TariffStatus status = read_object(&reader, spec);

	return status == TARIFF_OK ? tariff_finish(spec, error) : status;
}

/* tariff_json_size gives room enough for the JSON of a tariff and a NUL. */
size_t
tariff_json_size(const TariffSpec *spec)
{
	/* five numbers of at most 41 characters, and their keys; as many in the head */
	return 640 + (size_t) spec->tier_count * 300;
}

/* print_member writes a key and a number. */
static char *
print_member(char *p, const char *key, Decimal number)
{
	char text[DECIMAL_TEXT_SIZE];

	decimal_print(number, text);
	return p + sprintf(p, "\"%s\": \"%s\"", key, text);
}

/* print_tier writes one tier; its block only if it is not the tariff's. */
static char *
print_tier(char *p, const TariffSpec *spec, const TariffTier *tier)
{
	*p++ = '{';
	if (tier->has_bound)
		p = print_member(p, "up_to", tier->bound);
	else
		p += sprintf(p, "\"up_to\": null");
	*p++ = ',';
	*p++ = ' ';
	p = print_member(p, "price", tier->price);
	if (tier->flat.value != 0)
		p = print_member(p + sprintf(p, ", "), "flat", tier->flat);
	if (tier->has_per)
		p = print_member(p + sprintf(p, ", "), "per", tier->per);
	if (!spec->block_first && decimal_compare(tier->block, spec->block) != 0)
		p = print_member(p + sprintf(p, ", "), "block", tier->block);
	return p + sprintf(p, "}");
}

/* print_setting writes a key of the head, its number and a comma, unless it is 0. */
static char *
print_setting(char *p, const char *key, Decimal number)
{
	if (number.value == 0)
		return p;
	p = print_member(p, key, number);
	return p + sprintf(p, ", ");
}

/*
 * tariff_print_json writes the JSON of a finished tariff, and a NUL, into
 * tariff_json_size() bytes; it returns the length without the NUL.
 */
size_t
tariff_print_json(const TariffSpec *spec, char *text)
{
	char *p = text;

	p += sprintf(p, "{\"model\": \"%s\", ", tariff_model_name(spec->model));
	if (decimal_compare(spec->per, decimal_of(1)) != 0)
	{
		p = print_member(p, "per", spec->per);
		p += sprintf(p, ", ");
	}
	p = print_setting(p, "free", spec->free);
	if (spec->free_threshold)
		p += sprintf(p, "\"threshold\": true, ");
	p = print_setting(p, "block", spec->block);
	if (spec->block_first)
		p += sprintf(p, "\"block_first\": true, ");
	if (spec->block_down)
		p += sprintf(p, "\"round\": \"down\", ");
	if (spec->bounds_lower)
		p += sprintf(p, "\"bounds\": \"lower\", ");
	if (spec->zero_flat)
		p += sprintf(p, "\"zero_flat\": true, ");
	if (spec->each)
		p += sprintf(p, "\"each\": true, ");
	p = print_setting(p, "min", spec->min);
	p = print_setting(p, "max", spec->max);
	if (spec->digits != TARIFF_NO_DIGITS)
		p += sprintf(p, "\"digits\": \"%d\", ", spec->digits);
	if (spec->digits_rounding != DECIMAL_HALF_UP)
		p += sprintf(p, "\"digits_round\": \"%s\", ", tariff_rounding_names[spec->digits_rounding]);
	p += sprintf(p, "\"tiers\": [");
	for (int i = 0; i < spec->tier_count; i++)
	{
		if (i > 0)
			p += sprintf(p, ", ");
		p = print_tier(p, spec, &spec->tiers[i]);
	}
	p += sprintf(p, "]}");
	return (size_t) (p - text);
}
