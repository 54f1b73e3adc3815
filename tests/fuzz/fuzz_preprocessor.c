/* Input: preprocessor_config.json. */
#include <stdlib.h>

#include "fuzz.h"
#include "speech/mel.h"
#include "speech/preprocessor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = fuzz_copy(data, n);
    struct elcl_preprocessor p = {0};
    elcl_error err = {0};
    const int rc = elcl_preprocessor_parse(text, n, "preprocessor_config.json", &p, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(rc != ELCL_E_NOMEM);
    FUZZ_REQUIRE(rc || (p.mels >= 1 && p.mels <= ELCL_MAX_MELS && p.window_frames >= 100));
    free(text);
    return 0;
}
