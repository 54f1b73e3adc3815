/* LibreTranslate's API without HTTP: fields of requests (tools/serve/translate_request.h), and
 * which model translates which languages (tools/serve/languages.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "common/json_raw.h"
#include "files.h"
#include "serve/languages.h"
#include "serve/translate_request.h"

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

/* ---- requests -------------------------------------------------------------------------------- */

static bool same(const char *found, const char *want)
{
    return found && want ? !strcmp(found, want) : !found && !want;
}

/* Texts are separated by '|'. */
static void check_parsed(const char *type, const char *query, const char *body, const char *texts,
                         const char *source, const char *target, const char *key, int alternatives)
{
    struct cli_translate_request r = {0};
    struct elcl_str found = {0};
    elcl_error err = {0};
    if (!check_case("request %.20s %.40s %.60s", type, query, body))
        return;
    if (!CHECK(!cli_translate_parse(type, query, body, strlen(body), &r, &err), "%s", err.msg))
        return;
    for (size_t i = 0; i < r.n_texts; i++)
        elcl_str_printf(&found, "%s%s", i ? "|" : "", r.texts[i]);
    CHECK(same(found.data, texts), "texts '%s'", found.data);
    CHECK(same(r.source, source), "source %s", r.source);
    CHECK(same(r.target, target), "target %s", r.target);
    CHECK(same(r.api_key, key), "key %s", r.api_key);
    CHECK(r.n_alternatives == alternatives, "%d alternatives", r.n_alternatives);
    elcl_str_finish(&found);
    cli_translate_request_finish(&r);
}

static void test_parsed(void)
{
    check_parsed(FORM, "", "q=Hello+world%21%0A&source=en&target=de", "Hello world!\n", "en", "de",
                 NULL, 0);
    check_parsed(FORM, "", "q=%C3%A9+%2B+100%&source=e%6E&api_key=k%3D1", "\xc3\xa9 + 100%", "en",
                 NULL, "k=1", 0);
    check_parsed(FORM, "", "q=50%2&target=%zz&format=text", "50%2", NULL, "%zz", NULL, 0);
    check_parsed(FORM, "", "q=a=b&q=c&unknown=%00&=x&&q&source", "a=b", NULL, NULL, NULL, 0);
    check_parsed("", "q=of+the+query&target=de", "q=body&source=en&alternatives=3", "of the query",
                 "en", "de", NULL, 3);
    check_parsed("", "", "", NULL, NULL, NULL, NULL, 0);
    check_parsed("text/plain", "q=x", "", "x", NULL, NULL, NULL, 0);
    check_parsed(JSON, "q=hidden&source=xx", "{\"q\": \"a\\u00e9\", \"target\": \"de\"}",
                 "a\xc3\xa9", NULL, "de", NULL, 0);
    check_parsed(JSON, "",
                 " {\"q\": [\"a\", \"\", \"b c\"], \"source\": null, \"secret\": {\"q\": [1]}, "
                 "\"alternatives\": 2, \"api_key\": \"\"} ",
                 "a||b c", NULL, NULL, "", 2);
    check_parsed(JSON, "", "{\"q\": [], \"alternatives\": \"63\"}", NULL, NULL, NULL, NULL, 63);
}

static void test_lists(void)
{
    struct cli_translate_request r = {0};
    if (!check_case("a list of one text is a list"))
        return;
    const char *bodies[] = {"{\"q\": [\"a\"]}", "{\"q\": \"a\"}"};
    for (int i = 0; i < 2; i++) {
        CHECK(!cli_translate_parse(JSON, "", bodies[i], strlen(bodies[i]), &r, NULL), "parsed");
        CHECK(r.is_list == !i && r.n_texts == 1, "%s", bodies[i]);
        cli_translate_request_finish(&r);
    }
}

static void check_refused(const char *type, const char *body, size_t n, int code,
                          const char *message)
{
    struct cli_translate_request r = {0};
    elcl_error err = {0};
    if (!check_case("refused: %.60s", body))
        return;
    check_failure(body, cli_translate_parse(type, "", body, n, &r, &err), &err, code, message);
    CHECK(!r.texts, "the request changed");
}

