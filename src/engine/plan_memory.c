/* elcl_plan_memory(): the memory of an engine, without a device. */
#include <string.h>

#include "base/util.h"
#include "engine/choose.h"
#include "engine/plan.h"

int elcl_plan_memory(const elcl_blueprint *blueprint, const elcl_plan_params *params,
                     elcl_memory_plan *plan, elcl_error *err)
{
    if (!blueprint || !params || !plan)
        return elcl_fail(err, ELCL_E_ARG, "elcl_plan_memory: arguments must not be NULL");
    elcl_plan_params p = *params;
    uint64_t weight_bytes = 0;
    struct elcl_plan counted = {0};
    struct elcl_attention_choice choice = {0};
    int rc;
    ELCL_TRY(elcl_blueprint_check(blueprint, &p, err));
    ELCL_TRY(elcl_choose_variant(blueprint, &p, &choice, err));
    const enum elcl_attention attention = choice.attention;
    ELCL_TRY(elcl_blueprint_weight_bytes(blueprint, attention, p.weights, 2 * p.vector_width,
                                         elcl_blueprint_rounds_inputs(&p), &weight_bytes, err));
    struct elcl_capacity c;
    const bool limited = p.memory_limit_bytes || p.max_alloc_bytes;
    const int largest =
        elcl_blueprint_batch(blueprint, &p, attention, weight_bytes, ELCL_MAX_SENTENCES, &c);
    if (!p.batch_size && !limited)
        return elcl_fail(err, ELCL_E_ARG,
                         "without a memory limit any batch fits: expected one of "
                         "batch_size and memory_limit_bytes above 0");
    const int sentences = p.batch_size ? p.batch_size : elcl_max_int(largest, 1);
    if (sentences > largest)
        c.encode_most = elcl_plan_encode_most(&blueprint->arch, attention, 0);
    else /* perhaps with more source tokens at once than the largest batch */
        (void)elcl_blueprint_batch(blueprint, &p, attention, weight_bytes, sentences, &c);
    c.sentences = sentences;
    c.encode_rows = elcl_plan_encode_rows(c.sentences, c.max_source, c.encode_most);
    if (!elcl_plan_make(&blueprint->arch, attention, p.state, &c, weight_bytes, &counted))
        return elcl_fail(err, ELCL_E_ARG, "a batch of %d is too large to count", c.sentences);
    elcl_plan_publish(&counted, attention, c.sentences, plan);
    memcpy(plan->reason, choice.reason, sizeof(plan->reason));
    plan->largest_batch = limited ? largest : -1;
    plan->fits = c.sentences <= largest;
fail:
    return rc;
}
