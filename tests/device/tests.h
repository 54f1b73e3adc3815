/* What the files of the device tests share. */
#ifndef ELCL_TESTS_DEVICE_TESTS_H
#define ELCL_TESTS_DEVICE_TESTS_H

#include "base/util.h"
#include "check.h"
#include "device/list.h"
#include "probe/probe.h"

/* A check that err holds the code and a message with both parts. */
bool says(const elcl_error *err, int code, const char *a, const char *b);

/* A log function's memory; text is finished by the caller. */
struct log {
    int lines;
    struct elcl_str text;
};
void collect_log(void *user, enum elcl_log_level level, const char *line);

/* NULL after a failed check. */
struct elcl_device *open_device(const struct elcl_device_params *params);
/* Checks that no buffer is left. */
void close_device(struct elcl_device **device);

/* A new directory for the cache, which the library takes from the environment. */
const char *fresh_cache(void);
size_t count_files(const char *directory);
/* The path of the only file, freed by the caller; NULL when there are none or more. */
char *only_file(const char *directory);

/* A kernel `twice`: x <- x * 2 + ADD; NULL after a failed check. */
cl_program build_twice(struct elcl_device *device, enum elcl_mac mac);
/* Checks the kernel's result; *event (event may be NULL) is the launch. */
bool run_twice(struct elcl_device *device, cl_program program, cl_event *event);
/* Builds probe.cl and, when asked to, stores it in the device's cache. */
void build_probe_file(struct elcl_device *device, bool store);

void test_no_drivers(void);
void test_listing(elcl_device_list *list, const struct check_options *options);
void test_buffers(struct elcl_device *device, const struct check_options *options);
void test_programs(struct elcl_device *device);
void test_cache(const struct check_options *options);
void test_mma(struct elcl_device *device);
void test_probes(const struct check_options *options);
void test_rates(struct elcl_device *device, const struct elcl_features *features);
void test_profiles(struct elcl_device *device);

#endif
