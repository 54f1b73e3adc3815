/* Input: the body of a request for a transcript, a form with the boundary "b". */
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "serve/audio_request.h"

static void check_text(const char *text)
{
    if (text)
        FUZZ_REQUIRE(*text && elcl_utf8_check(text, strlen(text)) == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *body = (const char *)data;
    const bool translate = n % 2 != 0;
    struct cli_audio_request r;
    elcl_error err = {0};
    char param[64];
    const int rc = cli_audio_parse(body, n, "b", translate, &r, param, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(memchr(param, 0, sizeof(param)) != NULL);
    if (rc) {
        FUZZ_REQUIRE(!r.form.n && !r.file && !r.model);
        return 0;
    }
    FUZZ_REQUIRE(r.file->n && r.file->bytes > body && r.file->bytes + r.file->n < body + n);
    FUZZ_REQUIRE(r.form.n <= CLI_MAX_PARTS && (!translate || !r.language));
    FUZZ_REQUIRE(r.temperature >= 0 && r.temperature <= 1);
    check_text(r.model);
    check_text(r.language);
    check_text(r.prompt);
    cli_audio_finish(&r);
    return 0;
}
