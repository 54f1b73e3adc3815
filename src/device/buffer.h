/* Device buffers: every byte is labeled and counted. */
#ifndef ELCL_DEVICE_BUFFER_H
#define ELCL_DEVICE_BUFFER_H

#include "device/device.h"

/* {0} is a valid empty buffer. */
struct elcl_buffer {
    cl_mem mem;
    size_t bytes;
    struct elcl_device *device;
    const char *label; /* a literal */
};

/* Creates a buffer of `bytes` (> 0) zero bytes and blocks until it is filled: drivers allocate
 * lazily, and a shortage must show here, not at the first use. Fails with ELCL_E_DEVICE_NOMEM when
 * the buffer exceeds the device's memory, its limit for one buffer, or the memory limit; the
 * message has the label, the bytes and the limit. */
int elcl_buffer_create(struct elcl_device *device, const char *label, size_t bytes,
                       struct elcl_buffer *buffer, elcl_error *err);
/* Creates a buffer whose contents compute(user, memory) writes to `memory` [bytes], which is not
 * initialized. If device and host share memory, that is the buffer itself, else host memory that is
 * then copied. */
int elcl_buffer_create_computed(struct elcl_device *device, const char *label, size_t bytes,
                                void (*compute)(void *user, void *memory), void *user,
                                struct elcl_buffer *buffer, elcl_error *err);
void elcl_buffer_destroy(struct elcl_buffer *buffer); /* leaves {0} */

/* Copy between host and device on the device's queue, and check the range. They block until done:
 * commands that any queue gets later see the data. */
int elcl_buffer_write(struct elcl_buffer *buffer, size_t offset, const void *data, size_t bytes,
                      elcl_error *err);
int elcl_buffer_read(const struct elcl_buffer *buffer, size_t offset, void *data, size_t bytes,
                     elcl_error *err);

#endif
