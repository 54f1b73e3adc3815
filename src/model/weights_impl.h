/* Shared by weights.c and weights_attention.c. All functions that can fail write loader->err. */
#ifndef ELCL_MODEL_WEIGHTS_IMPL_H
#define ELCL_MODEL_WEIGHTS_IMPL_H

#include "model/weights.h"

/* The host side of a linear map: element (n, k) of the weight is element at + n * n_stride + k *
 * k_stride of its tensor; the bias is the n elements from `at` on. */
struct elcl_projection {
    const struct elcl_tensors *tensors; /* of the weight, which is loaded only if it must be */
    const struct elcl_tensor *weight, *bias;
    bool has_bias;
    int n, k;
    size_t at, n_stride, k_stride;
};

/* Finds `prefix``role`.weight [n, k] and reads .bias [n]. When planning, neither is there. */
int elcl_projection_find(const struct elcl_loader *loader, const char *prefix, const char *role,
                         int n, int k, struct elcl_projection *projection);
/* The same for `n` columns from `at` on of a weight that is stored as [k, columns]. */
int elcl_projection_find_conv1d(const struct elcl_loader *loader, const char *prefix,
                                const char *role, int columns, int at, int n, int k,
                                struct elcl_projection *projection);
/* Reads the weight to the host. */
int elcl_projection_load_weight(const struct elcl_loader *loader,
                                const struct elcl_projection *projection);
/* The projection must outlive the source, which has no data when planning. */
struct elcl_matrix_source elcl_projection_source(const struct elcl_projection *projection);
/* Uploads up to 3 projections of the same input, stacked into one. */
int elcl_projections_load(struct elcl_loader *loader, const struct elcl_projection *parts,
                          int n_parts, struct elcl_linear *linear);

/* Creates a device matrix, of which a plan has only the size. */
int elcl_load_matrix(struct elcl_loader *loader, const char *label, int batch, int n, int k,
                     const struct elcl_matrix_source *sources, int n_sources,
                     struct elcl_matrix *matrix);
/* Creates a device buffer of n values. Not when planning; elcl_loader.bytes stays. */
int elcl_load_upload(struct elcl_loader *loader, const char *label, const float *values, size_t n,
                     struct elcl_buffer *buffer);
/* Converts n elements of a loaded tensor from element `at` on. */
void elcl_load_f32_part(const struct elcl_tensor *tensor, size_t at, size_t n, float *out);
/* Frees what was read to the host, since everything required is on the device; returns rc. */
int elcl_load_done(const struct elcl_loader *loader, int rc);

/* weights_content.c: adds name, form and content of a tensor to loader->content. */
int elcl_load_content(const struct elcl_loader *loader, const struct elcl_tensor *t);

#endif
