/* Measuring a device once, for the choices of later runs. */
#include "base/os.h"
#include "base/util.h"
#include "device/ceiling.h"
#include "engine/tune_file.h"

int elcl_tune(const char *device, elcl_machine *rates, elcl_error *err)
{
    const struct elcl_device_params params = {.device = device};
    struct elcl_device *opened = NULL;
    struct elcl_tune_file file = {.has_rates = true};
    elcl_ceilings c;
    char *directory = elcl_cache_directory();
    int rc;
    if (!rates) {
        rc = elcl_fail(err, ELCL_E_ARG, "elcl_tune: rates must not be NULL");
        goto fail;
    }
    ELCL_TRY(elcl_device_open(&params, &opened, err));
    ELCL_TRY(elcl_ceiling_measure(opened, &c, NULL, err));
    file.rates = (elcl_machine){.type = opened->desc.type,
                                .memory_gbs = c.read_gbs,
                                .f32_gflops = c.mac_f32_gflops,
                                .half_gflops = c.mac_f32_gflops,
                                .launch_us = c.launch_us,
                                .wait_us = c.wait_us};
    ELCL_TRY(elcl_tune_file_write(directory, &opened->desc, &file, err));
    *rates = file.rates;
fail:
    elcl_device_close(&opened);
    elcl_free(directory);
    return rc;
}
