/* Buffers: content, ranges, accounting, limits. */
#include "tests.h"

#include <stdlib.h>
#include <string.h>

#include "device/buffer.h"

static void test_buffer_data(struct elcl_device *device)
{
    static const size_t sizes[] = {1, 3, 16, 17, 4096, 100003};
    if (!check_case("buffer: zeros, write, read"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(sizes); i++) {
        const size_t n = sizes[i];
        struct elcl_buffer buffer = {0};
        elcl_error err = {0};
        unsigned char *data = malloc(n);
        unsigned char *back = malloc(n);
        memset(back, 1, n);
        if (CHECK(data && back && !elcl_buffer_create(device, "test", n, &buffer, &err), "%s",
                  err.msg)) {
            size_t nonzero = 0;
            elcl_buffer_read(&buffer, 0, back, n, &err);
            for (size_t k = 0; k < n; k++)
                nonzero += back[k] != 0;
            CHECK(!err.code && nonzero == 0, "%zu of %zu are not zero %s", nonzero, n, err.msg);
            for (size_t k = 0; k < n; k++)
                data[k] = (unsigned char)check_random();
            const size_t half = n / 2;
            elcl_buffer_write(&buffer, half, data + half, n - half, &err);
            elcl_buffer_write(&buffer, 0, data, half, &err);
            elcl_buffer_read(&buffer, 0, back, n, &err);
            CHECK(!err.code && !memcmp(data, back, n), "%zu bytes differ %s", n, err.msg);
        }
        elcl_buffer_destroy(&buffer);
        free(data);
        free(back);
    }
}

struct bytes {
    const unsigned char *data;
    size_t n;
};

static void put_bytes(void *user, void *memory)
{
    const struct bytes *bytes = user;
    memcpy(memory, bytes->data, bytes->n);
}

/* Tests both paths, whether or not this device shares memory with the host. */
static void test_buffer_computed(struct elcl_device *device)
{
    static const size_t sizes[] = {1, 17, 100003};
    const int unified = device->desc.unified_memory;
    if (!check_case("buffer: computed"))
        return;
    for (size_t i = 0; i < 2 * ELCL_COUNT(sizes); i++) {
        const size_t n = sizes[i / 2];
        unsigned char data[100003], back[100003] = {0};
        struct bytes bytes = {data, n};
        struct elcl_buffer buffer = {0};
        elcl_error err = {0};
        for (size_t k = 0; k < n; k++)
            data[k] = (unsigned char)check_random();
        device->desc.unified_memory = i % 2;
        if (CHECK(!elcl_buffer_create_computed(device, "computed", n, put_bytes, &bytes, &buffer,
                                               &err),
                  "%s", err.msg))
            CHECK(!elcl_buffer_read(&buffer, 0, back, n, &err) && !memcmp(data, back, n),
                  "%zu bytes differ, in place %zu, %s", n, i % 2, err.msg);
        elcl_buffer_destroy(&buffer);
    }
    device->desc.unified_memory = unified;
}

static void test_buffer_ranges(struct elcl_device *device)
{
    if (!check_case("buffer: ranges"))
        return;
    struct elcl_buffer buffer = {0};
    char data[64] = {0};
    elcl_error err = {0};
    if (!CHECK(!elcl_buffer_create(device, "rows", 64, &buffer, &err), "%s", err.msg))
        return;
    CHECK(!elcl_buffer_write(&buffer, 64, data, 0, NULL), "nothing at the end is fine");
    CHECK(!elcl_buffer_read(&buffer, 63, data, 1, NULL), "the last byte");
    CHECK(elcl_buffer_write(&buffer, 1, data, 64, &err) == ELCL_E_ARG, "one byte too far");
    says(&err, ELCL_E_ARG, "rows", "64");
    err = (elcl_error){0};
    CHECK(elcl_buffer_read(&buffer, 65, data, 0, &err) == ELCL_E_ARG, "offset beyond the end");
    CHECK(elcl_buffer_read(&buffer, 1, data, SIZE_MAX, NULL) == ELCL_E_ARG, "overflow");
    CHECK(elcl_buffer_read(&buffer, SIZE_MAX, data, 2, NULL) == ELCL_E_ARG, "overflow");
    elcl_buffer_destroy(&buffer);
    CHECK(!buffer.mem && !buffer.bytes && !buffer.device, "not {0}");
    CHECK(!elcl_buffer_read(&buffer, 0, data, 0, NULL), "nothing of an empty buffer");
    CHECK(elcl_buffer_read(&buffer, 0, data, 1, NULL) == ELCL_E_ARG, "a byte of an empty buffer");
    elcl_buffer_destroy(&buffer);
    elcl_buffer_destroy(NULL);
    CHECK(elcl_buffer_create(device, "none", 0, &buffer, NULL) == ELCL_E_INTERNAL, "0 bytes");
}

static void test_buffer_accounting(const struct check_options *options)
{
    if (!check_case("buffer: accounting and limit"))
        return;
    const struct elcl_device_params params = {.device = options->device,
                                              .memory_limit_bytes = 1000000};
    struct elcl_device *device = open_device(&params);
    if (!device)
        return;
    struct elcl_buffer a = {0}, b = {0}, c = {0};
    elcl_error err = {0};
    CHECK(!elcl_buffer_create(device, "weights", 600000, &a, &err), "%s", err.msg);
    CHECK(!elcl_buffer_create(device, "state", 300000, &b, &err), "%s", err.msg);
    CHECK(atomic_load(&device->live_bytes) == 900000, "%llu", atomic_load(&device->live_bytes));
    CHECK(elcl_buffer_create(device, "logits", 100001, &c, &err) == ELCL_E_DEVICE_NOMEM && !c.mem,
          "one byte above the limit was given");
    says(&err, ELCL_E_DEVICE_NOMEM, "logits: 100001 bytes", "900000 of the limit of 1000000");
    CHECK(atomic_load(&device->live_bytes) == 900000, "%llu", atomic_load(&device->live_bytes));
    CHECK(!elcl_buffer_create(device, "logits", 100000, &c, NULL), "the limit itself");
    CHECK(atomic_load(&device->live_buffers) == 3, "%d", atomic_load(&device->live_buffers));
    elcl_buffer_destroy(&b);
    CHECK(atomic_load(&device->live_bytes) == 700000, "%llu", atomic_load(&device->live_bytes));
    CHECK(atomic_load(&device->peak_bytes) == 1000000, "%llu", atomic_load(&device->peak_bytes));
    elcl_buffer_destroy(&a);
    elcl_buffer_destroy(&c);
    close_device(&device);
}

static void test_buffer_single(const struct check_options *options)
{
    if (!check_case("buffer: single limit"))
        return;
    const struct elcl_device_params params = {.device = options->device,
                                              .memory_limit_bytes = UINT64_MAX};
    struct elcl_device *device = open_device(&params);
    if (!device)
        return;
    struct elcl_buffer buffer = {0};
    elcl_error err = {0};
    const size_t single = (size_t)device->desc.max_alloc_bytes;
    CHECK(elcl_buffer_create(device, "huge", single + 1, &buffer, &err) && !buffer.mem, "given");
    says(&err, ELCL_E_DEVICE_NOMEM, "huge", "one buffer");
    CHECK(elcl_buffer_create(device, "huge", SIZE_MAX, &buffer, NULL), "SIZE_MAX bytes were given");
    close_device(&device);
}

void test_buffers(struct elcl_device *device, const struct check_options *options)
{
    test_buffer_data(device);
    test_buffer_computed(device);
    test_buffer_ranges(device);
    test_buffer_accounting(options);
    test_buffer_single(options);
}
