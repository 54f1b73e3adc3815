/* Packages of argostranslate: deflated data, archives that are unpacked, directories. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/os.h"
#include "base/util.h"
#include "check.h"
#include "files.h"
#include "format/inflate.h"
#include "format/package.h"

/* Skips the case if zlib cannot be had. */
static bool is_without_zlib(int rc, const elcl_error *err)
{
    const bool is = rc == ELCL_E_UNSUPPORTED && strstr(err->msg, "-Dzlib=enabled");
    if (is)
        check_skip("built without zlib");
    return is;
}

static void test_inflate(void)
{
    static const char data[] = "KLJN\x04\xa3\x14"; /* with its last zero byte: the fixed code */
    char out[16];
    elcl_error err = {0};
    check_case("deflated data");
    int rc = elcl_inflate(data, sizeof(data), "f", out, 10, &err);
    if (is_without_zlib(rc, &err))
        return;
    CHECK(!rc && !memcmp(out, "abcabcabcd", 10), "%s", err.msg);
    for (size_t n = 0; n < sizeof(data); n++) {
        err = (elcl_error){0};
        CHECK(elcl_inflate(data, n, "f", out, 10, &err) == ELCL_E_FORMAT, "%zu bytes", n);
    }
    for (size_t size = 9; size <= 11; size += 2) {
        err = (elcl_error){0};
        check_failure("size", elcl_inflate(data, sizeof(data), "f", out, size, &err), &err,
                      ELCL_E_FORMAT, "f: its compressed data is damaged");
    }
}

static void check_same(const char *directory, const char *name, const char *golden)
{
    char path[1024], *data = NULL;
    size_t n = 0, n_want = 0;
    elcl_error err = {0};
    char *want = read_golden_file(golden, &n_want);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (CHECK(!elcl_read_file(path, 1 << 20, &data, &n, &err), "%s", err.msg))
        CHECK(want && n == n_want && !memcmp(data, want, n), "%s: other bytes", name);
    elcl_free(data);
    elcl_free(want);
}

static void test_archive(void)
{
    if (!check_case("an archive is unpacked once"))
        return;
    char path[512], *model = NULL, *again = NULL, *inside = NULL;
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/tests/golden/ct2-argos.argosmodel", check_root());
    const int rc = elcl_package_open(path, &model, &err);
    if (is_without_zlib(rc, &err) || !CHECK(!rc, "%s", err.msg))
        return;
    check_same(model, "../sentencepiece.model", "tests/golden/ct2-opennmt/sentencepiece.model");
    check_same(model, "shared_vocabulary.json", "tests/golden/ct2-opennmt/shared_vocabulary.json");
    char *stanza = elcl_path_join(model, "../stanza");
    CHECK(stanza && !elcl_is_directory(stanza), "other files stay in the archive");
    CHECK(!elcl_package_open(path, &again, &err) && !strcmp(model, again), "another directory");
    /* The unpacked package is one itself. */
    model[strlen(model) - strlen("/model")] = '\0';
    CHECK(!elcl_package_open(model, &inside, &err) && !strcmp(inside, again), "%s",
          inside ? inside : err.msg);
    elcl_free(stanza);
    elcl_free(model);
    elcl_free(again);
    elcl_free(inside);
}

/* Opens the archive with n bytes at `at` changed to those of `bytes`. */
static void open_changed(const char *find, const char *replace, const char *message)
{
    size_t n = 0;
    char *data = read_golden_file("tests/golden/ct2-argos.argosmodel", &n), *directory = NULL;
    elcl_error err = {0};
    const size_t length = strlen(find);
    for (size_t i = 0; data && i + length <= n; i++)
        if (!memcmp(data + i, find, length))
            memcpy(data + i, replace, length);
    write_file("changed.argosmodel", data, n);
    char *path = elcl_path_join(check_temporary_directory(), "changed.argosmodel");
    const int rc = elcl_package_open(path, &directory, &err);
    if (message)
        check_failure(find, rc, &err, ELCL_E_FORMAT, message);
    else if (!is_without_zlib(rc, &err))
        CHECK(!rc, "%s", err.msg);
    elcl_free(directory);
    elcl_free(path);
    elcl_free(data);
}

