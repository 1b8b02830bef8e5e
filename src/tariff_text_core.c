/*
 * tariff_text_core.c
 *		Reading and printing the text of a tariff.
 *
 *		tariff	 = model { "per" Q | "free" Q [ "threshold" ] | "block" Q [ "first" ] |
 *				   "round" ( "up" | "down" ) | "bounds" ( "upper" | "lower" ) | "zero" "flat" |
 *				   "each" | "min" number | "max" number |
 *				   "digits" number [ "half" ( "up" | "even" ) | "up" | "down" ] } ":" tier { "," tier }
 *		model	 = "graduated" | "volume"
 *		tier	 = ( price | "flat" number [ "+" [ price ] ] ) [ "block" Q ] ( "up" "to" Q | "beyond" )
 *		price	 = number [ "%" ] [ "per" Q ]
 *		Q		 = number [ unit ]; behind "per" the number may be missing: it is 1
 *		unit	 = prefix [ letters ] | letters; letters may stand apart from the prefix
 *		number	 = digits [ "." digits ] | "." digits
 *
 * Words are read in either case, white space is free between any two of them,
 * what stands before the colon comes in any order and each once, and "beyond"
 * must come last.  A price with "%" is a hundredth of it, which is what is
 * stored and printed.  Blocks are rounded up if nothing else is said, digits
 * half up.
 *
 * A unit's letters are read and forgotten; its prefix multiplies.  The danger
 * is a word that looks like a prefix to one reader and like plain letters to
 * another: "10 gb" must be neither ten nor ten billion.  So a prefix must be
 * in its own case (k M G T P E Z Y, K too, and Ki Mi Gi Ti Pi Ei Zi Yi) and may
 * be followed by the units of known_units only; a word that would be a prefix
 * in another case, or that says a number ("million", "gigabyte"), is refused;
 * and any other word that does not begin with the capital of a prefix is
 * letters alone.
 *
 * The canonical text, which is what is printed: one space between words, no
 * trailing zeros, no unit letters.  A quantity has the largest SI prefix that
 * divides it exactly, unless an IEC prefix does so with fewer digits left: 2T,
 * 1500k, 1Gi, 3600, 0.5.  "per" is left out where it is 1, a tier's own where
 * it is the tariff's; which of them is the tariff's: see make_canonical().  A
 * price of 0 is left out beside a flat.  A block of the tariff is left out at
 * its tiers; see tariff_spread_blocks().  "round up" and "half up" are left out,
 * and so is "first" where settle_first() finds that it changes nothing.
 */
#include "scan_core.h"

#include <stdio.h>
#include <string.h>

/* no word of the language is ever read as a unit */
static const char *const reserved_words[] = {
	"per",       "up",    "to",    "beyond", "flat",   "graduated", "volume", "free",
	"threshold", "block", "round", "down",   "bounds", "upper",     "lower",  "zero",
	"each",      "min",   "max",   "digits", "half",   "even",      "first",
};

/* what may stand behind a prefix */
static const char *const known_units[] = {
	"",  "B",  "b",   "bit",  "bits", "byte", "bytes", "bps", "Bps", "Hz",
	"W", "Wh", "req", "reqs", "rps",  "RPS",  "qps",   "QPS", "pps", "PPS",
};

/* words that are numbers to a reader, and would be letters to us */
static const char *const number_words[] = {
	"hundred", "thousand", "million", "billion", "trillion", "dozen",  "kilo",
	"mega",    "giga",     "tera",    "peta",    "exabyte",  "exabit", "kibi",
	"mebi",    "gibi",     "tebi",    "pebi",    "exbi",
};

static const char si_prefixes[] = "kMGTPEZY";

/* peek_word looks at the word that comes next, without taking it. */
static Word
peek_word(Reader *reader)
{
	Word word;
	const char *p;

	skip_space(reader);
	for (p = reader->p; p < reader->end && is_letter(*p); p++)
		;
	word.text = reader->p;
	word.length = (size_t) (p - reader->p);
	return word;
}

/* word_is compares a word with one of ours, written in lower case. */
static bool
word_is(Word word, const char *ours)
{
	if (word.length != strlen(ours))
		return false;
	for (size_t i = 0; i < word.length; i++)
		if (to_lower(word.text[i]) != ours[i])
			return false;
	return true;
}

