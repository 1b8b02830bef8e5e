/*
 * lifecycle_text_core.c
 *		Reading and printing the text of a lifecycle policy.
 *
 *		policy	 = step { "," step } { [ "," ] setting }
 *		setting	 = "resume" ( "manual" | "auto" ) | "walk" | "jump"
 *		step	 = ( "notice" | "restrict" [ name ] | "suspend" [ name ] | "downgrade" name |
 *				   "release" ) when
 *		when	 = delay "before" [ "release" ] | "immediately" | "after" delay [ "at" HH:MM ]
 *		delay	 = number ( "second" | "minute" | "hour" | "day" | "week" | "month" ) [ "s" ]
 *		name	 = word | '"' { any character, '"' twice } '"'
 *		word	 = ( letter | digit | "_" ) { letter | digit | "_" | "-" }
 *
 * Words of the language are read in either case, names are kept as they are,
 * and white space is free between any two of them.  A name that is a number, or
 * a word of the language, stands in quotes: "suspend after after 1 day" and
 * "suspend 7 days before" must have one meaning only.
 *
 * The canonical text, which is what is printed: one space between words, small
 * letters, quotes only where a name needs them, "1 day" but "2 days", hours with
 * two digits, and settings behind a comma, if they are not the usual ones (resume
 * manual, walk).  Delays keep their units, as 24 hours are not a day, and nobody
 * who wrote 60 days wants to read 8 weeks and 4 days.
 */
#include "lifecycle_core.h"

#include <string.h>

#include "scan_core.h"

/* words that are no name unless they stand in quotes; so are actions and units */
static const char *const reserved_words[] = {
	"immediately", "after", "before", "at", "resume", "manual", "auto", "walk", "jump",
};

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* is_word_char tells whether a character may stand in a word; no word begins with a dash. */
static inline bool
is_word_char(char c)
{
	return is_digit(c) || c == '_' || c == '-' || is_letter(c);
}

/* peek_word looks at the word that comes next, without taking it. */
static Word
peek_word(Reader *reader)
{
	Word word;
	const char *p;

	skip_space(reader);
	word.text = p = reader->p;
	if (p < reader->end && *p != '-')
		while (p < reader->end && is_word_char(*p))
			p++;
	word.length = (size_t) (p - word.text);
	return word;
}

/* word_is compares a word with one of ours, in either case; with `plural` it may end in s. */
static bool
word_is(Word word, const char *ours, bool plural)
{
	size_t length = strlen(ours);

	if (word.length != length && !(plural && word.length == length + 1))
		return false;
	for (size_t i = 0; i < length; i++)
		if (to_lower(word.text[i]) != ours[i])
			return false;
	return word.length == length || to_lower(word.text[length]) == 's';
}

/* find_word gives a word's place among ours, or their number if it is none of them. */
static int
find_word(Word word, const char *const *ours, int count, bool plural)
{
	int i = 0;

	while (i < count && !word_is(word, ours[i], plural))
		i++;
	return i;
}

/* is_number tells whether a word is digits alone. */
static bool
is_number(Word word)
{
	for (size_t i = 0; i < word.length; i++)
		if (!is_digit(word.text[i]))
			return false;
	return word.length > 0;
}

/* is_plain_name tells whether a word is a name without quotes. */
static bool
is_plain_name(Word word)
{
	return word.length > 0 && !is_number(word) &&
		   find_word(word, reserved_words, COUNT_OF(reserved_words), false) ==
			   COUNT_OF(reserved_words) &&
		   find_word(word, lifecycle_action_names, LIFECYCLE_ACTIONS, false) == LIFECYCLE_ACTIONS &&
		   find_word(word, lifecycle_unit_names, LIFECYCLE_UNITS, true) == LIFECYCLE_UNITS;
}

/* take_word takes the next word if it is the one given. */
static bool
take_word(Reader *reader, const char *ours)
{
	Word word = peek_word(reader);

	if (!word_is(word, ours, false))
		return false;
	reader->p += word.length;
	return true;
}

/* place_of gives the byte at which the next word stands. */
static int
place_of(Reader *reader)
{
	skip_space(reader);
	return (int) (reader->p - reader->start);
}

/* expected refuses the text at the present place. */
static TariffStatus
expected(Reader *reader, const char *what)
{
	tariff_fail(reader->error, TARIFF_MALFORMED, place_of(reader), "expected %s.", what);
	if (reader->p < reader->end && *reader->p == '-')
		tariff_hint(reader->error,
					"No delay is negative: steps come so long before, or so long after.");
	return TARIFF_MALFORMED;
}

