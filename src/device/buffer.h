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

/* Creates a buffer of `bytes` (> 0) zero bytes: filling it makes a shortage show here, not at the
 * first use. ELCL_E_DEVICE_NOMEM when the device, its single-buffer limit or the memory limit is
 * exceeded; the message gives label, bytes and the limit. Blocks. */
int elcl_buffer_create(struct elcl_device *device, const char *label, size_t bytes,
                       struct elcl_buffer *buffer, elcl_error *err);
/* The same with what make(user, memory) puts into `memory` [bytes], whose contents are undefined
 * before: the buffer's own where device and host share memory, else the host's on its way there. */
int elcl_buffer_create_computed(struct elcl_device *device, const char *label, size_t bytes,
                                void (*make)(void *user, void *memory), void *user,
                                struct elcl_buffer *buffer, elcl_error *err);
void elcl_buffer_destroy(struct elcl_buffer *buffer); /* leaves {0} */

/* Copy between host and device on the device's own queue; ranges are checked. They block until
 * done: what is written is there for commands that any queue gets afterwards. */
int elcl_buffer_write(struct elcl_buffer *buffer, size_t offset, const void *data, size_t bytes,
                      elcl_error *err);
int elcl_buffer_read(const struct elcl_buffer *buffer, size_t offset, void *data, size_t bytes,
                     elcl_error *err);

#endif
