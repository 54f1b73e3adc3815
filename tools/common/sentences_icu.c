/* Sentence ends by ICU's break iterator (Unicode Standard Annex #29, with CLDR's changes for some
 * languages). */
#include "common/sentences_find.h"

#include <unicode/ubrk.h>
#include <unicode/uloc.h>
#include <unicode/utext.h>
#include <unicode/utypes.h>
#include <unicode/uvernum.h>

#define NAME_OF(version) NAME_OF_NUMBER(version)
#define NAME_OF_NUMBER(version) "ICU " #version

struct cli_icu {
    UBreakIterator *breaks;
    UText *text;
    size_t n; /* of the line */
};

/* Turns a failure of ICU into an error. */
static int check(UErrorCode status, elcl_error *err)
{
    if (status == U_MEMORY_ALLOCATION_ERROR)
        return elcl_fail_nomem(err);
    return U_SUCCESS(status)
               ? ELCL_OK
               : elcl_fail(err, ELCL_E_UNSUPPORTED, "ICU cannot find the sentences of a text: %s",
                           u_errorName(status));
}

int cli_icu_create(const char *language, struct cli_icu **icu, elcl_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    char locale[ULOC_LANG_CAPACITY] = "";
    struct cli_icu *made = elcl_calloc(1, sizeof(*made));
    if (!made)
        return elcl_fail_nomem(err);
    if (language)
        (void)uloc_getLanguage(language, locale, sizeof(locale), &status);
    if (U_FAILURE(status) || status == U_STRING_NOT_TERMINATED_WARNING)
        locale[0] = '\0'; /* no language that ICU knows */
    status = U_ZERO_ERROR;
    made->breaks = ubrk_open(UBRK_SENTENCE, locale, NULL, 0, &status);
    made->text = utext_openUTF8(NULL, "", 0, &status);
    const int rc = check(status, err);
    if (rc)
        cli_icu_destroy(&made);
    else
        *icu = made;
    return rc;
}

void cli_icu_destroy(struct cli_icu **icu)
{
    if (*icu && (*icu)->breaks)
        ubrk_close((*icu)->breaks);
    if (*icu && (*icu)->text)
        (void)utext_close((*icu)->text);
    elcl_free(*icu);
    *icu = NULL;
}

int cli_icu_begin(struct cli_icu *icu, const char *line, size_t n, elcl_error *err)
{
    UErrorCode status = U_ZERO_ERROR;
    if (n > INT32_MAX)
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "a line of %zu bytes is too long for ICU", n);
    icu->n = n;
    icu->text = utext_openUTF8(icu->text, line, (int64_t)n, &status);
    ubrk_setUText(icu->breaks, icu->text, &status);
    return check(status, err);
}

size_t cli_icu_next(struct cli_icu *icu)
{
    const int32_t next = ubrk_next(icu->breaks);
    return next == UBRK_DONE ? icu->n : (size_t)next;
}

const char *cli_icu_name(void)
{
    return NAME_OF(U_ICU_VERSION_MAJOR_NUM);
}