/* take_word takes the next word if it is the one given. */
static bool
take_word(Reader *reader, const char *ours)
{
	Word word;

	/* most words are told apart by their first letter */
	skip_space(reader);
	if (reader->p == reader->end || to_lower(*reader->p) != *ours)
		return false;
	word = peek_word(reader);
	if (!word_is(word, ours))
		return false;
	reader->p += word.length;
	return true;
}

/* place_of gives the byte at which a pointer into the text stands. */
static int
place_of(const Reader *reader, const char *p)
{
	return (int) (p - reader->start);
}

/* expected refuses the text at the present place. */
static TariffStatus
expected(Reader *reader, const char *what)
{
	skip_space(reader);
	return tariff_fail(reader->error, TARIFF_MALFORMED, place_of(reader, reader->p), "expected %s.",
					   what);
}

/*
 * read_number takes an unsigned decimal; `what` says in an error what should
 * have stood here.
 */
static TariffStatus
read_number(Reader *reader, const char *what, Decimal *number)
{
	const char *next;
	int at;

	skip_space(reader);
	at = place_of(reader, reader->p);
	switch (decimal_scan(reader->p, reader->end, number, &next))
	{
		case DECIMAL_SCAN_OK:
			reader->p = next;
			return TARIFF_OK;
		case DECIMAL_SCAN_RANGE:
			return tariff_fail(reader->error, TARIFF_OUT_OF_RANGE, at,
							   "a number may have %d digits, and %d of them behind the point.",
							   DECIMAL_MAX_DIGITS, DECIMAL_MAX_DIGITS);
		case DECIMAL_SCAN_NONE:
			break;
	}
	(void) expected(reader, what);
	if (reader->p < reader->end && *reader->p == '-')
		tariff_hint(reader->error,
					"Nothing in a tariff can be negative; credits are granted apart.");
	return TARIFF_MALFORMED;
}

/* is_known_unit tells whether a word may follow a prefix. */
static bool
is_known_unit(Word word, bool any_case)
{
	for (size_t i = 0; i < COUNT_OF(known_units); i++)
	{
		size_t j = 0;

		if (strlen(known_units[i]) != word.length)
			continue;
		while (j < word.length && (any_case ? to_lower(word.text[j]) == to_lower(known_units[i][j])
											: word.text[j] == known_units[i][j]))
			j++;
		if (j == word.length)
			return true;
	}
	return false;
}

/*
 * split_prefix looks for a prefix, followed by a known unit, at the start of a
 * word.  It gives the prefix's power, 1 for k to 8 for Y and 1 for Ki to 8 for
 * Yi (then *binary), or 0.
 */
static int
split_prefix(Word word, bool any_case, bool *binary)
{
	static const char capitals[] = "KMGTPEZY";
	char first;
	const char *found;
	Word rest = {word.text + 1, word.length - 1};

	if (word.length == 0)
		return 0;
	first = word.text[0];
	found = strchr(capitals, first);
	if (found == NULL && (first == 'k' || any_case))
		found = strchr(capitals, (char) (first - 'a' + 'A'));
	if (found == NULL || *found == '\0')
		return 0;

	*binary = false;
	if (is_known_unit(rest, any_case))
		return (int) (found - capitals) + 1;
	if (rest.length == 0 || !(rest.text[0] == 'i' || (any_case && rest.text[0] == 'I')))
		return 0;
	/* the kilo of the IEC has a capital */
	if (first == 'k' && !any_case)
		return 0;
	rest.text++;
	rest.length--;
	*binary = true;
	return is_known_unit(rest, any_case) ? (int) (found - capitals) + 1 : 0;
}

/* says_number tells whether a word begins with one that means a number. */
static bool
says_number(Word word)
{
	for (size_t i = 0; i < COUNT_OF(number_words); i++)
	{
		Word start = {word.text, strlen(number_words[i])};

		if (start.length <= word.length && word_is(start, number_words[i]))
			return true;
	}
	return false;
}

/* is_reserved tells whether a word belongs to the language. */
static bool
is_reserved(Word word)
{
	for (size_t i = 0; i < COUNT_OF(reserved_words); i++)
		if (word_is(word, reserved_words[i]))
			return true;
	return false;
}

