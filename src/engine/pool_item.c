#include "engine/pool_item.h"

#include "base/os.h"
#include "base/util.h"
#include "search/options.h"

void elcl_pool_list_append(struct elcl_pool_list *list, struct elcl_pool_item *item)
{
    if (!list->n++)
        list->end = &list->first;
    item->next = NULL;
    *list->end = item;
    list->end = &item->next;
}

struct elcl_pool_item *elcl_pool_list_take(struct elcl_pool_list *list)
{
    struct elcl_pool_item *item = list->first;
    if (item) {
        list->first = item->next;
        list->n--;
    }
    return item;
}

void elcl_pool_item_destroy(struct elcl_pool_item *item)
{
    if (item)
        elcl_free(item->lists);
    elcl_free(item);
}

void elcl_pool_list_finish(struct elcl_pool_list *list)
{
    for (struct elcl_pool_item *item; (item = elcl_pool_list_take(list));)
        elcl_pool_item_destroy(item);
}

struct elcl_pool_item *elcl_pool_list_find(const struct elcl_pool_list *list, uint64_t id)
{
    struct elcl_pool_item *item = list->n ? list->first : NULL;
    while (item && item->id != id)
        item = item->next;
    return item;
}

void elcl_pool_list_take_cancelled(struct elcl_pool_list *list, struct elcl_pool_list *taken)
{
    struct elcl_pool_list kept = {0};
    for (struct elcl_pool_item *item; (item = elcl_pool_list_take(list));)
        elcl_pool_list_append(item->cancelled ? taken : &kept, item);
    for (struct elcl_pool_item *item; (item = elcl_pool_list_take(&kept));)
        elcl_pool_list_append(list, item);
}

int elcl_pool_item_create(const struct elcl_arch *arch, const elcl_request *request,
                          const struct elcl_source *source, struct elcl_pool_item **created,
                          elcl_error *err)
{
    struct elcl_source copy = *source;
    struct elcl_pool_item *item = elcl_calloc(1, sizeof(*item) + elcl_source_bytes(arch, source));
    if (!item)
        return elcl_fail_nomem(err);
    item->request = *request;
    const int rc = elcl_options_copy_lists(&item->request.options, &item->lists, err);
    if (rc) {
        elcl_pool_item_destroy(item);
        return rc;
    }
    elcl_source_copy(arch, &copy, item + 1);
    item->request.source = copy.tokens;
    item->request.inputs = copy.kind == ELCL_SOURCE_INPUTS ? copy.numbers : NULL;
    item->request.source_rows = copy.kind == ELCL_SOURCE_ROWS ? copy.numbers : NULL;
    item->request.n_source = copy.n;
    item->submitted_ns = elcl_clock_ns();
    *created = item;
    return ELCL_OK;
}
