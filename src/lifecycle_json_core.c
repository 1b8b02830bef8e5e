/*
 * lifecycle_json_core.c
 *		Reading and printing the JSON of a lifecycle policy.
 *
 *		{"steps": [{"action": "notice" | "restrict" | "suspend" | "downgrade" | "release",
 *					"argument": name | null,
 *					"when": "before" | "before release" | "immediately" | "after",
 *					"delay": "7 days" | null, "at": "HH:MM" | null}, ...],
 *		 "resume": "manual" | "auto", "catch_up": "walk" | "jump"}
 *
 * steps, action and when are required, and delay is unless the step comes
 * immediately; resume is manual and catch_up walk if they are missing.  Keys
 * may come in any order, and each only once.  Any other key is refused, because
 * a policy that says more than we understand must not be applied.
 *
 * What is printed leaves out whatever is null or as usual.
 *
 * The reader takes JSON from anywhere, though PostgreSQL gives it only what
 * jsonb has printed.  It reads just the shape above, so it needs no recursion.
 */
#include "lifecycle_core.h"

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
	int step; /* being read, or -1 */
	const char *key; /* being read, NUL-terminated, or NULL */
} Reader;

/* A string between its quotes, as it stands. */
typedef struct Token
{
	const char *text;
	size_t length;
} Token;

/* set_path tells where the value stands that is being read. */
static void
set_path(Reader *reader)
{
	TariffError *error = reader->error;
	const char *dot = reader->key ? "." : "";
	const char *key = reader->key ? reader->key : "";

	if (reader->step >= 0)
		snprintf(error->path, sizeof(error->path), "$.steps[%d]%s%s", reader->step, dot, key);
	else
		snprintf(error->path, sizeof(error->path), "$%s%s", dot, key);
}

