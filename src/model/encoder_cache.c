#include "model/encoder_cache.h"

#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "base/util.h"

#define VERSION 1 /* goes up when the host's code changes what the encoder makes */
#define DEFAULT_BYTES (UINT64_C(4) << 30)

int elcl_encoder_cache_check(const elcl_model_params *params, elcl_error *err)
{
    return params->encoder_cache_bytes && params->encoder_cache_bytes < ELCL_DISK_CACHE_LEAST
               ? elcl_fail(err, ELCL_E_ARG,
                           "encoder_cache_bytes is %" PRIu64 ", must be 0 or at least %" PRIu64
                           " (1 MiB)",
                           params->encoder_cache_bytes, ELCL_DISK_CACHE_LEAST)
               : ELCL_OK;
}

/* Adds text and options of a program. */
static int hash_program(const struct elcl_model *m, const struct elcl_ops_params *params,
                        uint64_t *hash, elcl_error *err)
{
    struct elcl_str text = {0}, options = {0};
    const int rc = elcl_ops_program_text(m->device, &m->features, params, &text, &options, err);
    if (!rc) {
        *hash = elcl_hash_large(*hash, text.data, text.n);
        *hash = elcl_hash_string(*hash, options.data);
    }
    elcl_str_finish(&text);
    elcl_str_finish(&options);
    return rc;
}

/* Adds the kernels: their text, and what the host chooses among them. int4 weights have a program
 * beside that of all other kernels. */
static int hash_kernels(const struct elcl_model *m, const struct elcl_ops_params *params,
                        uint64_t *hash, elcl_error *err)
{
    const struct elcl_ops *ops = m->ops;
    const uint64_t numbers[] = {ops->gemm,        (uint64_t)ops->clblast_rows,
                                ops->gemm_mma,    ops->int8_mma,
                                ops->wide_packed, ops->wide,
                                ops->dot,         ops->weights,
                                ops->activations, (uint64_t)ops->tile_rows,
                                ops->kernels,     (uint64_t)ops->panel};
    struct elcl_ops_params table = *params;
    table.weights = elcl_table_storage(params->weights);
    *hash = elcl_hash(*hash, numbers, sizeof(numbers));
    const int rc = hash_program(m, params, hash, err);
    return rc || table.weights == params->weights ? rc : hash_program(m, &table, hash, err);
}

/* Adds everything besides the weights that decides a bit of the output: the configuration, the
 * kernels, the device that runs them, and the form in which rows are stored. */
static int hash_context(const struct elcl_model *m, const struct elcl_ops_params *params,
                        uint64_t *hash, elcl_error *err)
{
    const elcl_device_desc *d = &m->device->desc;
    const uint64_t numbers[] = {VERSION, m->device->processor,
                                elcl_stored_type(m->attention, m->ops),
                                elcl_stored_row_bytes(&m->arch, m->attention, m->ops)};
    const char *const names[] = {d->name,     d->version, d->driver,
                                 d->platform, d->vendor,  ELCL_VERSION};
    *hash = elcl_hash(*hash, numbers, sizeof(numbers));
    for (size_t i = 0; i < ELCL_COUNT(names); i++)
        *hash = elcl_hash_string(*hash, names[i]);
    return elcl_config_hash(&m->config, hash) ? hash_kernels(m, params, hash, err)
                                              : elcl_fail_nomem(err);
}

void elcl_encoder_cache_open(struct elcl_model *m, const elcl_model_params *params,
                             const struct elcl_ops_params *ops, uint64_t weights)
{
    elcl_error why = {0};
    uint64_t context = weights;
    if (!params->encoder_cache)
        return;
    if (m->arch.decoder_only) {
        elcl_device_log(m->device, ELCL_LOG_WARNING,
                        "the encoder cache has no effect: %s has no encoder",
                        m->family->model_type);
        return;
    }
    int rc = hash_context(m, ops, &context, &why);
    const struct elcl_disk_cache_params cache = {
        .directory = params->encoder_cache,
        .max_bytes = params->encoder_cache_bytes ? params->encoder_cache_bytes : DEFAULT_BYTES,
        .context = context,
        .log = m->device->log,
        .log_user = m->device->log_user};
    if (!rc)
        rc = elcl_disk_cache_open(&cache, &m->encoder_cache, &why);
    if (rc)
        elcl_device_log(m->device, ELCL_LOG_WARNING, "no encoder cache: %s", why.msg);
}

void elcl_encoder_cache_close(struct elcl_model *m)
{
    struct elcl_disk_cache_stats stats;
    if (!m->encoder_cache)
        return;
    elcl_disk_cache_flush(m->encoder_cache);
    elcl_disk_cache_get_stats(m->encoder_cache, &stats);
    elcl_device_log(m->device, ELCL_LOG_INFO,
                    "encoder cache: %" PRIu64 " sources were there, %" PRIu64 " are new, %" PRIu64
                    " bytes written",
                    stats.found, stats.added, stats.stored_bytes);
    elcl_disk_cache_close(&m->encoder_cache);
}

struct elcl_pack_key elcl_encoder_cache_key(enum elcl_source_kind kind, const void *source,
                                            size_t bytes)
{
    struct elcl_sha256 sha;
    struct elcl_pack_key key;
    unsigned char digest[ELCL_SHA256_BYTES];
    const unsigned char what = (unsigned char)kind;
    elcl_sha256_init(&sha);
    elcl_sha256_add(&sha, &what, sizeof(what));
    elcl_sha256_add(&sha, source, bytes);
    elcl_sha256_end(&sha, digest);
    memcpy(key.bytes, digest, sizeof(key.bytes));
    return key;
}
