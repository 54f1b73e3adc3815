/* Input: a byte that chooses whether part of a file is welcome, then a sound file. */
#include <math.h>
#include <stdlib.h>

#include "elcl/speech.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const elcl_sound_params params = {.max_seconds = 5,
                                      .allow_partial = fuzz_choice(&data, &n) & 1};
    char *copy = fuzz_copy(data, n);
    elcl_sound *sound = NULL;
    elcl_error err = {0};
    const int rc = elcl_sound_read_memory(copy, n, "sound", &params, &sound, &err);
    fuzz_check_error(rc, &err);
    FUZZ_REQUIRE(!rc == (sound != NULL));
    if (sound) {
        elcl_sound_info info;
        elcl_sound_get_info(sound, &info);
        FUZZ_REQUIRE(info.n_samples && info.seconds < 5.1 && info.rate > 0 && info.channels > 0);
        FUZZ_REQUIRE(params.allow_partial || !info.partial);
        for (size_t i = 0; i < info.n_samples; i++)
            FUZZ_REQUIRE(isfinite(info.samples[i]));
    }
    elcl_sound_destroy(&sound);
    free(copy);
    return 0;
}
