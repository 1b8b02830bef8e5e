/*
 * scan_core.h
 *		What the readers of texts share: a place in a text, and the steps from
 *		one word to the next.
 *
 * What a word is made of differs from language to language, so each has its
 * own peek_word().
 */
#ifndef BILLING_SCAN_CORE_H
#define BILLING_SCAN_CORE_H

#include "tariff_core.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct Reader
{
	const char *start;
	const char *p;
	const char *end;
	TariffError *error;
} Reader;

/* A word of the text; length 0 if something else stands there. */
typedef struct Word
{
	const char *text;
	size_t length;
} Word;

static inline char
to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

static inline bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* skip_space moves to the next character that is not white space. */
static inline void
skip_space(Reader *reader)
{
	/* from tab to carriage return is all white space */
	while (reader->p < reader->end &&
		   (*reader->p == ' ' || (*reader->p >= '\t' && *reader->p <= '\r')))
		reader->p++;
}

/* take_char takes the next character if it is the one given. */
static inline bool
take_char(Reader *reader, char c)
{
	skip_space(reader);
	if (reader->p == reader->end || *reader->p != c)
		return false;
	reader->p++;
	return true;
}

#endif /* BILLING_SCAN_CORE_H */
