#include "speech/mel.h"

#include <math.h>

/* Slaney's scale is linear up to 1 kHz (mel 15) and logarithmic above: 27 mel are a factor of 6.4.
 */
static double mel_of(double hertz)
{
    return hertz < 1000 ? hertz * 3 / 200 : 15 + 27 * log(hertz / 1000) / log(6.4);
}

static double hertz_of(double mel)
{
    return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

/* Between low and high a triangle with its top at `middle` and an area of 1. */
static double triangle(double low, double middle, double high, double hertz)
{
    const double rise = (hertz - low) / (middle - low);
    const double fall = (high - hertz) / (high - middle);
    return fmax(0, fmin(rise, fall)) * 2 / (high - low);
}

void elcl_mel_init(struct elcl_mel *mel, int n)
{
    const double bin_hertz = 16000.0 / ELCL_FFT_POINTS, top = mel_of(8000);
    int at = 0;
    mel->n_filters = n;
    for (int i = 0; i < n; i++) {
        const double low = hertz_of(top * i / (n + 1)), middle = hertz_of(top * (i + 1) / (n + 1));
        const double high = hertz_of(top * (i + 2) / (n + 1));
        struct elcl_mel_filter filter = {.at = at};
        for (int bin = 0; bin < ELCL_FFT_BINS; bin++) {
            const double weight = triangle(low, middle, high, bin * bin_hertz);
            if (!(weight > 0))
                continue;
            if (!filter.n++)
                filter.first = bin;
            mel->weights[at++] = weight;
        }
        mel->filters[i] = filter;
    }
}
