/* Programs in the cache: the second start compiles nothing. */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "suite.h"

static size_t count_files(const char *directory)
{
    struct elcl_file_info *files;
    size_t n;
    if (!elcl_list_files(directory, &files, &n))
        return 0;
    elcl_free_files(files, n);
    return n;
}

/* Creates operations, stores their programs, and returns how many were compiled. */
static int start(struct suite *s)
{
    struct elcl_ops *ops = NULL;
    elcl_error err = {0};
    const int before = atomic_load(&s->fx.device->compilations);
    suite_must(elcl_ops_create(s->fx.device, &s->fx.features, &s->params, &ops, &err), &err);
    elcl_ops_store_program(ops);
    elcl_ops_destroy(&ops);
    return atomic_load(&s->fx.device->compilations) - before;
}

void test_programs(struct suite *s)
{
    if (!suite_case(s, "programs", "of a second start"))
        return;
    struct elcl_device *device = s->fx.device;
    if (s->kernels == ELCL_KERNELS_GPU && device->desc.type == ELCL_DEVICE_CPU) {
        check_skip("PoCL takes minutes for a binary of GPU kernels");
        return;
    }
    char *const old = device->cache_directory;
    char directory[256];
    (void)snprintf(directory, sizeof(directory), "%s/%s", check_temporary_directory(),
                   s->kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu");
    const bool by_itself = device->quirks.caches_programs;
    device->cache_directory = directory;
    device->quirks.caches_programs = false; /* PoCL's binaries can test what other drivers need */
    int compiled = start(s);
    CHECK(compiled == 2,
          "%d programs, not one for all kernels and one for keys that are activations", compiled);
    if (count_files(directory)) {
        CHECK(count_files(directory) == 2, "%zu programs stored", count_files(directory));
        compiled = start(s);
        CHECK(compiled == 0, "the second start compiled %d programs", compiled);
    } else {
        check_skip("%s keeps no program binaries", device->desc.platform);
    }
    device->quirks.caches_programs = by_itself;
    device->cache_directory = old;
}