/* read_delay takes a number and a unit. */
static TariffStatus
read_delay(Reader *reader, LifecycleStep *step)
{
	Word word = peek_word(reader);
	int unit;

	if (!is_number(word))
		return expected(reader, "a delay such as 7 days or 24 hours");
	step->at[LIFECYCLE_FIELD_DELAY] = place_of(reader);
	step->count = 0;
	for (size_t i = 0; i < word.length && step->count <= LIFECYCLE_MAX_COUNT; i++)
		step->count = step->count * 10 + (word.text[i] - '0');
	if (step->count < 1 || step->count > LIFECYCLE_MAX_COUNT)
	{
		tariff_fail(reader->error, TARIFF_MALFORMED, step->at[LIFECYCLE_FIELD_DELAY],
					"a delay has 1 to %d units.", LIFECYCLE_MAX_COUNT);
		if (step->count < 1)
			tariff_hint(reader->error, "What needs no delay comes \"immediately\".");
		return TARIFF_MALFORMED;
	}
	reader->p += word.length;

	word = peek_word(reader);
	unit = find_word(word, lifecycle_unit_names, LIFECYCLE_UNITS, true);
	if (unit == LIFECYCLE_UNITS)
		return expected(reader, "seconds, minutes, hours, days, weeks or months");
	step->unit = (LifecycleUnit) unit;
	reader->p += word.length;
	return TARIFF_OK;
}

/* read_time takes a time of day: one or two digits, a colon and two digits. */
static TariffStatus
read_time(Reader *reader, LifecycleStep *step)
{
	static const char what[] = "a time of day from 00:00 to 23:59";
	int hour = 0;
	int minute;
	const char *p;

	step->at[LIFECYCLE_FIELD_AT] = place_of(reader);
	for (p = reader->p; p < reader->end && p < reader->p + 2 && is_digit(*p); p++)
		hour = hour * 10 + (*p - '0');
	if (p == reader->p || reader->end - p < 3 || p[0] != ':' || !is_digit(p[1]) ||
		!is_digit(p[2]) || (reader->end - p > 3 && (is_word_char(p[3]) || p[3] == ':')))
		return expected(reader, what);
	minute = (p[1] - '0') * 10 + (p[2] - '0');
	if (hour > 23 || minute > 59)
	{
		(void) expected(reader, what);
		if (hour == 24 && minute == 0)
			tariff_hint(reader->error, "The end of a day is 00:00 of the next.");
		return TARIFF_MALFORMED;
	}
	step->minute = hour * 60 + minute;
	reader->p = p + 3;
	return TARIFF_OK;
}

/* read_quoted takes a name in quotes. */
static TariffStatus
read_quoted(Reader *reader, LifecycleStep *step)
{
	const char *p = reader->p + 1;

	/* a quote that stands for itself comes twice */
	while (p < reader->end && (*p != '"' || (reader->end - p > 1 && p[1] == '"')))
	{
		if (step->name_length == LIFECYCLE_MAX_NAME)
			return tariff_fail(reader->error, TARIFF_MALFORMED, place_of(reader),
							   "a name may have %d bytes.", LIFECYCLE_MAX_NAME);
		step->name[step->name_length++] = *p;
		p += *p == '"' ? 2 : 1;
	}
	if (p == reader->end)
		return tariff_fail(reader->error, TARIFF_MALFORMED, place_of(reader),
						   "the name does not end.");
	if (step->name_length == 0)
		return expected(reader, "a name that is not empty");
	reader->p = p + 1;
	return TARIFF_OK;
}

/* read_name takes the argument of an action, if one stands here. */
static TariffStatus
read_name(Reader *reader, LifecycleStep *step)
{
	Word word = peek_word(reader);

	step->at[LIFECYCLE_FIELD_ARGUMENT] = place_of(reader);
	if (reader->p < reader->end && *reader->p == '"')
		return read_quoted(reader, step);
	if (!is_plain_name(word))
		return TARIFF_OK;
	if (word.length > LIFECYCLE_MAX_NAME)
		return tariff_fail(reader->error, TARIFF_MALFORMED, place_of(reader),
						   "a name may have %d bytes.", LIFECYCLE_MAX_NAME);
	memcpy(step->name, word.text, word.length);
	step->name_length = (int) word.length;
	reader->p += word.length;
	return TARIFF_OK;
}

