/* Shared by the device tests. */
#ifndef ELCL_TESTS_DEVICE_TESTS_H
#define ELCL_TESTS_DEVICE_TESTS_H

#include "base/util.h"
#include "check.h"
#include "device/list.h"
#include "probe/probe.h"

/* Checks that err has the code, and a message with both parts. */
bool says(const elcl_error *err, int code, const char *a, const char *b);

/* The memory of collect_log(); the caller finishes `text`. */
struct log {
    int lines;
    struct elcl_str text;
};
void collect_log(void *user, enum elcl_log_level level, const char *line);

/* Returns NULL after a failed check. */
struct elcl_device *open_device(const struct elcl_device_params *params);
/* Checks that no buffer is left. */
void close_device(struct elcl_device **device);

/* Points ELCL_CACHE_DIR to a new directory, and returns it. */
const char *fresh_cache(void);
size_t count_files(const char *directory);
/* Returns the path of the only file, freed by the caller, or NULL if there is not exactly one. */
char *only_file(const char *directory);

/* Builds the kernel `twice`, x <- x * 2 + 3. Returns NULL after a failed check. */
cl_program build_twice(struct elcl_device *device, enum elcl_mac mac);
/* Runs it and checks the result. *event is the launch; event may be NULL. */
bool run_twice(struct elcl_device *device, cl_program program, cl_event *event);
/* Builds probe.cl; with `store`, stores it in the device's cache. */
void build_probe_file(struct elcl_device *device, bool store);

void test_no_drivers(void);
void test_listing(elcl_device_list *list, const struct check_options *options);
void test_buffers(struct elcl_device *device, const struct check_options *options);
void test_programs(struct elcl_device *device);
void test_cache(const struct check_options *options);
void test_mma(struct elcl_device *device);
void test_int8(struct elcl_device *device);
void test_probes(const struct check_options *options);
void test_probe_cache(struct elcl_device *device);
/* Probes until the times are sound, which may take several tries on a busy machine. */
void probe_surely(struct elcl_device *device, struct elcl_features *features);
/* Says what the probes hear about their times; on a busy machine little would be stored. */
void probe_times_agree(bool agree);
void test_cache_trust(const struct check_options *options);
void test_rates(struct elcl_device *device, const struct elcl_features *features);
void test_profiles(struct elcl_device *device);

#endif
