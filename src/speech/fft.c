/*
 * Stockham's transform: each pass of radix r turns n points with stride s into r times as many
 * transforms of n / r points with stride r s, in order, from one array into the other. 400 = 4 4
 * 5 5. Loops over lanes are innermost, and compilers make vector instructions of them.
 */
#include "speech/fft.h"

#include <math.h>

#define LANES ELCL_FFT_LANES
#define POINTS ELCL_FFT_POINTS

void elcl_fft_init(struct elcl_fft_table *table)
{
    const double pi = 3.14159265358979323846;
    for (int i = 0; i < POINTS; i++) {
        table->cosine[i] = cos(2 * pi * i / POINTS);
        table->sine[i] = sin(2 * pi * i / POINTS);
    }
}

/* Stores value (re, im) times exp(-2 pi i turn / 400). */
static inline void put(const struct elcl_fft_table *table, int turn, double re, double im,
                       struct elcl_fft *to, int point, int lane)
{
    const double c = table->cosine[turn], s = table->sine[turn];
    to->re[point][lane] = re * c + im * s;
    to->im[point][lane] = im * c - re * s;
}

/* The four outputs of points a, b, c and d. */
static void pass_4(const struct elcl_fft_table *table, int n, int stride,
                   const struct elcl_fft *from, struct elcl_fft *to)
{
    const int m = n / 4;
    for (int p = 0; p < m; p++)
        for (int q = 0; q < stride; q++) {
            const int a = q + stride * p, step = stride * m, out = q + stride * 4 * p;
            for (int l = 0; l < LANES; l++) {
                const double sum_re = from->re[a][l] + from->re[a + 2 * step][l];
                const double sum_im = from->im[a][l] + from->im[a + 2 * step][l];
                const double dif_re = from->re[a][l] - from->re[a + 2 * step][l];
                const double dif_im = from->im[a][l] - from->im[a + 2 * step][l];
                const double odd_re = from->re[a + step][l] + from->re[a + 3 * step][l];
                const double odd_im = from->im[a + step][l] + from->im[a + 3 * step][l];
                const double alt_re = from->re[a + step][l] - from->re[a + 3 * step][l];
                const double alt_im = from->im[a + step][l] - from->im[a + 3 * step][l];
                const int turn = p * stride;
                put(table, 0, sum_re + odd_re, sum_im + odd_im, to, out, l);
                put(table, turn, dif_re + alt_im, dif_im - alt_re, to, out + stride, l);
                put(table, 2 * turn, sum_re - odd_re, sum_im - odd_im, to, out + 2 * stride, l);
                put(table, 3 * turn, dif_re - alt_im, dif_im + alt_re, to, out + 3 * stride, l);
            }
        }
}

/* The five outputs of points a to e: sums and differences of the pairs around the middle meet the
 * cosines and sines of a fifth and two fifths of a circle. */
static void pass_5(const struct elcl_fft_table *table, int n, int stride,
                   const struct elcl_fft *from, struct elcl_fft *to)
{
    const int m = n / 5;
    const double c1 = table->cosine[POINTS / 5], s1 = table->sine[POINTS / 5];
    const double c2 = table->cosine[2 * POINTS / 5], s2 = table->sine[2 * POINTS / 5];
    for (int p = 0; p < m; p++)
        for (int q = 0; q < stride; q++) {
            const int a = q + stride * p, step = stride * m, out = q + stride * 5 * p;
            for (int l = 0; l < LANES; l++) {
                const double a_re = from->re[a][l], a_im = from->im[a][l];
                const double be_re = from->re[a + step][l] + from->re[a + 4 * step][l];
                const double be_im = from->im[a + step][l] + from->im[a + 4 * step][l];
                const double b_e_re = from->re[a + step][l] - from->re[a + 4 * step][l];
                const double b_e_im = from->im[a + step][l] - from->im[a + 4 * step][l];
                const double cd_re = from->re[a + 2 * step][l] + from->re[a + 3 * step][l];
                const double cd_im = from->im[a + 2 * step][l] + from->im[a + 3 * step][l];
                const double c_d_re = from->re[a + 2 * step][l] - from->re[a + 3 * step][l];
                const double c_d_im = from->im[a + 2 * step][l] - from->im[a + 3 * step][l];
                const double x1_re = a_re + c1 * be_re + c2 * cd_re;
                const double x1_im = a_im + c1 * be_im + c2 * cd_im;
                const double x2_re = a_re + c2 * be_re + c1 * cd_re;
                const double x2_im = a_im + c2 * be_im + c1 * cd_im;
                const double y1_re = s1 * b_e_re + s2 * c_d_re, y1_im = s1 * b_e_im + s2 * c_d_im;
                const double y2_re = s2 * b_e_re - s1 * c_d_re, y2_im = s2 * b_e_im - s1 * c_d_im;
                const int turn = p * stride;
                put(table, 0, a_re + be_re + cd_re, a_im + be_im + cd_im, to, out, l);
                put(table, turn, x1_re + y1_im, x1_im - y1_re, to, out + stride, l);
                put(table, 2 * turn, x2_re + y2_im, x2_im - y2_re, to, out + 2 * stride, l);
                put(table, 3 * turn, x2_re - y2_im, x2_im + y2_re, to, out + 3 * stride, l);
                put(table, 4 * turn, x1_re - y1_im, x1_im + y1_re, to, out + 4 * stride, l);
            }
        }
}

void elcl_fft_run(const struct elcl_fft_table *table, struct elcl_fft *signals,
                  struct elcl_fft *work)
{
    pass_4(table, 400, 1, signals, work);
    pass_4(table, 100, 4, work, signals);
    pass_5(table, 25, 16, signals, work);
    pass_5(table, 5, 80, work, signals);
}

/* With z = x + i y: the transforms are X = (Z[k] + conj Z[-k]) / 2 and Y = (Z[k] - conj Z[-k]) /
 * 2i.
 */
void elcl_fft_powers(const struct elcl_fft *z, double powers[ELCL_FFT_BINS][ELCL_FFT_SIGNALS])
{
    for (int k = 0; k < ELCL_FFT_BINS; k++) {
        const int minus = (POINTS - k) % POINTS;
        for (int l = 0; l < LANES; l++) {
            const double x_re = z->re[k][l] + z->re[minus][l];
            const double x_im = z->im[k][l] - z->im[minus][l];
            const double y_re = z->im[k][l] + z->im[minus][l];
            const double y_im = z->re[k][l] - z->re[minus][l];
            powers[k][2 * l] = (x_re * x_re + x_im * x_im) / 4;
            powers[k][2 * l + 1] = (y_re * y_re + y_im * y_im) / 4;
        }
    }
}
