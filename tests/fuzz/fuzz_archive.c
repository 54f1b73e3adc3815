/* Input: a zip archive with deflated entries, as a package of argostranslate. */
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "format/inflate.h"
#include "format/zip.h"
#include "fuzz.h"

enum { MOST_BYTES = 1 << 20 };

static void unpack(const struct elcl_zip_entry *entry, const char *data)
{
    elcl_error err = {0};
    if (!entry->deflated || entry->size > MOST_BYTES)
        return;
    char *out = elcl_calloc(entry->size, 1);
    if (!out)
        abort();
    const int rc = elcl_inflate(data + entry->at, entry->bytes, "input", out, entry->size, &err);
    fuzz_check_error(rc, &err);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *copy = fuzz_copy(data, n);
    struct elcl_zip zip = {0};
    elcl_error err = {0};
    const struct elcl_file file = elcl_file_of(copy, n, "input");
    const int rc = elcl_zip_open_deflated(&file, &zip, &err);
    fuzz_check_error(rc, &err);
    for (size_t i = 0; !rc && i < zip.n; i++) {
        const struct elcl_zip_entry *entry = &zip.entries[i];
        FUZZ_REQUIRE(entry->at <= n && entry->bytes <= n - entry->at);
        FUZZ_REQUIRE(elcl_zip_find(&zip, entry->name, entry->n_name) != NULL);
        unpack(entry, copy);
    }
    elcl_zip_finish(&zip);
    free(copy);
    return 0;
}