/* refuse fills in an error at a place of the text. */
static TariffStatus
refuse(Reader *reader, const char *at, const char *what)
{
	tariff_fail(reader->error, TARIFF_MALFORMED, (int) (at - reader->start), "%s", what);
	set_path(reader);
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

/* read_string takes a string; `what` says in an error what should have stood here. */
static TariffStatus
read_string(Reader *reader, const char *what, Token *token)
{
	const char *p;

	if (!take_char(reader, '"'))
		return refuse(reader, reader->p, what);
	token->text = reader->p;
	for (p = reader->p; p < reader->end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < reader->end)
			p++;
	if (p >= reader->end)
		return refuse(reader, token->text, "the string does not end.");
	token->length = (size_t) (p - token->text);
	reader->p = p + 1;
	return TARIFF_OK;
}

/* find_token gives a token's place among ours, or their number if it is none of them. */
static int
find_token(Token token, const char *const *ours, int count)
{
	int i = 0;

	while (i < count &&
		   !(strlen(ours[i]) == token.length && memcmp(ours[i], token.text, token.length) == 0))
		i++;
	return i;
}

/* refuse_key refuses a key that is none of ours; its name becomes the end of the path. */
static TariffStatus
refuse_key(Reader *reader, Token token, const char *names)
{
	char unknown[QUOTED + 1];
	size_t length = token.length < QUOTED ? token.length : QUOTED;

	/* cut within a character of several bytes is worse than cut early */
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
	status = read_string(reader, "expected a string.", &token);
	if (status != TARIFF_OK)
		return status;
	*found = find_token(token, keys, count);
	if (*found == count)
		return refuse_key(reader, token, names);
	reader->key = keys[*found];
	if (*seen & (1u << *found))
		return refuse(reader, token.text, "the key comes twice.");
	*seen |= 1u << *found;
	return take_char(reader, ':') ? TARIFF_OK : refuse(reader, reader->p, "expected \":\".");
}

/* read_choice takes a string that is one of ours. */
static TariffStatus
read_choice(Reader *reader, const char *const *ours, int count, const char *what, int *found)
{
	Token token;
	TariffStatus status = read_string(reader, what, &token);

	if (status != TARIFF_OK)
		return status;
	*found = find_token(token, ours, count);
	return *found < count ? TARIFF_OK : refuse(reader, token.text, what);
}

/* read_name takes an argument. */
static TariffStatus
read_name(Reader *reader, LifecycleStep *step)
{
	Token token;
	TariffStatus status = read_string(reader, "expected a name or null.", &token);

	if (status != TARIFF_OK)
		return status;
	for (size_t i = 0; i < token.length; i++)
	{
		char c = token.text[i];

		/* jsonb writes no other character of a name with an escape */
		if (c == '\\')
		{
			c = token.text[++i];
			if (c != '"' && c != '\\' && c != '/')
				return refuse(reader, token.text, "a name holds no control characters.");
		}
		if (step->name_length == LIFECYCLE_MAX_NAME)
		{
			(void) refuse(reader, token.text, "");
			snprintf(reader->error->detail, sizeof(reader->error->detail),
					 "a name may have %d bytes.", LIFECYCLE_MAX_NAME);
			return TARIFF_MALFORMED;
		}
		step->name[step->name_length++] = c;
	}
	return step->name_length > 0 ? TARIFF_OK
								 : refuse(reader, token.text, "expected a name that is not empty.");
}

/* read_part takes a string in which stands what `read` reads of the text of a policy. */
static TariffStatus
read_part(Reader *reader, LifecycleStep *step, const char *what,
		  TariffStatus (*read)(const char *, size_t, LifecycleStep *, TariffError *))
{
	Token token;
	TariffStatus status = read_string(reader, what, &token);

	if (status != TARIFF_OK)
		return status;
	status = read(token.text, token.length, step, reader->error);
	if (status != TARIFF_OK)
	{
		reader->error->at += (int) (token.text - reader->start);
		set_path(reader);
	}
	return status;
}

/* take_null takes the word null if it stands here. */
static bool
take_null(Reader *reader)
{
	skip_space(reader);
	if (reader->end - reader->p < 4 || memcmp(reader->p, "null", 4) != 0)
		return false;
	reader->p += 4;
	return true;
}

/* read_step_value takes the value of one key of a step. */
static TariffStatus
read_step_value(Reader *reader, LifecycleStep *step, LifecycleField field)
{
	TariffStatus status;
	int found = 0;

	switch (field)
	{
		case LIFECYCLE_FIELD_ACTION:
			status = read_choice(
				reader, lifecycle_action_names, LIFECYCLE_ACTIONS,
				"expected \"notice\", \"restrict\", \"suspend\", \"downgrade\" or \"release\".",
				&found);
			step->action = (LifecycleAction) found;
			return status;
		case LIFECYCLE_FIELD_WHEN:
			status = read_choice(
				reader, lifecycle_direction_names, LIFECYCLE_DIRECTIONS,
				"expected \"before\", \"before release\", \"immediately\" or \"after\".", &found);
			step->direction = (LifecycleDirection) found;
			return status;
		case LIFECYCLE_FIELD_ARGUMENT:
			return take_null(reader) ? TARIFF_OK : read_name(reader, step);
		case LIFECYCLE_FIELD_DELAY:
			return take_null(reader)
					 ? TARIFF_OK
					 : read_part(reader, step, "expected a string such as \"7 days\".",
								 lifecycle_read_delay);
		default:
			return take_null(reader)
					 ? TARIFF_OK
					 : read_part(reader, step, "expected a string such as \"08:00\".",
								 lifecycle_read_time);
	}
}

/* check_step tells whether the keys of a step fit together; text can't say it otherwise. */
static TariffStatus
check_step(Reader *reader, const LifecycleStep *step, unsigned seen)
{
	reader->key = NULL;
	if (!(seen & (1u << LIFECYCLE_FIELD_ACTION)))
		return refuse(reader, reader->p, "the key \"action\" is missing.");
	if (!(seen & (1u << LIFECYCLE_FIELD_WHEN)))
		return refuse(reader, reader->p, "the key \"when\" is missing.");
	if (step->direction != LIFECYCLE_IMMEDIATELY && step->count == 0)
		return refuse(reader, reader->p, "the key \"delay\" is missing.");
	if (step->direction == LIFECYCLE_IMMEDIATELY && step->count != 0)
	{
		reader->key = "delay";
		return refuse(reader, reader->p, "what comes immediately has no delay.");
	}
	if (step->direction != LIFECYCLE_AFTER && step->minute != LIFECYCLE_NO_TIME)
	{
		reader->key = "at";
		return refuse(reader, reader->p, "only what comes after a delay has a time of day.");
	}
	return TARIFF_OK;
}

/* read_step takes one step. */
static TariffStatus
read_step(Reader *reader, LifecycleStep *step)
{
	unsigned seen = 0;

	reader->key = NULL;
	if (!take_char(reader, '{'))
		return refuse(reader, reader->p, "expected an object.");
	if (take_char(reader, '}'))
		return check_step(reader, step, seen);
	do
	{
		int field;
		TariffStatus status = read_key(reader, lifecycle_field_names, LIFECYCLE_FIELDS,
									   "action, argument, when, delay and at", &seen, &field);

		if (status == TARIFF_OK)
			status = read_step_value(reader, step, (LifecycleField) field);
		if (status != TARIFF_OK)
			return status;
		reader->key = NULL;
	} while (take_char(reader, ','));
	if (!take_char(reader, '}'))
		return refuse(reader, reader->p, "expected \",\" or \"}\".");
	return check_step(reader, step, seen);
}

/* read_steps takes the array of steps. */
static TariffStatus
read_steps(Reader *reader, LifecyclePolicy *policy)
{
	if (!take_char(reader, '['))
		return refuse(reader, reader->p, "expected an array.");
	if (take_char(reader, ']'))
		return refuse(reader, reader->p, "a policy needs at least one step.");
	do
	{
		LifecycleStep *step = lifecycle_add_step(policy);
		TariffStatus status;

		if (step == NULL)
		{
			reader->step = -1;
			reader->key = "steps";
			(void) refuse(reader, reader->p, "");
			snprintf(reader->error->detail, sizeof(reader->error->detail),
					 "a policy may have %d steps.", LIFECYCLE_MAX_STEPS);
			return TARIFF_TOO_MANY;
		}
		reader->step = policy->step_count - 1;
		status = read_step(reader, step);
		if (status != TARIFF_OK)
			return status;
	} while (take_char(reader, ','));
	reader->step = -1;
	reader->key = "steps";
	return take_char(reader, ']') ? TARIFF_OK
								  : refuse(reader, reader->p, "expected \",\" or \"]\".");
}

/* Keys of the whole policy; the first is required. */
typedef enum TopKey
{
	KEY_STEPS,
	KEY_RESUME,
	KEY_CATCH_UP,
	TOP_KEYS
} TopKey;

static const char *const top_keys[TOP_KEYS] = {"steps", "resume", "catch_up"};

/* read_top_value takes the value of one key of the policy. */
static TariffStatus
read_top_value(Reader *reader, TopKey key, LifecyclePolicy *policy)
{
	TariffStatus status;
	int found = 0;

	switch (key)
	{
		case KEY_STEPS:
			return read_steps(reader, policy);
		case KEY_RESUME:
			status = read_choice(reader, lifecycle_resume_names, 2,
								 "expected \"manual\" or \"auto\".", &found);
			policy->resume_auto = found == 1;
			return status;
		default:
			status = read_choice(reader, lifecycle_catch_up_names, 2,
								 "expected \"walk\" or \"jump\".", &found);
			policy->jump = found == 1;
			return status;
	}
}

/* read_object takes the whole policy. */
static TariffStatus
read_object(Reader *reader, LifecyclePolicy *policy)
{
	unsigned seen = 0;

	if (!take_char(reader, '{'))
		return refuse(reader, reader->p, "expected an object with the key steps.");
	if (!take_char(reader, '}'))
	{
		do
		{
			int key;
			TariffStatus status =
				read_key(reader, top_keys, TOP_KEYS, "steps, resume and catch_up", &seen, &key);

			if (status == TARIFF_OK)
				status = read_top_value(reader, (TopKey) key, policy);
			if (status != TARIFF_OK)
				return status;
			reader->key = NULL;
		} while (take_char(reader, ','));
		if (!take_char(reader, '}'))
			return refuse(reader, reader->p, "expected \",\" or \"}\".");
	}
	skip_space(reader);
	if (reader->p < reader->end)
		return refuse(reader, reader->p, "expected the end of the policy.");
	if (!(seen & (1u << KEY_STEPS)))
		return refuse(reader, reader->p, "the key \"steps\" is missing.");
	return TARIFF_OK;
}

/*
 * lifecycle_read_json reads JSON text that need not end with a NUL.  On success
 * the policy is valid; on refusal the error has a path.
 */
TariffStatus
lifecycle_read_json(const char *text, size_t length, LifecyclePolicy *policy, TariffError *error)
{
	Reader reader = {text, text, text + length, error, -1, NULL};
	TariffStatus status;

	lifecycle_init(policy);
	status = read_object(&reader, policy);
	if (status != TARIFF_OK)
		return status;
	/* delays were read on their own, so their places are not those of the text */
	for (int i = 0; i < policy->step_count; i++)
		for (int j = 0; j < LIFECYCLE_FIELDS; j++)
			policy->steps[i].at[j] = -1;
	return lifecycle_finish(policy, error);
}

/* lifecycle_json_size gives room enough for the JSON of a policy and a NUL. */
size_t
lifecycle_json_size(const LifecyclePolicy *policy)
{
	/* a name of which every character has an escape, and keys */
	return 96 + (size_t) policy->step_count * (2 * LIFECYCLE_MAX_NAME + 140);
}

/* print_name writes the member argument. */
static char *
print_name(char *p, const LifecycleStep *step)
{
	p += sprintf(p, ", \"argument\": \"");
	for (int i = 0; i < step->name_length; i++)
	{
		if (step->name[i] == '"' || step->name[i] == '\\')
			*p++ = '\\';
		*p++ = step->name[i];
	}
	*p++ = '"';
	return p;
}

/* print_step writes one step. */
static char *
print_step(char *p, const LifecycleStep *step)
{
	p += sprintf(p, "{\"action\": \"%s\"", lifecycle_action_names[step->action]);
	if (step->name_length > 0)
		p = print_name(p, step);
	p += sprintf(p, ", \"when\": \"%s\"", lifecycle_direction_names[step->direction]);
	if (step->direction != LIFECYCLE_IMMEDIATELY)
	{
		p = lifecycle_print_delay(p + sprintf(p, ", \"delay\": \""), step);
		*p++ = '"';
	}
	if (step->minute != LIFECYCLE_NO_TIME)
	{
		p = lifecycle_print_time(p + sprintf(p, ", \"at\": \""), step);
		*p++ = '"';
	}
	*p++ = '}';
	return p;
}

/*
 * lifecycle_print_json writes the JSON of a policy, and a NUL, into
 * lifecycle_json_size() bytes; it returns the length without the NUL.
 */
size_t
lifecycle_print_json(const LifecyclePolicy *policy, char *text)
{
	char *p = text + sprintf(text, "{\"steps\": [");

	for (int i = 0; i < policy->step_count; i++)
		p = print_step(i == 0 ? p : p + sprintf(p, ", "), &policy->steps[i]);
	*p++ = ']';
	if (policy->resume_auto)
		p += sprintf(p, ", \"resume\": \"auto\"");
	if (policy->jump)
		p += sprintf(p, ", \"catch_up\": \"jump\"");
	*p++ = '}';
	*p = '\0';
	return (size_t) (p - text);
}
