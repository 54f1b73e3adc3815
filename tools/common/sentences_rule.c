/* Sentence ends by a plain rule, and ends that are none.
 *
 * The rule: a sentence ends after . ! ? and the marks of other scripts, with the brackets and
 * quotes after them, if a blank follows; after the marks of scripts without blanks, like the
 * ideographic full stop, in any case. */
#include "common/sentences_find.h"

#include <string.h>

/* Bytes of the longest abbreviation. */
#define MAX_WORD 16
/* Punctuation and blanks before the first letter of a sentence. */
#define MAX_OPENING 6

/* Words whose period mostly does not end a sentence: English, German, French, Spanish, Portuguese,
 * Italian, Dutch, Polish, Russian. Those of single letters, like "z. B." and "p.m.", need no entry.
 * "etc." and the like often end one. */
static const char abbreviations[] =
    "Mr Mrs Ms Dr Prof Rev Fr Hon Gen Col Maj Capt Cpt Lt Sgt Cmdr Adm Gov Sen Rep Pres St Ste Mt "
    "Ft Jr Sr Co vs cf viz al approx ca Fig fig Figs figs Eq Eqs eq Sect Ch Vol vol Vols pp ed "
    "eds Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Hr Nr Bhf bzw evtl ggf vgl Vgl bspw sog "
    "Abs Art art Str inkl zzgl Tel tel MM Mme Mmes Mlle Mgr env Sra Srta Sres Dra EE Ud Uds pag "
    "Sig Sigg Dott Avv Ing Arch dhr mevr bijv np tzn tzw ul im prof dr mgr "
    /* the same in Russian: see, street, named after, page, figure, telephone, prof., acad. */
    "\xd1\x81\xd0\xbc \xd1\x83\xd0\xbb \xd0\xb8\xd0\xbc \xd1\x81\xd1\x82\xd1\x80 "
    "\xd1\x80\xd0\xb8\xd1\x81 \xd1\x82\xd0\xb5\xd0\xbb \xd0\xbf\xd1\x80\xd0\xbe\xd1\x84 "
    "\xd0\xb0\xd0\xba\xd0\xb0\xd0\xb4";
/* Those that end no sentence before a number. */
static const char before_numbers[] = "No Nos Op Bd";

static bool is_mark(uint32_t code, bool greek)
{
    return cli_is_sentence_mark(code) || (greek && (code == ';' || code == 0x37e));
}

size_t cli_rule_next(const char *line, size_t n, size_t from, bool greek)
{
    uint32_t code;
    for (size_t at = from; at < n;) {
        at += cli_char_at(line, n, at, &code);
        if (!is_mark(code, greek))
            continue;
        bool wide = cli_is_wide_mark(code);
        size_t length;
        while (at < n && (length = cli_char_at(line, n, at, &code)) &&
               (is_mark(code, greek) || cli_is_closer(code) || cli_is_opener(code))) {
            wide = wide || cli_is_wide_mark(code);
            at += length;
        }
        if (wide || cli_is_wide(code) || cli_is_blank(code))
            return at;
    }
    return n;
}

static bool is_digit(uint32_t code)
{
    return code >= '0' && code <= '9';
}

/* The word before a period. */
struct word {
    char text[MAX_WORD + 1];
    int n_chars;
    uint32_t first; /* character */
    bool begins;    /* a blank is before it, or nothing */
    bool whole;     /* it is all that there is of the sentence, as in numbered lists */
};

/* Finds the word that ends at `end` and does not begin before `from`; false if there is none, or it
 * is long. */
static bool find_word(const char *line, size_t from, size_t end, struct word *w)
{
    size_t at = end;
    uint32_t code = 0;
    w->n_chars = 0;
    while (at > from) {
        const size_t length = cli_char_before(line, at, &code);
        if (!cli_is_letter(code) && !is_digit(code))
            break;
        at -= length;
        w->first = code;
        w->n_chars++;
        if (end - at > MAX_WORD)
            return false;
    }
    memcpy(w->text, line + at, end - at);
    w->text[end - at] = '\0';
    w->whole = at == from;
    w->begins = w->whole || cli_is_blank(code);
    return end > at;
}

/* Whether the period after the word ends no sentence before this character. */
static bool is_abbreviation(const struct word *w, uint32_t next)
{
    if (strspn(w->text, "0123456789") == strlen(w->text))
        return w->whole || (w->n_chars <= 2 && w->begins);
    if (w->n_chars == 1 && cli_is_cased(w->first))
        return w->first != 'I' || w->whole;
    return elcl_has_word(abbreviations, w->text) ||
           (is_digit(next) && elcl_has_word(before_numbers, w->text));
}

/* Returns the first character of what follows, after quotes and dashes. */
static uint32_t first_letter(const char *line, size_t n, size_t next)
{
    uint32_t code = 0;
    for (int i = 0; i <= MAX_OPENING && next < n; i++) {
        next += cli_char_at(line, n, next, &code);
        if (!cli_is_punctuation(code) && !cli_is_blank(code))
            break;
    }
    return code;
}

size_t cli_move_end(const char *line, size_t n, size_t from, size_t end, size_t next)
{
    uint32_t code = 0;
    size_t at = next, length;
    if (next == end) { /* an opening bracket after the mark */
        while ((length = cli_char_before(line, end, &code)) < end - from && cli_is_opener(code))
            end -= length;
        return end;
    }
    while (at < n && (length = cli_char_at(line, n, at, &code)) && code != '"' && code != '\'' &&
           cli_is_closer(code))
        at += length;
    const bool closes = at > next && (at == n || cli_is_blank(code) || cli_is_punctuation(code));
    return closes ? at : end;
}

bool cli_is_no_end(const char *line, size_t n, size_t from, size_t end, size_t next)
{
    struct word word;
    uint32_t last, letter;
    if (end <= from || next >= n)
        return end <= from;
    const size_t n_last = cli_char_before(line, end, &last);
    if (next == end && last < 0x80) { /* as in x.org/?y */
        (void)cli_char_at(line, n, next, &letter);
        return !cli_is_wide(letter);
    }
    letter = first_letter(line, n, next);
    if (next > end && cli_is_lower(letter))
        return true;
    return last == '.' && find_word(line, from, end - n_last, &word) &&
           is_abbreviation(&word, letter);
}