/* read_when takes when a step is due. */
static TariffStatus
read_when(Reader *reader, LifecycleStep *step)
{
	TariffStatus status;

	step->at[LIFECYCLE_FIELD_WHEN] = place_of(reader);
	if (take_word(reader, "immediately"))
		return TARIFF_OK;
	if (take_word(reader, "after"))
	{
		step->direction = LIFECYCLE_AFTER;
		status = read_delay(reader, step);
		return status == TARIFF_OK && take_word(reader, "at") ? read_time(reader, step) : status;
	}
	if (!is_number(peek_word(reader)))
		return expected(reader, lifecycle_takes_argument(step->action) && step->name_length == 0
									? "a name, \"immediately\", \"after\" or a delay"
									: "\"immediately\", \"after\" or a delay");
	status = read_delay(reader, step);
	if (status != TARIFF_OK)
		return status;
	if (!take_word(reader, "before"))
		return expected(reader, "\"before\"");
	step->direction = take_word(reader, "release") ? LIFECYCLE_BEFORE_RELEASE : LIFECYCLE_BEFORE;
	return TARIFF_OK;
}

/* read_step takes one step. */
static TariffStatus
read_step(Reader *reader, LifecyclePolicy *policy)
{
	Word word = peek_word(reader);
	int action = find_word(word, lifecycle_action_names, LIFECYCLE_ACTIONS, false);
	LifecycleStep *step;
	TariffStatus status = TARIFF_OK;

	if (action == LIFECYCLE_ACTIONS)
		return expected(reader, "notice, restrict, suspend, downgrade or release");
	step = lifecycle_add_step(policy);
	if (step == NULL)
		return tariff_fail(reader->error, TARIFF_TOO_MANY, place_of(reader),
						   "a policy may have %d steps.", LIFECYCLE_MAX_STEPS);
	step->action = (LifecycleAction) action;
	step->at[LIFECYCLE_FIELD_ACTION] = place_of(reader);
	reader->p += word.length;
	if (lifecycle_takes_argument(step->action))
		status = read_name(reader, step);
	return status == TARIFF_OK ? read_when(reader, step) : status;
}

/* at_setting tells whether a setting comes next. */
static bool
at_setting(Reader *reader)
{
	Word word = peek_word(reader);

	return word_is(word, "resume", false) ||
		   find_word(word, lifecycle_catch_up_names, 2, false) < 2;
}

/* read_setting takes one of the words behind the steps; `seen` has those that came before. */
static TariffStatus
read_setting(Reader *reader, LifecyclePolicy *policy, bool seen[2])
{
	int place = place_of(reader);
	bool is_resume = take_word(reader, "resume");
	const char *const *names = is_resume ? lifecycle_resume_names : lifecycle_catch_up_names;
	Word word = peek_word(reader);
	int found = find_word(word, names, 2, false);

	if (found == 2)
		return expected(reader, "\"manual\" or \"auto\"");
	if (seen[is_resume])
		return tariff_fail(reader->error, TARIFF_MALFORMED, place, "%s comes twice.",
						   is_resume ? "\"resume\"" : "\"walk\" or \"jump\"");
	seen[is_resume] = true;
	if (is_resume)
		policy->resume_auto = found == 1;
	else
		policy->jump = found == 1;
	reader->p += word.length;
	return TARIFF_OK;
}

/* read_settings takes what follows the steps, to the end of the text. */
static TariffStatus
read_settings(Reader *reader, LifecyclePolicy *policy)
{
	bool seen[2] = {false, false};
	bool comma = false;

	while (at_setting(reader))
	{
		TariffStatus status = read_setting(reader, policy, seen);

		if (status != TARIFF_OK)
			return status;
		comma = take_char(reader, ',');
	}
	if (comma)
		return expected(reader,
						"\"resume\", \"walk\" or \"jump\", because all steps come before these");
	(void) place_of(reader);
	if (reader->p < reader->end)
		return expected(reader, "the end of the policy");
	return TARIFF_OK;
}

/*
 * lifecycle_read_text reads text that need not end with a NUL.  On success the
 * policy is valid.
 */
TariffStatus
lifecycle_read_text(const char *text, size_t length, LifecyclePolicy *policy, TariffError *error)
{
	Reader reader = {text, text, text + length, error};
	TariffStatus status;

	lifecycle_init(policy);
	do
	{
		/* "resume" behind a comma is no step, but a policy begins with one */
		if (policy->step_count > 0 && at_setting(&reader))
			break;
		status = read_step(&reader, policy);
		if (status != TARIFF_OK)
			return status;
	} while (take_char(&reader, ','));

	if (reader.p < reader.end && !at_setting(&reader))
		return expected(
			&reader,
			"\",\" and another step, \"resume\", \"walk\", \"jump\" or the end of the policy");
	status = read_settings(&reader, policy);
	return status == TARIFF_OK ? lifecycle_finish(policy, error) : status;
}