/* refuse_unit refuses a word that is neither a prefix nor safely plain letters. */
static TariffStatus
refuse_unit(Reader *reader)
{
	tariff_fail(
		reader->error, TARIFF_MALFORMED, place_of(reader, reader->p),
		"expected a unit, and this word is neither a prefix with a known unit nor plain letters.");
	tariff_hint(
		reader->error,
		"The prefixes are k, M, G, T, P, E, Z, Y and Ki, Mi, Gi and so on, in just this case: "
		"10 GB, 1 GiB, 5M requests. Write any other unit in small letters, or leave it out.");
	return TARIFF_MALFORMED;
}

/* is_plain tells whether a word is safely letters alone. */
static bool
is_plain(Word word)
{
	bool binary;

	return !says_number(word) && split_prefix(word, true, &binary) == 0 &&
		   strchr("KMGTPEZY", word.text[0]) == NULL;
}

/*
 * read_unit takes a unit, if one stands here, and multiplies the quantity by
 * its prefix.  A prefix may stand alone, and then a space and letters follow.
 */
static TariffStatus
read_unit(Reader *reader, Decimal *quantity, bool *found)
{
	Word word = peek_word(reader);
	int at = place_of(reader, word.text);
	bool binary = false;
	int power;
	size_t prefix_length;

	*found = word.length > 0 && !is_reserved(word);
	if (!*found)
		return TARIFF_OK;
	power = split_prefix(word, false, &binary);
	if (power == 0 && !is_plain(word))
		return refuse_unit(reader);
	reader->p += word.length;

	prefix_length = binary ? 2 : 1;
	if (power > 0 && word.length == prefix_length)
	{
		word = peek_word(reader);
		if (word.length > 0 && !is_reserved(word))
		{
			if (!is_plain(word))
				return refuse_unit(reader);
			reader->p += word.length;
		}
	}

	for (; power > 0; power--)
		if (!decimal_multiply(*quantity, decimal_of(binary ? 1024 : 1000), quantity))
			break;
	*quantity = decimal_trim(*quantity);
	if (power > 0 || quantity->value >= decimal_power10[DECIMAL_MAX_DIGITS])
		return tariff_fail(reader->error, TARIFF_OUT_OF_RANGE, at, "a quantity may have %d digits.",
						   DECIMAL_MAX_DIGITS);
	return TARIFF_OK;
}

/*
 * read_quantity takes a number with a unit; with `bare` a unit alone will do.
 */
static TariffStatus
read_quantity(Reader *reader, bool bare, Decimal *quantity)
{
	TariffStatus status;
	bool found;

	skip_space(reader);
	if (bare && reader->p < reader->end && is_letter(*reader->p))
	{
		*quantity = decimal_of(1);
		status = read_unit(reader, quantity, &found);
		if (status == TARIFF_OK && !found)
			return expected(reader, "a quantity such as 1000, 1 GB or GB");
		return status;
	}
	status = read_number(
		reader, bare ? "a quantity such as 1000, 1 GB or GB" : "a quantity such as 1000 or 10 TB",
		quantity);
	return status == TARIFF_OK ? read_unit(reader, quantity, &found) : status;
}

/*
 * read_positive takes a quantity that must be above zero, behind the word
 * given; with `bare` a unit alone will do.
 */
static TariffStatus
read_positive(Reader *reader, const char *word, bool bare, Decimal *quantity, int *at)
{
	TariffStatus status;

	skip_space(reader);
	*at = place_of(reader, reader->p);
	status = read_quantity(reader, bare, quantity);
	if (status == TARIFF_OK && quantity->value == 0)
		return tariff_fail(reader->error, TARIFF_MALFORMED, *at, "%s must be above 0.", word);
	return status;
}

/* read_price takes a price, its percent sign, and the quantity that it is for. */
static TariffStatus
read_price(Reader *reader, TariffTier *tier, const char *what)
{
	TariffStatus status;

	skip_space(reader);
	tier->at[TARIFF_FIELD_PRICE] = place_of(reader, reader->p);
	status = read_number(reader, what, &tier->price);
	if (status == TARIFF_OK && take_char(reader, '%') && tier->price.value != 0)
		tier->price.scale += 2;
	if (status == TARIFF_OK && take_word(reader, "per"))
	{
		tier->has_per = true;
		status = read_positive(reader, "per", true, &tier->per, &tier->at[TARIFF_FIELD_PER]);
	}
	return status;
}

