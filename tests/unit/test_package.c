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
    char *cache = elcl_path_join(check_temporary_directory(), "cache");
    if (cache)
        setenv("ELCL_CACHE_DIR", cache, 1);
    elcl_free(cache);
    test_inflate();
    test_archive();
    test_refused();
    test_names();
    test_directory();
    return check_end();
}