static void test_refused(void)
{
    if (!check_case("archives that are refused"))
        return;
    open_changed("model.bin", "Model.bin", "is an archive without model/model.bin");
    open_changed("PK\5\6", "PK\5\7", "not a whole zip archive");
}

/* Names that lead out of the folder are left in the archive. */
static void test_names(void)
{
    if (!check_case("names outside the package"))
        return;
    open_changed("model/config.json", "model/../fig.json", NULL);
    open_changed("sentencepiece.model", "../../../../a.model", NULL);
    char *cache = elcl_cache_directory();
    char *outside = cache ? elcl_path_join(cache, "../a.model") : NULL;
    CHECK(outside && !elcl_is_file(outside), "written outside");
    elcl_free(outside);
    elcl_free(cache);
}

/* ---- languages ------------------------------------------------------------------------------- */

/* Writes a file of a model and reads its languages. */
static int read_direction(const char *file, const char *json, elcl_direction *d, elcl_error *err)
{
    char path[128];
    directory("direction");
    directory("direction/model");
    snprintf(path, sizeof(path), "direction/model/%s", file);
    write_text(path, json);
    *d = (elcl_direction){.source = "before"};
    return elcl_direction_read(temporary_path("direction/model"), d, err);
}

static void test_direction(void)
{
    static const struct {
        const char *file, *json, *source, *target;
    } cases[] = {
        {"config.json", "{}", "", ""},
        {"tokenizer_config.json", "{\"source_lang\": \"en\"}", "", ""},
        {"tokenizer_config.json", "{\"source_lang\": \"en\", \"target_lang\": \"ROMANCE\"}", "en",
         "ROMANCE"},
        {"config.json", "{\"langs\": [\"de\"]}", "en", "ROMANCE"},
        {"config.json", "{\"langs\": [\"de\", \"fr\"]}", "de", "fr"},
        {"../metadata.json", "{\"from_code\": \"a\", \"to_code\": \"b\"}", "a", "b"},
    };
    elcl_direction d;
    elcl_error err = {0};
    if (!check_case("languages that files name"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        CHECK(!read_direction(cases[i].file, cases[i].json, &d, &err), "%s", err.msg);
        CHECK(!strcmp(d.source, cases[i].source) && !strcmp(d.target, cases[i].target), "%s-%s",
              d.source, d.target);
    }
    check_failure(
        "a number",
        read_direction("../metadata.json", "{\"from_code\": 1, \"to_code\": \"b\"}", &d, &err),
        &err, ELCL_E_FORMAT, "metadata.json: from_code: expected a short string, found 1");
    CHECK(!strcmp(d.source, "before"), "changed after an error");
}

static void test_package_direction(void)
{
    char path[512];
    elcl_direction d;
    elcl_error err = {0};
    if (!check_case("languages of a package"))
        return;
    snprintf(path, sizeof(path), "%s/tests/golden/ct2-argos.argosmodel", check_root());
    const int rc = elcl_direction_read(path, &d, &err);
    if (is_without_zlib(rc, &err) || !CHECK(!rc, "%s", err.msg))
        return;
    CHECK(!strcmp(d.source, "en") && !strcmp(d.target, "xx") && !strcmp(d.source_name, "English") &&
              !strcmp(d.target_name, "None"),
          "%s %s %s %s", d.source, d.target, d.source_name, d.target_name);
}

/* Another user could have put a model there. */
static void test_directory(void)
{
    char *cache = elcl_cache_directory(), *model = NULL, path[512];
    elcl_error err = {0};
    if (!check_case("a cache directory that others may write to"))
        return;
    snprintf(path, sizeof(path), "%s/tests/golden/ct2-argos.argosmodel", check_root());
    CHECK(cache && !elcl_make_directories(cache, 0777, &err) && !chmod(cache, 0777), "%s", err.msg);
    check_failure(path, elcl_package_open(path, &model, &err), &err, ELCL_E_IO,
                  "other users may write to it");
    CHECK(cache && !chmod(cache, 0700), "chmod");
    elcl_free(cache);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    check_own_cache();
    test_inflate();
    test_archive();
    test_refused();
    test_names();
    test_direction();
    test_package_direction();
    test_directory();
    return check_end();
}