/* read_tier takes one tier. */
static TariffStatus
read_tier(Reader *reader, TariffTier *tier)
{
	TariffStatus status;
	const char *next = "\"block\", \"up to\" or \"beyond\"";

	if (take_word(reader, "flat"))
	{
		skip_space(reader);
		tier->at[TARIFF_FIELD_FLAT] = place_of(reader, reader->p);
		status = read_number(reader, "an amount", &tier->flat);
		if (status == TARIFF_OK && take_char(reader, '+') && !word_is(peek_word(reader), "up") &&
			!word_is(peek_word(reader), "beyond") && !word_is(peek_word(reader), "block"))
			status = read_price(reader, tier, "a price");
		else
			next = "\"+\" and a price, \"block\", \"up to\" or \"beyond\"";
	}
	else
		status = read_price(reader, tier, "a price or \"flat\"");
	if (status == TARIFF_OK && take_word(reader, "block"))
	{
		status = read_positive(reader, "block", false, &tier->block, &tier->at[TARIFF_FIELD_BLOCK]);
		next = "\"up to\" or \"beyond\"";
	}
	if (status != TARIFF_OK)
		return status;

	tier->at[TARIFF_FIELD_UP_TO] = place_of(reader, peek_word(reader).text);
	if (take_word(reader, "beyond"))
		return TARIFF_OK;
	if (!take_word(reader, "up"))
	{
		if (tier->at[TARIFF_FIELD_PRICE] >= 0 && !tier->has_per && tier->block.value == 0)
			next = "\"per\", \"block\", \"up to\" or \"beyond\"";
		return expected(reader, next);
	}
	if (!take_word(reader, "to"))
		return expected(reader, "\"to\"");
	skip_space(reader);
	tier->at[TARIFF_FIELD_UP_TO] = place_of(reader, reader->p);
	tier->has_bound = true;
	return read_quantity(reader, false, &tier->bound);
}

/* read_tiers takes all tiers, to the end of the text. */
static TariffStatus
read_tiers(Reader *reader, TariffSpec *spec)
{
	do
	{
		TariffTier *tier = tariff_add_tier(spec);
		TariffStatus status;

		skip_space(reader);
		if (tier == NULL)
			return tariff_fail(reader->error, TARIFF_TOO_MANY, place_of(reader, reader->p),
							   "a tariff may have %d tiers.", TARIFF_MAX_TIERS);
		status = read_tier(reader, tier);
		if (status != TARIFF_OK)
			return status;
		skip_space(reader);
		if (!tier->has_bound && reader->p < reader->end)
			return expected(reader,
							"the end of the tariff, because nothing comes after \"beyond\"");
	} while (take_char(reader, ','));

	if (reader->p < reader->end)
		return expected(reader, "\",\" and another tier, or the end of the tariff");
	return TARIFF_OK;
}

/* What may stand between the model and the colon, in canonical order. */
typedef enum HeadWord
{
	HEAD_PER,
	HEAD_FREE,
	HEAD_BLOCK,
	HEAD_ROUND,
	HEAD_BOUNDS,
	HEAD_ZERO,
	HEAD_EACH,
	HEAD_MIN,
	HEAD_MAX,
	HEAD_DIGITS,
	HEAD_WORDS
} HeadWord;

static const char *const head_words[HEAD_WORDS] = {"per",  "free", "block", "round", "bounds",
												   "zero", "each", "min",   "max",   "digits"};

/* read_digits takes the number of digits and how to round to them. */
static TariffStatus
read_digits(Reader *reader, TariffSpec *spec)
{
	Decimal digits;
	TariffStatus status;
	int at;

	skip_space(reader);
	at = place_of(reader, reader->p);
	status = read_number(reader, "a number of digits", &digits);
	if (status != TARIFF_OK)
		return status;
	if (digits.scale > 0 || digits.value > TARIFF_MAX_DIGITS)
		return tariff_fail(reader->error, TARIFF_MALFORMED, at,
						   "digits is a whole number from 0 to %d.", TARIFF_MAX_DIGITS);
	spec->digits = (int) digits.value;
	if (take_word(reader, "half"))
	{
		spec->digits_rounding = take_word(reader, "even") ? DECIMAL_HALF_EVEN : DECIMAL_HALF_UP;
		if (spec->digits_rounding == DECIMAL_HALF_UP && !take_word(reader, "up"))
			return expected(reader, "\"up\" or \"even\"");
	}
	else if (take_word(reader, "up"))
		spec->digits_rounding = DECIMAL_UP;
	else if (take_word(reader, "down"))
		spec->digits_rounding = DECIMAL_DOWN;
	return TARIFF_OK;
}