static void test_refused(void)
{
    static const struct {
        const char *type, *body, *message;
    } cases[] = {
        {FORM, "q=a%00b", "q contains U+0000"},
        {FORM, "source=%ff", "source is not UTF-8"},
        {FORM, "q=a&alternatives=two", "alternatives must be a whole number from 0 to 63"},
        {FORM, "q=a&alternatives=64", "alternatives must be"},
        {JSON, "", "the body is not a JSON object"},
        {JSON, "[\"q\"]", "the body is not a JSON object"},
        {JSON, "{\"q\": \"a\"", "the body is not a JSON object"},
        {JSON, "{\"q\": \"a\"} x", "the body is not a JSON object"},
        {JSON, "{\"q\": \"a\xff\"}", "the body is not UTF-8"},
        {JSON, "{\"q\": \"a\\u0000\"}", "a string contains U+0000"},
        {JSON, "{\"q\": 5}", "q must be a string or an array of strings"},
        {JSON, "{\"q\": [\"a\", 5]}", "q must be a string or an array of strings"},
        {JSON, "{\"q\": {\"a\": \"b\"}}", "q must be a string or an array of strings"},
        {JSON, "{\"q\": \"a\", \"q\": \"b\"}", "q is there twice"},
        {JSON, "{\"q\": [], \"source\": \"b\", \"source\": \"c\"}", "source is there twice"},
        {JSON, "{\"source\": 1}", "source must be a string"},
        {JSON, "{\"alternatives\": true}", "alternatives must be a number"},
        {JSON, "{\"alternatives\": 2.5}", "alternatives must be a whole number"},
        {JSON, "{\"alternatives\": -1}", "alternatives must be a whole number"},
        {JSON, "{\"alternatives\": 1e300}", "alternatives must be a whole number"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++)
        check_refused(cases[i].type, cases[i].body, strlen(cases[i].body), ELCL_E_FORMAT,
                      cases[i].message);
    check_refused("text/html", "<p>", 3, ELCL_E_UNSUPPORTED, "not text/html");
}

/* A body of n times the same text after a beginning. */
static void check_many(const char *begin, const char *repeated, size_t n, const char *message)
{
    struct elcl_str body = {0};
    struct cli_translate_request r = {0};
    elcl_error err = {0};
    elcl_str_text(&body, begin);
    for (size_t i = 0; i < n; i++)
        elcl_str_text(&body, repeated);
    elcl_str_text(&body, "\"\"]}");
    check_failure(message, cli_translate_parse(JSON, "", body.data, body.n, &r, &err), &err,
                  ELCL_E_FORMAT, message);
    elcl_str_finish(&body);
}

static void test_many(void)
{
    if (!check_case("a short body with many values"))
        return;
    check_many("{\"q\": [", "\"\",", CLI_MAX_TRANSLATE_TEXTS, "q has more than 8192 texts");
    check_many("{\"x\": [", "0,", CLI_MAX_TRANSLATE_VALUES, "more than 65536 values");
    CHECK(cli_json_count("{\"a,[{\\\",\": [1, {}]}", 19) == 5, "values");
}

/* ---- codes ----------------------------------------------------------------------------------- */

/* Without ICU, codes stay as they are. */
static bool has_icu(void)
{
    char code[CLI_CODE_BYTES];
    cli_language_code("deu", code);
    return !strcmp(code, "de");
}

static void test_codes(void)
{
    static const struct {
        const char *spelling, *code, *name, *plain;
    } cases[] = {
        {"en", "en", "English", "en"},
        {"en_XX", "en", "English", "en"},
        {"pt-BR", "pt", "Portuguese", "pt"},
        {"eng_Latn", "en", "English", "eng_Latn"},
        {"zho_Hans", "zh", "Chinese", "zho_Hans"},
        {"zho_Hant", "zh-Hant", "Chinese (Traditional)", "zho_Hant"},
        {"zt", "zh-Hant", "Chinese (Traditional)", "zt"},
        {"cmn_Hans", "zh", "Chinese", "cmn_Hans"},
        {"arb_Arab", "ar", "Arabic", "arb_Arab"},
        {"srp_Cyrl", "sr", "Serbian", "srp_Cyrl"},
        {"sr_Latn", "sr-Latn", "Serbian (Latin)", "sr_Latn"},
        {"ceb", "ceb", "Cebuano", "ceb"},
        {"xx", "xx", "xx", "xx"},
        {"", "", NULL, ""},
        {"alternatives", "alternatives", NULL, "alternatives"}, /* as long as ICU's room */
        {"averylongspellingofalanguage", "averylongspellingofalan", NULL,
         "averylongspellingofalan"},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        char code[CLI_CODE_BYTES], name[CLI_LANGUAGE_NAME_BYTES];
        if (!check_case("code of %s", cases[i].spelling))
            continue;
        cli_language_code(cases[i].spelling, code);
        cli_language_name(code, name);
        CHECK(!strcmp(code, has_icu() ? cases[i].code : cases[i].plain), "%s", code);
        if (cases[i].name)
            CHECK(!strcmp(name, has_icu() ? cases[i].name : code), "%s", name);
    }
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Adds a model of the goldens, or of another directory. */
static int add(struct cli_languages *l, int number, const char *name, const char *path,
               const char *family, const char *pairs, elcl_error *err)
{
    char whole[512], *codes = NULL;
    const bool absolute = *path == '/';
    (void)snprintf(whole, sizeof(whole), "%s/%s", absolute ? "" : check_root(), path + absolute);
    int rc = elcl_languages(whole, &codes, err);
    const struct cli_language_model model = {.number = number,
                                             .name = name,
                                             .path = whole,
                                             .family = family,
                                             .codes = codes,
                                             .pairs = pairs};
    if (!rc)
        rc = cli_languages_add(l, &model, err);
    elcl_free(codes);
    return rc;
}

/* The way: "0", "-1", or model:own source:own target of each hop. */
static void print_route(const struct cli_languages *l, const char *source, const char *target,
                        char out[128])
{
    const struct cli_direction *hops[CLI_MAX_HOPS];
    const int s = cli_languages_find(l, source), t = cli_languages_find(l, target);
    const int n = s < 0 || t < 0 ? -2 : cli_languages_route(l, s, t, hops);
    size_t at = (size_t)snprintf(out, 128, "%d", n);
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, 128 - at, " %d:%s:%s", hops[i]->model, hops[i]->own_source,
                               hops[i]->own_target);
}

static void check_route(const struct cli_languages *l, const char *source, const char *target,
                        const char *want)
{
    char found[128];
    print_route(l, source, target, found);
    CHECK(!strcmp(found, want), "%s-%s: %s, expected %s", source, target, found, want);
}

#define PIECES "tests/golden/pieces/"
#define BARE PIECES "t5" /* tells nothing */

/* One model, and ways through it. */
static void check_model(const char *name, const char *path, const char *family, const char *pair,
                        size_t n, const char *const ways[][3])
{
    struct cli_languages l = {0};
    elcl_error err = {0};
    if (!check_case("model %s %s %s", name, path, pair ? pair : ""))
        return;
    CHECK(!add(&l, 7, name, path, family, pair, &err), "%s", err.msg);
    CHECK(!cli_languages_ready(&l, &err), "%s", err.msg);
    CHECK(l.n_directions == n, "%zu directions", l.n_directions);
    for (; ways && ***ways; ways++)
        check_route(&l, (*ways)[0], (*ways)[1], (*ways)[2]);
    cli_languages_finish(&l);
}

static void test_names(void)
{
    static const char *const en_de[][3] = {{"en", "de", "1 7::"}, {"de", "en", "-1"}, {""}};
    static const char *const names[] = {"opus-mt-en-de", "opus-mt-tc-big-en-de", "wmt16-en-de-12-1",
                                        "en-de"};
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        check_model(names[i], BARE, "marian", NULL, 1, en_de);
    check_model("opus-mt-en-ca_es", BARE, "marian", NULL, 2, NULL);
    check_model("opus-mt-mul-en", BARE, "marian", NULL, 0, NULL);
    check_model("opus-mt-en-ROMANCE", PIECES "marian", "marian", NULL, 2, NULL);
    check_model("opus-mt-mul-mul", PIECES "marian", "marian", NULL, 2, NULL);
    check_model("marian", PIECES "marian", "marian", NULL, 0, NULL);
    check_model("bart-large-cnn", BARE, "bart", NULL, 0, NULL);
    check_model("opus-mt-en", BARE, "marian", NULL, 0, NULL);
    check_model("opus-mt", BARE, "marian", NULL, 0, NULL);
    check_model("mine", BARE, "marian", "mine=en-de", 1, en_de);
    check_model("opus-mt-de-en", BARE, "marian", "x=a-b,opus-mt-de-en=en-de", 1, en_de);
    check_model("same", BARE, "marian", "same=en-en,same=en-fr", 2, NULL);
}

static void test_multilingual(void)
{
    static const char *const mbart[][3] = {{"en", "ro", "1 7:en_XX:ro_RO"},
                                           {"de_DE", "zh", "1 7:de_DE:zh_CN"},
                                           {"en", "en", "0"},
                                           {""}};
    static const char *const en_ro[][3] = {
        {"en", "ro", "1 7:en_XX:ro_RO"}, {"ro", "en", "-1"}, {""}};
    static const char *const to_one[][3] = {
        {"ro", "en", "1 7:ro_RO:en_XX"}, {"en", "ro", "-1"}, {""}};
    static const char *const m2m[][3] = {{"en", "ast", "1 7:en:ast"}, {""}};
    check_model("mbart", PIECES "mbart", "mbart", NULL, 25 * 24, mbart);
    check_model("mbart-large-en-ro", PIECES "mbart", "mbart", NULL, 1, en_ro);
    check_model("x", PIECES "mbart", "mbart", "x=en_XX-ro_RO", 1, en_ro);
    check_model("mbart-large-50-many-to-one-mmt", PIECES "mbart", "mbart", NULL, 24, to_one);
    check_model("mbart-large-50-one-to-many-mmt", PIECES "mbart", "mbart", NULL, 24, NULL);
    check_model("m2m_100", PIECES "m2m_100", "m2m_100", NULL, 100 * 99, m2m);
    check_model("wmt21-dense-24-wide-x-en", PIECES "m2m_100", "m2m_100", NULL, 99, NULL);
}

/* Of several codes for a language the one with a script, else the shortest. */
static void test_several_codes(void)
{
    static const char codes[] = "fr_BE\nfr\nfr_CA\nzh_Hans\nzh\nzh_Hant\n";
    struct cli_languages l = {0};
    const struct cli_language_model model = {.number = 7,
                                             .name = "opus-mt-en-ROMANCE",
                                             .path = check_root(),
                                             .family = "marian",
                                             .codes = codes};
    elcl_error err = {0};
    if (!has_icu() || !check_case("several codes for a language"))
        return;
    CHECK(!cli_languages_add(&l, &model, &err) && !cli_languages_ready(&l, &err), "%s", err.msg);
    CHECK(l.n_directions == 3, "%zu directions", l.n_directions);
    check_route(&l, "en", "fr", "1 7::fr");
    check_route(&l, "en", "zh", "1 7::zh_Hans");
    check_route(&l, "en", "zt", "1 7::zh_Hant");
    cli_languages_finish(&l);
}

/* Three letters need ICU. */
static void test_three_letters(void)
{
    static const char *const nllb[][3] = {
        {"en", "fr", "1 7:eng_Latn:fra_Latn"}, {"deu_Latn", "en", "1 7:deu_Latn:eng_Latn"}, {""}};
    static const char *const marian[][3] = {
        {"en", "fr", "1 7::fra"}, {"en", "de", "1 7::deu"}, {""}};
    static const char *const same[][3] = {{"fr", "de", "1 7::deu"}, {""}}; /* no source */
    static const char *const one[][3] = {{"en", "fr", "1 7::fra"}, {""}};
    if (!has_icu())
        return;
    check_model("nllb", PIECES "nllb", "m2m_100", NULL, 6, nllb);
    check_model("opus-mt-mul-mul", PIECES "marian", "marian", NULL, 2, same);
    check_model("marian", PIECES "marian", "marian", "marian=fr-de", 1, same);
    check_model("opus-mt-en-gmw", PIECES "marian", "marian", NULL, 2, marian);
    check_model("opus-mt-tc-big-en-fra_deu", PIECES "marian", "marian", NULL, 2, marian);
    check_model("marian", PIECES "marian", "marian", "marian=en-fr", 1, one);
}

static void write_model(const char *name, const char *file, const char *json)
{
    char path[128];
    directory(name);
    (void)snprintf(path, sizeof(path), "%s/%s", name, file);
    write_text(path, json);
}

/* What files name wins over names of directories. */
static void test_files(void)
{
    static const char *const en_ru[][3] = {{"en", "ru", "1 7::"}, {""}};
    write_model("opus-mt-en-de", "tokenizer_config.json",
                "{\"source_lang\": \"en\", \"target_lang\": \"ru\"}");
    check_model("a", temporary_path("opus-mt-en-de"), "marian", NULL, 1, en_ru);
    write_model("fsmt", "config.json", "{\"langs\": [\"en\", \"ru\"]}");
    check_model("b", temporary_path("fsmt"), "fsmt", NULL, 1, en_ru);
    write_model("wmt19-en-ru", "config.json", "{\"langs\": null}");
    check_model("c", temporary_path("wmt19-en-ru"), "fsmt", NULL, 1, en_ru);
    directory("models--Helsinki-NLP--opus-mt-en-ru");
    check_model("0a1b", temporary_path("models--Helsinki-NLP--opus-mt-en-ru"), "marian", NULL, 1,
                en_ru);
}

static void test_package(void)
{
    struct cli_languages l = {0};
    elcl_error err = {0};
    if (!check_case("a package of argostranslate"))
        return;
    const int rc = add(&l, 0, "p", "tests/golden/ct2-argos.argosmodel", "marian", NULL, &err);
    if (rc == ELCL_E_UNSUPPORTED) {
        check_skip("built without zlib");
        return;
    }
    CHECK(!rc && !cli_languages_ready(&l, &err), "%s", err.msg);
    CHECK(same(l.list.data, "[{\"code\":\"en\",\"name\":\"English\",\"targets\":[\"en\",\"xx\"]},"
                            "{\"code\":\"xx\",\"name\":\"None\",\"targets\":[\"xx\"]}]\n"),
          "%s", l.list.data);
    CHECK(cli_languages_only_source(&l) == cli_languages_find(&l, "en"), "the only source");
    cli_languages_finish(&l);
}

/* Two models in a row, English before other languages; of two models the first. */
static void test_routes(void)
{
    static const char *const pairs[] = {"m=de-fr", "m=fr-ru", "m=de-en",
                                        "m=en-ru", "m=en-ru", "m=ru-it"};
    struct cli_languages l = {0};
    elcl_error err = {0};
    if (!check_case("by way of a third language"))
        return;
    for (int i = 0; i < (int)ELCL_COUNT(pairs); i++)
        CHECK(!add(&l, i, "m", BARE, "marian", pairs[i], &err), "%s", err.msg);
    CHECK(!cli_languages_ready(&l, &err), "%s", err.msg);
    check_route(&l, "de", "fr", "1 0::");
    check_route(&l, "de", "ru", "2 2:: 3::");
    check_route(&l, "en", "ru", "1 3::");
    check_route(&l, "en", "it", "2 3:: 5::");
    check_route(&l, "de", "it", "-1");
    check_route(&l, "de", "de", "0");
    check_route(&l, "de", "ja", "-2");
    CHECK(cli_languages_only_source(&l) < 0, "several sources");
    if (has_icu())
        CHECK(l.list.data && strstr(l.list.data, "{\"code\":\"de\",\"name\":\"German\",\"targets\":"
                                                 "[\"en\",\"fr\",\"de\",\"ru\"]}"),
              "%s", l.list.data);
    cli_languages_finish(&l);
}

static void test_bad_pairs(void)
{
    static const char *const pairs[] = {"m=en", "m=-de", "m=en-",
                                        "m=a_code_that_is_far_too_long-d"};
    static const char *const unknown[] = {"en-de", "b=en-de", "=en-de", "m=en-de,x", "m"};
    static const char *const names[] = {"a", "m"};
    struct cli_languages l = {0};
    if (!check_case("pairs that are refused"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(pairs); i++) {
        elcl_error err = {0};
        check_failure(pairs[i], add(&l, 0, "m", BARE, "marian", pairs[i], &err), &err, ELCL_E_ARG,
                      "--pairs: expected two codes of languages such as en-de");
    }
    for (size_t i = 0; i < ELCL_COUNT(unknown); i++) {
        elcl_error err = {0};
        check_failure(unknown[i], cli_languages_check_pairs(unknown[i], names, 2, &err), &err,
                      ELCL_E_ARG, "--pairs: expected the name of a model and a pair");
    }
    elcl_error err = {0};
    CHECK(!cli_languages_check_pairs("m=en-de,a=x-y", names, 2, &err) &&
              !cli_languages_check_pairs(NULL, names, 2, &err),
          "%s", err.msg);
    check_failure("it", add(&l, 0, "m", PIECES "marian", "marian", "m=en-it", &err), &err,
                  ELCL_E_ARG, "--pairs m=en-it: the model does not have the language it");
    CHECK(!l.n_directions, "nothing is added");
    CHECK(cli_languages_find(&l, "en") < 0 && cli_languages_only_source(&l) < 0, "no languages");
    cli_languages_finish(&l);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_own_cache();
    test_parsed();
    test_lists();
    test_refused();
    test_many();
    test_codes();
    test_names();
    test_multilingual();
    test_several_codes();
    test_three_letters();
    test_files();
    test_package();
    test_routes();
    test_bad_pairs();
    return check_end();
}