/* read_whole makes one part of a step from a text of its own. */
static TariffStatus
read_whole(const char *text, size_t length, LifecycleStep *step, TariffError *error,
		   TariffStatus (*read)(Reader *, LifecycleStep *), const char *end)
{
	Reader reader = {text, text, text + length, error};
	TariffStatus status = read(&reader, step);

	if (status != TARIFF_OK)
		return status;
	(void) place_of(&reader);
	return reader.p == reader.end ? TARIFF_OK : expected(&reader, end);
}

/* lifecycle_read_delay reads a text that is a delay and nothing else. */
TariffStatus
lifecycle_read_delay(const char *text, size_t length, LifecycleStep *step, TariffError *error)
{
	return read_whole(text, length, step, error, read_delay, "the end of the delay");
}

/* lifecycle_read_time reads a text that is a time of day and nothing else. */
TariffStatus
lifecycle_read_time(const char *text, size_t length, LifecycleStep *step, TariffError *error)
{
	return read_whole(text, length, step, error, read_time, "the end of the time");
}

/* print_word writes a word of ours. */
static char *
print_word(char *p, const char *word)
{
	size_t length = strlen(word);

	memcpy(p, word, length);
	return p + length;
}

/* print_name writes a space and an argument, in quotes if it needs them. */
static char *
print_name(char *p, const LifecycleStep *step)
{
	Reader reader = {step->name, step->name, step->name + step->name_length, NULL};
	Word word = peek_word(&reader);

	*p++ = ' ';
	if (word.text == step->name && word.length == (size_t) step->name_length && is_plain_name(word))
		return print_word(p, step->name);
	*p++ = '"';
	for (int i = 0; i < step->name_length; i++)
	{
		if (step->name[i] == '"')
			*p++ = '"';
		*p++ = step->name[i];
	}
	*p++ = '"';
	return p;
}

/* print_two writes a number below 100 with two digits. */
static char *
print_two(char *p, int number)
{
	*p++ = (char) ('0' + number / 10);
	*p++ = (char) ('0' + number % 10);
	return p;
}

/* lifecycle_print_delay writes a number and its unit, at most 13 bytes and no NUL. */
char *
lifecycle_print_delay(char *p, const LifecycleStep *step)
{
	p += decimal_print(decimal_of(step->count), p);
	*p++ = ' ';
	p = print_word(p, lifecycle_unit_names[step->unit]);
	if (step->count != 1)
		*p++ = 's';
	return p;
}

/* lifecycle_print_time writes the time of day of a step that has one: five bytes and no NUL. */
char *
lifecycle_print_time(char *p, const LifecycleStep *step)
{
	p = print_two(p, step->minute / 60);
	*p++ = ':';
	return print_two(p, step->minute % 60);
}

/* print_step writes one step. */
static char *
print_step(char *p, const LifecycleStep *step)
{
	p = print_word(p, lifecycle_action_names[step->action]);
	if (step->name_length > 0)
		p = print_name(p, step);
	*p++ = ' ';
	if (step->direction == LIFECYCLE_BEFORE || step->direction == LIFECYCLE_BEFORE_RELEASE)
	{
		p = lifecycle_print_delay(p, step);
		*p++ = ' ';
	}
	p = print_word(p, lifecycle_direction_names[step->direction]);
	if (step->direction == LIFECYCLE_AFTER)
	{
		*p++ = ' ';
		p = lifecycle_print_delay(p, step);
	}
	return step->minute == LIFECYCLE_NO_TIME ? p
											 : lifecycle_print_time(print_word(p, " at "), step);
}

/* lifecycle_text_size gives room enough for the text of a policy and a NUL. */
size_t
lifecycle_text_size(const LifecyclePolicy *policy)
{
	return LIFECYCLE_TEXT_SIZE(policy->step_count);
}

/*
 * lifecycle_print_text writes the canonical text of a policy, and a NUL, into
 * lifecycle_text_size() bytes; it returns the length without the NUL.
 */
size_t
lifecycle_print_text(const LifecyclePolicy *policy, char *text)
{
	char *p = text;

	for (int i = 0; i < policy->step_count; i++)
		p = print_step(i == 0 ? p : print_word(p, ", "), &policy->steps[i]);
	if (policy->resume_auto)
		p = print_word(p, ", resume auto");
	if (policy->jump)
		p = print_word(p, ", jump");
	*p = '\0';
	return (size_t) (p - text);
}
