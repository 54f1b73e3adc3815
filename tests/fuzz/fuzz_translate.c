/* Input: a byte that chooses the media type, the query, 0xff, and the body of a request of
 * LibreTranslate's API: a form, or JSON. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "serve/language_codes.h"
#include "serve/translate_request.h"

/* Strings of requests are UTF-8; any of them may be taken for a language. */
static void check_string(const char *s)
{
    char code[CLI_CODE_BYTES], name[CLI_LANGUAGE_NAME_BYTES];
    if (!s)
        return;
    FUZZ_REQUIRE(elcl_utf8_check(s, strlen(s)) == strlen(s));
    cli_language_code(s, code);
    cli_language_name(code, name);
    FUZZ_REQUIRE(strlen(code) < sizeof(code) && strlen(name) < sizeof(name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded", "",
                                        "text/plain"};
    const char *type = types[fuzz_choice(&data, &n) % 4];
    struct cli_translate_request r = {0};
    elcl_error err = {0};
    size_t n_query = 0, n_body = 0;
    char *query = fuzz_next(&data, &n, &n_query), *body = fuzz_next(&data, &n, &n_body);
    struct elcl_str text = {0}; /* the query has a NUL after it, and none in it */
    elcl_str_text(&text, "");
    elcl_str_append(&text, query, query ? n_query : 0);
    const int rc = cli_translate_parse(type, text.data, body ? body : "", n_body, &r, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc || (!r.texts && !r.source));
    FUZZ_REQUIRE(r.n_texts <= CLI_MAX_TRANSLATE_TEXTS && (r.is_list || r.n_texts <= 1));
    FUZZ_REQUIRE(r.n_alternatives >= 0 && r.n_alternatives <= CLI_MAX_ALTERNATIVES);
    for (size_t i = 0; i < r.n_texts; i++)
        check_string(r.texts[i]);
    check_string(r.source);
    check_string(r.target);
    check_string(r.format);
    check_string(r.api_key);
    cli_translate_request_finish(&r);
    elcl_str_finish(&text);
    free(query);
    free(body);
    return 0;
}
