/* Requests of a pool. A list has them while no engine has. */
#ifndef ELCL_ENGINE_POOL_ITEM_H
#define ELCL_ENGINE_POOL_ITEM_H

#include "engine/source.h"

/* A request in the pool; the user pointer of its engine request, which has the same number. */
struct elcl_pool_item {
    struct elcl_pool_item *next;
    uint64_t id, submitted_ns;
    bool cancelled;       /* before an engine had it; the pool's mutex protects it */
    elcl_request request; /* lists are owned; the source, of n_source, follows the item */
    void *lists;
};

struct elcl_pool_list {
    struct elcl_pool_item *first, **end;
    size_t n;
};

/* Copies a request with a checked source. */
int elcl_pool_item_create(const struct elcl_arch *arch, const elcl_request *request,
                          const struct elcl_source *source, struct elcl_pool_item **item,
                          elcl_error *err);
void elcl_pool_item_destroy(struct elcl_pool_item *item); /* NULL is fine */

/* A list owns its items; {0} is empty. */
void elcl_pool_list_append(struct elcl_pool_list *list, struct elcl_pool_item *item);
/* Returns the first item, which the caller then owns, or NULL. */
struct elcl_pool_item *elcl_pool_list_take(struct elcl_pool_list *list);
/* Returns the item of a request, which the list keeps, or NULL. */
struct elcl_pool_item *elcl_pool_list_find(const struct elcl_pool_list *list, uint64_t id);
/* Moves the cancelled items of a list to `taken`. */
void elcl_pool_list_take_cancelled(struct elcl_pool_list *list, struct elcl_pool_list *taken);
void elcl_pool_list_finish(struct elcl_pool_list *list);

#endif
