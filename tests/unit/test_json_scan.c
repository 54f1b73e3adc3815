/* The grammar of JSON, and that cJSON accepts what it accepts: else a lack of memory would be
 * reported where a text is wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/json_scan.h"
#include "base/util.h"
#include "check.h"

static bool parses(const char *text, size_t n)
{
    cJSON *value = cJSON_ParseWithLength(text, n);
    const bool ok = value != NULL;
    cJSON_Delete(value);
    return ok;
}

static void test_good(void)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        " {\"a\" : [1, -2.5e-3, 0, -0, 1E+5, true, false, null] } ",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\"",
        "[[],{},[{}]]",
        "12",
        "\xef\xbb\xbf{}",
        "\"a\tb\"",
        "\"\xc3\xa9\"",
        "\t\r\n[\n1\n,\n2\n]\n",
        "123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < ELCL_COUNT(texts); i++) {
        if (!check_case("JSON: %.30s", texts[i]))
            continue;
        size_t end = 0;
        CHECK(elcl_json_scan(texts[i], strlen(texts[i]), &end), "refused at byte %zu", end);
        CHECK(end == strlen(texts[i]), "ends at byte %zu", end);
        CHECK(parses(texts[i], end), "cJSON refuses it");
    }
}

static void test_bad(void)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"", 0},
        {"{", 1},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{\"a\":1,}", 7},
        {"[1,]", 3},
        {"[1 2]", 3},
        {"[1}", 2},
        {"{]", 1},
        {"01", 1},
        {"[01]", 2},
        {"-", 1},
        {"1.", 2},
        {".5", 0},
        {"+1", 0},
        {"1e", 2},
        {"tru", 3},
        {"NaN", 0},
        {"'a'", 0},
        {"\"a", 2},
        {"\"\\x\"", 2},
        {"\"\\u12g4\"", 5},
        {"\"\\udc00\"", 7},
        {"\"\\ud800\"", 7},
        {"\"\\ud800\\u0041\"", 13},
        {"[1234567890123456789012345678901234567890123456789012345678901234]", 65},
        {"{a:1}", 1},
    };
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        if (!check_case("not JSON: %.30s", cases[i].text))
            continue;
        const size_t n = strlen(cases[i].text);
        size_t end = 0;
        const bool ok = elcl_json_scan(cases[i].text, n, &end) && end == n;
        CHECK(!ok && end == cases[i].at, "%s byte %zu, want %zu", ok ? "accepted to" : "refused at",
              end, cases[i].at);
    }
}

static void test_depth(void)
{
    char text[2004];
    size_t end = 0;
    if (!check_case("JSON: depth"))
        return;
    memset(text, '[', 1001);
    memset(text + 1001, ']', 1001);
    CHECK(elcl_json_scan(text + 1, 2000, &end) && end == 2000, "1000 lists: byte %zu", end);
    CHECK(parses(text + 1, 2000), "cJSON refuses 1000 lists");
    CHECK(!elcl_json_scan(text, 2002, &end), "1001 lists");
    CHECK(!elcl_json_scan(text, 1000, &end) && end == 1000, "lists without an end: byte %zu", end);
}

/* Fixed mutations: bytes that mean something to the grammar, cuts and repetitions. */
static void test_mutations(void)
{
    static const char seed[] = " {\"a\\u00e9\": [1, -2.5e-3, {\"b\": null}, \"\\ud83d\\ude00\"],"
                               " \"c\": true, \"d\": [], \"e\": {}} ";
    static const char bytes[] = "\"\\{}[],:0123456789+-.eEu \t\n\x01truefalsn\xc3\xa9";
    int accepted = 0;
    if (!check_case("JSON: what is accepted, cJSON accepts"))
        return;
    for (int i = 0; i < 50000; i++) {
        char text[sizeof(seed)];
        memcpy(text, seed, sizeof(seed));
        const size_t first = check_int(0, 3) ? 0 : (size_t)check_int(0, sizeof(seed) - 2);
        const size_t n = (size_t)check_int((int)first, sizeof(seed) - 1) - first;
        for (int k = check_int(0, 3); k > 0; k--)
            text[check_int(0, sizeof(seed) - 2)] = bytes[check_int(0, sizeof(bytes) - 2)];
        size_t end = 0;
        if (!elcl_json_scan(text + first, n, &end))
            continue;
        accepted++;
        if (!CHECK(parses(text + first, end), "cJSON refuses %.*s", (int)end, text + first))
            break;
    }
    CHECK(accepted > 1000, "only %d texts were accepted", accepted);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_good();
    test_bad();
    test_depth();
    test_mutations();
    return check_end();
}