/* read_limit takes the amount of "min" or "max" and compares the two. */
static TariffStatus
read_limit(Reader *reader, HeadWord word, TariffSpec *spec)
{
	TariffStatus status;
	int at;

	skip_space(reader);
	at = place_of(reader, reader->p);
	status = read_number(reader, "an amount", word == HEAD_MIN ? &spec->min : &spec->max);
	if (status != TARIFF_OK)
		return status;
	if (word == HEAD_MAX && spec->max.value == 0)
		return tariff_fail(reader->error, TARIFF_MALFORMED, at, "max must be above 0.");
	if (spec->max.value != 0 && decimal_compare(spec->min, spec->max) > 0)
		return tariff_fail(reader->error, TARIFF_MALFORMED, at, "min is above max.");
	return TARIFF_OK;
}

/* read_head_word takes what follows one of the words. */
static TariffStatus
read_head_word(Reader *reader, HeadWord word, TariffSpec *spec)
{
	TariffStatus status;
	int at;

	switch (word)
	{
		case HEAD_PER:
			return read_positive(reader, "per", true, &spec->per, &at);
		case HEAD_FREE:
			status = read_quantity(reader, false, &spec->free);
			if (status == TARIFF_OK)
				spec->free_threshold = take_word(reader, "threshold");
			return status;
		case HEAD_BLOCK:
			status = read_positive(reader, "block", false, &spec->block, &at);
			if (status == TARIFF_OK)
				spec->block_first = take_word(reader, "first");
			return status;
		case HEAD_EACH:
			spec->each = true;
			return TARIFF_OK;
		case HEAD_ROUND:
			spec->block_down = take_word(reader, "down");
			return spec->block_down || take_word(reader, "up")
					 ? TARIFF_OK
					 : expected(reader, "\"up\" or \"down\"");
		case HEAD_MIN:
		case HEAD_MAX:
			return read_limit(reader, word, spec);
		case HEAD_DIGITS:
			return read_digits(reader, spec);
		case HEAD_BOUNDS:
			spec->bounds_lower = take_word(reader, "lower");
			return spec->bounds_lower || take_word(reader, "upper")
					 ? TARIFF_OK
					 : expected(reader, "\"upper\" or \"lower\"");
		default:
			spec->zero_flat = take_word(reader, "flat");
			return spec->zero_flat ? TARIFF_OK : expected(reader, "\"flat\"");
	}
}

/*
 * read_head takes the model, what holds for all tiers, each once and in any
 * order, and the colon.
 */
static TariffStatus
read_head(Reader *reader, TariffSpec *spec)
{
	unsigned seen = 0;
	int word;

	if (take_word(reader, "graduated"))
		spec->model = TARIFF_GRADUATED;
	else if (take_word(reader, "volume"))
		spec->model = TARIFF_VOLUME;
	else
		return expected(reader, "\"graduated\" or \"volume\"");

	while (!take_char(reader, ':'))
	{
		TariffStatus status;

		for (word = 0; word < HEAD_WORDS; word++)
			if (!(seen & (1u << word)) && take_word(reader, head_words[word]))
				break;
		if (word == HEAD_WORDS)
			return expected(reader, seen == 0 ? "\"per\", \"free\", \"block\", \"round\", "
												"\"bounds\", \"zero flat\", \"each\", \"min\", "
												"\"max\", \"digits\" or \":\""
											  : "\":\", or another word that has not come yet");
		seen |= 1u << word;
		status = read_head_word(reader, (HeadWord) word, spec);
		if (status != TARIFF_OK)
			return status;
	}
	return TARIFF_OK;
}

/*
 * tariff_read_text reads a text that need not end with a NUL.  On success the
 * spec is finished; on refusal the error has a place in the text.
 */
TariffStatus
tariff_read_text(const char *text, size_t length, TariffSpec *spec, TariffError *error)
{
	Reader reader = {text, text, text + length, error};
	TariffStatus status;

	status = read_head(&reader, spec);
	if (status == TARIFF_OK)
		status = read_tiers(&reader, spec);
	if (status == TARIFF_OK)
		status = tariff_finish(spec, error);
	return status;
}

/* count_digits counts the decimal digits of a positive integer. */
static int
count_digits(DecimalInt value)
{
	int digits = 1;

	while (digits <= DECIMAL_MAX_POWER && value >= decimal_power10[digits])
		digits++;
	return digits;
}

