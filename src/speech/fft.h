/* The Fourier transform of Whisper's features: 400 points, several signals side by side. */
#ifndef ELCL_SPEECH_FFT_H
#define ELCL_SPEECH_FFT_H

#define ELCL_FFT_POINTS 400
#define ELCL_FFT_BINS (ELCL_FFT_POINTS / 2 + 1) /* of a real signal */
#define ELCL_FFT_LANES 4                        /* transforms at a time, for vector instructions */
#define ELCL_FFT_SIGNALS (2 * ELCL_FFT_LANES)   /* real signals: two in one transform */

struct elcl_fft_table {
    double cosine[ELCL_FFT_POINTS]; /* of 2 pi i / 400 */
    double sine[ELCL_FFT_POINTS];
};
void elcl_fft_init(struct elcl_fft_table *table);

struct elcl_fft {
    double re[ELCL_FFT_POINTS][ELCL_FFT_LANES];
    double im[ELCL_FFT_POINTS][ELCL_FFT_LANES];
};
/* Transforms in place; `work` is overwritten. */
void elcl_fft_run(const struct elcl_fft_table *table, struct elcl_fft *signals,
                  struct elcl_fft *work);

/* Powers of the real signals after elcl_fft_run(): lane l had signal 2 l in its real part, and
 * 2 l + 1 in its imaginary part. */
void elcl_fft_powers(const struct elcl_fft *spectra,
                     double powers[ELCL_FFT_BINS][ELCL_FFT_SIGNALS]);

#endif
