/* Whether a matrix instruction multiplies right: probe_mma.cl on one tile. */
#include "device/mma.h"

#include "base/half.h"
#include "base/util.h"
#include "device/buffer.h"
#include "device/program.h"

/* Buffers of probe_mma.cl: small whole numbers, which every sum of products holds exactly. */
struct tile {
    float a[16][16], b[16][8], c[16][8];
    uint32_t a_pairs[16][8], b_pairs[8][8];
};

static uint32_t bf16_pair(float lo, float hi)
{
    return elcl_f32_to_bf16(lo) | (uint32_t)elcl_f32_to_bf16(hi) << 16;
}

static void fill_tile(struct tile *tile)
{
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++)
            tile->a[i][k] = (float)((7 * i + 5 * k) % 17 - 8);
    for (int k = 0; k < 16; k++)
        for (int j = 0; j < 8; j++)
            tile->b[k][j] = (float)((3 * k + 11 * j) % 13 - 6);
    for (int i = 0; i < 16; i++)
        for (int p = 0; p < 8; p++)
            tile->a_pairs[i][p] = bf16_pair(tile->a[i][2 * p], tile->a[i][2 * p + 1]);
    for (int j = 0; j < 8; j++)
        for (int p = 0; p < 8; p++)
            tile->b_pairs[j][p] = bf16_pair(tile->b[2 * p][j], tile->b[2 * p + 1][j]);
}

static bool tile_is_right(const struct tile *tile)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            float sum = 1;
            for (int k = 0; k < 16; k++)
                sum += tile->a[i][k] * tile->b[k][j];
            if (tile->c[i][j] != sum)
                return false;
        }
    return true;
}

static bool multiply_tile(struct elcl_device *device, cl_kernel kernel, struct tile *tile)
{
    struct elcl_buffer c = {0}, a = {0}, b = {0};
    const size_t items = 128, scratch = 4 * 192 * sizeof(float);
    const bool ok =
        !elcl_buffer_create(device, "probe output", sizeof(tile->c), &c, NULL) &&
        !elcl_buffer_create(device, "probe input", sizeof(tile->a_pairs), &a, NULL) &&
        !elcl_buffer_create(device, "probe input", sizeof(tile->b_pairs), &b, NULL) &&
        !elcl_buffer_write(&a, 0, tile->a_pairs, sizeof(tile->a_pairs), NULL) &&
        !elcl_buffer_write(&b, 0, tile->b_pairs, sizeof(tile->b_pairs), NULL) &&
        !clSetKernelArg(kernel, 0, sizeof(cl_mem), &c.mem) &&
        !clSetKernelArg(kernel, 1, sizeof(cl_mem), &a.mem) &&
        !clSetKernelArg(kernel, 2, sizeof(cl_mem), &b.mem) &&
        !clSetKernelArg(kernel, 3, scratch, NULL) &&
        !clEnqueueNDRangeKernel(device->queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL) &&
        !clFinish(device->queue) && !elcl_buffer_read(&c, 0, tile->c, sizeof(tile->c), NULL);
    elcl_buffer_destroy(&b);
    elcl_buffer_destroy(&a);
    elcl_buffer_destroy(&c);
    return ok;
}

bool elcl_probe_mma(struct elcl_device *device, const char *mac_file)
{
    const char *const files[] = {mac_file, "probe_mma.cl"};
    struct tile tile = {0};
    cl_program program = NULL;
    cl_kernel kernel = NULL;
    cl_int code = CL_SUCCESS;
    fill_tile(&tile);
    if (!elcl_program_build(device, files, (int)ELCL_COUNT(files), NULL, &program, NULL))
        kernel = clCreateKernel(program, "probe_mma", &code);
    const bool right =
        kernel && !code && multiply_tile(device, kernel, &tile) && tile_is_right(&tile);
    if (kernel)
        clReleaseKernel(kernel);
    if (program)
        clReleaseProgram(program);
    return right;
}