/* print_quantity writes a quantity in its canonical way. */
static char *
print_quantity(char *p, Decimal quantity)
{
	DecimalInt si = quantity.value;
	DecimalInt iec = quantity.value;
	int si_power = 0;
	int iec_power = 0;

	quantity = decimal_trim(quantity);
	if (quantity.scale > 0 || quantity.value == 0)
		return p + decimal_print(quantity, p);
	for (; si_power < 8 && si % 1000 == 0; si_power++)
		si /= 1000;
	for (; iec_power < 8 && iec % 1024 == 0; iec_power++)
		iec /= 1024;
	if (iec_power > 0 && count_digits(iec) < count_digits(si))
	{
		quantity.value = iec;
		p += decimal_print(quantity, p);
		*p++ = iec_power == 1 ? 'K' : si_prefixes[iec_power - 1];
		*p++ = 'i';
		return p;
	}
	quantity.value = si;
	p += decimal_print(quantity, p);
	if (si_power > 0)
		*p++ = si_prefixes[si_power - 1];
	return p;
}

/* print_word writes a string without its NUL. */
static char *
print_word(char *p, const char *word)
{
	size_t length = strlen(word);

	memcpy(p, word, length);
	return p + length;
}

/* print_tier writes one tier; its block only if it is not the tariff's. */
static char *
print_tier(char *p, const TariffSpec *spec, const TariffTier *tier)
{
	if (tier->flat.value != 0)
	{
		p = print_word(p, "flat ");
		p += decimal_print(tier->flat, p);
		if (tier->price.value != 0)
			p = print_word(p, " + ");
	}
	if (tier->price.value != 0 || tier->flat.value == 0)
		p += decimal_print(tier->price, p);
	if (tier->has_per)
		p = print_quantity(print_word(p, " per "), tier->per);
	if (!spec->block_first && decimal_compare(tier->block, spec->block) != 0)
		p = print_quantity(print_word(p, " block "), tier->block);
	if (!tier->has_bound)
		return print_word(p, " beyond");
	return print_quantity(print_word(p, " up to "), tier->bound);
}

/* tariff_text_size gives room enough for the text of a tariff and a NUL. */
size_t
tariff_text_size(const TariffSpec *spec)
{
	/* five numbers of at most 41 characters, and words; as many in the head */
	return 420 + (size_t) spec->tier_count * 256;
}

/* print_limits writes the minimum, the maximum and the digits. */
static char *
print_limits(char *p, const TariffSpec *spec)
{
	if (spec->min.value != 0)
	{
		p = print_word(p, " min ");
		p += decimal_print(spec->min, p);
	}
	if (spec->max.value != 0)
	{
		p = print_word(p, " max ");
		p += decimal_print(spec->max, p);
	}
	if (spec->digits != TARIFF_NO_DIGITS)
	{
		p = print_word(p, " digits ");
		p += decimal_print(decimal_of(spec->digits), p);
		if (spec->digits_rounding != DECIMAL_HALF_UP)
			p = print_word(print_word(p, " "), tariff_rounding_names[spec->digits_rounding]);
	}
	return p;
}

/*
 * tariff_print_text writes the canonical text of a finished tariff, and a NUL,
 * into tariff_text_size() bytes; it returns the length without the NUL.
 */
size_t
tariff_print_text(const TariffSpec *spec, char *text)
{
	char *p = print_word(text, tariff_model_name(spec->model));

	if (decimal_compare(spec->per, decimal_of(1)) != 0)
		p = print_quantity(print_word(p, " per "), spec->per);
	if (spec->free.value != 0)
		p = print_quantity(print_word(p, " free "), spec->free);
	if (spec->free_threshold)
		p = print_word(p, " threshold");
	if (spec->block.value != 0)
		p = print_quantity(print_word(p, " block "), spec->block);
	if (spec->block_first)
		p = print_word(p, " first");
	if (spec->block_down)
		p = print_word(p, " round down");
	if (spec->bounds_lower)
		p = print_word(p, " bounds lower");
	if (spec->zero_flat)
		p = print_word(p, " zero flat");
	if (spec->each)
		p = print_word(p, " each");
	p = print_limits(p, spec);
	for (int i = 0; i < spec->tier_count; i++)
		p = print_tier(print_word(p, i == 0 ? ": " : ", "), spec, &spec->tiers[i]);
	*p = '\0';
	return (size_t) (p - text);
}
