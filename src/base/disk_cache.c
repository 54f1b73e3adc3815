#include "base/disk_cache.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/own_files.h"
#include "base/pack_table.h"
#include "base/util.h"

#define SUFFIX ".pack"
#define NAME "%016" PRIx64 "-%016" PRIx64 SUFFIX /* context, hash of the index */
#define MAX_PACK_BYTES (UINT64_C(32) << 20)
#define WAIT_NS UINT64_C(30000000000)  /* so long entries stay in memory at most */
#define TOUCH_NS UINT64_C(60000000000) /* between two times of a pack's last use */

#define NEW_PACK 0 /* the number of the pack that is being made */

struct pack {
    uint64_t id; /* the hash of its index */
    uint64_t bytes;
    uint64_t touched_ns; /* 0: not yet */
};

struct elcl_disk_cache {
    pthread_mutex_t mutex;
    char *directory;
    uint64_t max_bytes, pack_bytes, context;
    elcl_log_fn log;
    void *log_user;
    bool stopped; /* nothing is stored any more */
    struct elcl_pack_table table;
    struct pack *packs; /* [table.n_packs] by number */
    size_t max_packs;
    struct elcl_new_pack fresh; /* pack NEW_PACK */
    uint64_t since_ns;          /* when its first entry came */
    struct elcl_file file;      /* the pack that was read last */
    size_t file_pack;
    struct elcl_disk_cache_stats stats;
};

struct pack_name {
    char s[48];
};

static struct pack_name name_of(const struct elcl_disk_cache *cache, uint64_t id)
{
    struct pack_name name;
    (void)snprintf(name.s, sizeof(name.s), NAME, cache->context, id);
    return name;
}

/* Says once why nothing is stored from now on. */
static void stop(struct elcl_disk_cache *cache, const char *fmt, ...) ELCL_PRINTF(2, 3);
static void stop(struct elcl_disk_cache *cache, const char *fmt, ...)
{
    char why[400], line[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    (void)snprintf(line, sizeof(line), "%s: nothing more is stored there", why);
    if (!cache->stopped && cache->log)
        cache->log(cache->log_user, ELCL_LOG_WARNING, line);
    cache->stopped = true;
    cache->table.gone[NEW_PACK] = true;
    elcl_pack_finish(&cache->fresh);
}

/* ---- the files ------------------------------------------------------------------------------- */

static bool is_gone(const struct elcl_disk_cache *cache, size_t pack)
{
    return cache->table.gone[pack];
}

static void close_file(struct elcl_disk_cache *cache)
{
    elcl_file_close(&cache->file);
    cache->file_pack = NEW_PACK;
}

/* The entries of the pack become missing. */
static void forget(struct elcl_disk_cache *cache, size_t pack)
{
    if (cache->file_pack == pack)
        close_file(cache);
    cache->table.gone[pack] = true;
}

/* Returns the number of a pack, or 0. */
static size_t find_pack(const struct elcl_disk_cache *cache, uint64_t id)
{
    for (size_t i = 1; i < cache->table.n_packs; i++)
        if (!is_gone(cache, i) && cache->packs[i].id == id)
            return i;
    return 0;
}

/* Returns the number of a new pack, or 0 if memory is short. */
static size_t add_pack(struct elcl_disk_cache *cache, uint64_t id, uint64_t bytes)
{
    size_t pack;
    void *packs = cache->packs;
    if (!elcl_grow(&packs, &cache->max_packs, cache->table.n_packs + 1, sizeof(*cache->packs)))
        return 0;
    cache->packs = packs;
    if (!elcl_pack_table_add(&cache->table, &pack))
        return 0;
    cache->packs[pack] = (struct pack){.id = id, .bytes = bytes};
    return pack;
}

/* Opens the file of a pack as cache->file. Returns false if it cannot be opened. */
static bool open_pack(struct elcl_disk_cache *cache, size_t pack)
{
    const struct pack_name name = name_of(cache, cache->packs[pack].id);
    if (cache->file_pack == pack)
        return true;
    close_file(cache);
    if (elcl_own_open(cache->directory, name.s, &cache->file, NULL) || !cache->file.open)
        return false;
    cache->file.path = cache->directory;
    cache->file_pack = pack;
    return true;
}

static void remove_pack(struct elcl_disk_cache *cache, size_t pack)
{
    elcl_own_remove(cache->directory, name_of(cache, cache->packs[pack].id).s);
    forget(cache, pack);
}

/* Reads the index of a file that is not known yet. */
static void learn(struct elcl_disk_cache *cache, uint64_t id, uint64_t bytes)
{
    struct elcl_pack_entry *entries = NULL;
    size_t n = 0;
    const size_t pack = add_pack(cache, id, bytes);
    if (!pack)
        return;
    if (!open_pack(cache, pack)) {
        forget(cache, pack);
        return;
    }
    const int rc = elcl_pack_index(&cache->file, &entries, &n, NULL);
    if (rc == ELCL_E_FORMAT)
        remove_pack(cache, pack);
    else if (rc)
        forget(cache, pack);
    for (size_t i = 0; !rc && i < n; i++)
        if (!elcl_pack_table_find(&cache->table, &entries[i].key))
            (void)elcl_pack_table_put(&cache->table, &entries[i], pack);
    elcl_free(entries);
}

/* A file of the directory that is a pack, or a part of one whose writer was killed. */
struct listed {
    uint64_t id;
    bool ours; /* a whole pack of this context */
};

static bool read_name(const struct elcl_disk_cache *cache, const char *name, struct listed *listed)
{
    uint64_t context;
    int end = 0;
    if (strspn(name, "0123456789abcdef") != 16 ||
        sscanf(name, "%16" SCNx64 "-%16" SCNx64 SUFFIX "%n", &context, &listed->id, &end) != 2 ||
        !end)
        return false;
    listed->ours = !name[end] && context == cache->context;
    return true;
}

/* Forgets packs that others have removed. Otherwise what they have moved to another pack would seem
 * to be there twice. */
static void forget_removed(struct elcl_disk_cache *cache, const struct elcl_file_info *files,
                           size_t n)
{
    bool *there = elcl_calloc(cache->table.n_packs, sizeof(*there));
    for (size_t i = 0; there && i < n; i++) {
        struct listed listed;
        if (read_name(cache, files[i].name, &listed) && listed.ours)
            there[find_pack(cache, listed.id)] = true;
    }
    for (size_t i = 1; there && i < cache->table.n_packs; i++)
        if (!there[i])
            forget(cache, i);
    elcl_free(there);
}

/* Learns what others have written and removed, and removes files until the rest has at most
 * max_bytes. */
static void look_around(struct elcl_disk_cache *cache, uint64_t max_bytes)
{
    struct elcl_file_info *files;
    size_t n;
    uint64_t sum = 0;
    if (!elcl_list_files(cache->directory, &files, &n))
        return;
    elcl_sort_files(files, n);
    forget_removed(cache, files, n);
    for (size_t i = 0; i < n; i++) {
        struct listed listed;
        if (!read_name(cache, files[i].name, &listed))
            continue;
        const size_t pack = listed.ours ? find_pack(cache, listed.id) : 0;
        sum += files[i].bytes;
        if (sum > max_bytes) {
            elcl_own_remove(cache->directory, files[i].name);
            if (pack)
                forget(cache, pack);
        } else if (listed.ours && !pack) {
            learn(cache, listed.id, files[i].bytes);
        }
    }
    elcl_free_files(files, n);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Notes the use of a pack, for look_around(). */
static void touch(struct elcl_disk_cache *cache, size_t pack)
{
    const uint64_t now = elcl_clock_ns();
    struct pack *p = &cache->packs[pack];
    if (p->touched_ns && now - p->touched_ns < TOUCH_NS)
        return;
    p->touched_ns = now;
    elcl_own_touch(cache->directory, name_of(cache, p->id).s);
}

/* Returns false if the file is missing or damaged; then its entries are gone. */
static bool read_place(struct elcl_disk_cache *cache, const struct elcl_pack_place *place, void *to)
{
    const struct elcl_pack_entry *entry = &place->entry;
    const size_t pack = place->pack;
    if (pack == NEW_PACK) {
        memcpy(to, cache->fresh.data.data + entry->at, (size_t)entry->bytes);
        return true;
    }
    if (!open_pack(cache, pack)) {
        forget(cache, pack);
        return false;
    }
    const int rc = elcl_pack_read(&cache->file, entry, to, NULL);
    if (rc == ELCL_E_FORMAT)
        remove_pack(cache, pack);
    else if (rc)
        forget(cache, pack);
    else
        touch(cache, pack);
    return !rc;
}

static const struct elcl_pack_place *find(const struct elcl_disk_cache *cache,
                                          const struct elcl_pack_key *key, size_t bytes)
{
    const struct elcl_pack_place *place = elcl_pack_table_find(&cache->table, key);
    return place && place->entry.bytes == bytes ? place : NULL;
}

bool elcl_disk_cache_has(struct elcl_disk_cache *cache, const struct elcl_pack_key *key,
                         size_t bytes)
{
    pthread_mutex_lock(&cache->mutex);
    const bool has = find(cache, key, bytes) != NULL;
    pthread_mutex_unlock(&cache->mutex);
    return has;
}

bool elcl_disk_cache_read(struct elcl_disk_cache *cache, const struct elcl_pack_key *key, void *to,
                          size_t bytes)
{
    pthread_mutex_lock(&cache->mutex);
    const struct elcl_pack_place *place = find(cache, key, bytes);
    bool ok = place && read_place(cache, place, to);
    if (place && !ok) { /* another process may have joined the pack with others */
        look_around(cache, UINT64_MAX);
        place = find(cache, key, bytes);
        ok = place && read_place(cache, place, to);
    }
    cache->stats.found += ok;
    pthread_mutex_unlock(&cache->mutex);
    return ok;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Copies the entries of a pack to the new one. They have their old place until that is written.
 * What is in another file, too, is copied, since another process may be about to remove that. */
static bool take_in(struct elcl_disk_cache *cache, size_t pack, const bool *taken)
{
    struct elcl_pack_entry *entries = NULL;
    size_t n = 0;
    bool ok = open_pack(cache, pack) && !elcl_pack_index(&cache->file, &entries, &n, NULL);
    for (size_t i = 0; ok && i < n; i++) {
        const struct elcl_pack_place *place = elcl_pack_table_find(&cache->table, &entries[i].key);
        const size_t bytes = (size_t)entries[i].bytes;
        if (!place || place->pack == NEW_PACK || taken[place->pack])
            continue;
        char *data = elcl_calloc(bytes, 1);
        ok = data && !elcl_pack_read(&cache->file, &entries[i], data, NULL) &&
             elcl_pack_add(&cache->fresh, &entries[i].key, data, bytes);
        elcl_free(data);
    }
    elcl_free(entries);
    return ok;
}

/* Returns a small pack, no larger than the new one, that goes into one file with it; 0: none. So
 * each entry is written again only when its pack at least doubles. */
static size_t find_small(const struct elcl_disk_cache *cache, const bool *taken)
{
    const uint64_t now = elcl_pack_bytes(&cache->fresh);
    size_t best = 0;
    for (size_t i = 1; i < cache->table.n_packs; i++) {
        const uint64_t bytes = cache->packs[i].bytes;
        if (!is_gone(cache, i) && !taken[i] && bytes <= now && bytes + now <= cache->pack_bytes &&
            (!best || bytes < cache->packs[best].bytes))
            best = i;
    }
    return best;
}

/* Gives an entry of the new pack its place in a file. That of a pack that turned out to be damaged
 * has none yet, and needs none. */
static void move(struct elcl_disk_cache *cache, const struct elcl_pack_entry *entry, size_t pack)
{
    struct elcl_pack_place *place = elcl_pack_table_find(&cache->table, &entry->key);
    if (!place)
        return;
    place->entry = *entry;
    place->pack = pack;
}

/* Writes the new pack, and makes its entries those of a file, whose number it returns; 0: it failed
 * and said so. */
static size_t write_fresh(struct elcl_disk_cache *cache)
{
    elcl_error err = {0};
    const uint64_t id = elcl_pack_seal(&cache->fresh);
    const struct elcl_str *data = &cache->fresh.data;
    int rc = data->failed ? elcl_fail_nomem(&err)
                          : elcl_own_write(cache->directory, name_of(cache, id).s, data->data,
                                           data->n, &err);
    size_t pack = rc ? 0 : find_pack(cache, id);
    if (!rc && !pack)
        pack = add_pack(cache, id, data->n);
    if (!rc && !pack)
        rc = elcl_fail_nomem(&err);
    if (rc) {
        stop(cache, "%s", err.msg);
        return 0;
    }
    for (size_t i = 0; i < cache->fresh.n; i++)
        move(cache, &cache->fresh.entries[i], pack);
    cache->stats.stored_bytes += data->n;
    elcl_pack_finish(&cache->fresh);
    return pack;
}

static void flush(struct elcl_disk_cache *cache)
{
    if (!cache->fresh.n)
        return;
    look_around(cache, cache->max_bytes - elcl_pack_bytes(&cache->fresh));
    const size_t n = cache->table.n_packs;
    bool *taken = elcl_calloc(n, sizeof(*taken));
    for (size_t pack; taken && (pack = find_small(cache, taken)); taken[pack] = true)
        if (!take_in(cache, pack, taken))
            forget(cache, pack);
    const size_t written = write_fresh(cache);
    for (size_t i = 1; taken && written && i < n; i++)
        if (taken[i] && i != written)
            remove_pack(cache, i);
    elcl_free(taken);
}

void elcl_disk_cache_flush(struct elcl_disk_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    flush(cache);
    pthread_mutex_unlock(&cache->mutex);
}

static void put(struct elcl_disk_cache *cache, const struct elcl_pack_key *key, const void *data,
                size_t bytes)
{
    const uint64_t now = elcl_clock_ns();
    if (bytes > cache->max_bytes / 2) {
        stop(cache, "%s: one entry has %zu bytes, more than half of the %" PRIu64 " allowed",
             cache->directory, bytes, cache->max_bytes);
        return;
    }
    if (!cache->fresh.n)
        cache->since_ns = now;
    if (!elcl_pack_add(&cache->fresh, key, data, bytes) ||
        !elcl_pack_table_put(&cache->table, &cache->fresh.entries[cache->fresh.n - 1], NEW_PACK)) {
        stop(cache, "%s: out of memory", cache->directory);
        return;
    }
    cache->stats.added++;
    if (elcl_pack_bytes(&cache->fresh) >= cache->pack_bytes || now - cache->since_ns >= WAIT_NS)
        flush(cache);
}

void elcl_disk_cache_put(struct elcl_disk_cache *cache, const struct elcl_pack_key *key,
                         const void *data, size_t bytes)
{
    pthread_mutex_lock(&cache->mutex);
    if (!cache->stopped && !elcl_pack_table_find(&cache->table, key))
        put(cache, key, data, bytes);
    pthread_mutex_unlock(&cache->mutex);
}

bool elcl_disk_cache_stores(struct elcl_disk_cache *cache)
{
    pthread_mutex_lock(&cache->mutex);
    const bool stores = !cache->stopped;
    pthread_mutex_unlock(&cache->mutex);
    return stores;
}

/* ---- life ------------------------------------------------------------------------------------ */

int elcl_disk_cache_open(const struct elcl_disk_cache_params *params,
                         struct elcl_disk_cache **cache, elcl_error *err)
{
    int rc = elcl_own_directory(params->directory, err);
    if (rc)
        return rc;
    struct elcl_disk_cache *c = elcl_calloc(1, sizeof(*c));
    size_t fresh; /* NEW_PACK, of the empty table */
    if (!c)
        return elcl_fail_nomem(err);
    pthread_mutex_init(&c->mutex, NULL);
    c->directory = elcl_strdup(params->directory);
    c->max_bytes = params->max_bytes;
    c->pack_bytes = params->max_bytes / 256;
    if (c->pack_bytes < ELCL_DISK_CACHE_LEAST / 16)
        c->pack_bytes = ELCL_DISK_CACHE_LEAST / 16;
    if (c->pack_bytes > MAX_PACK_BYTES)
        c->pack_bytes = MAX_PACK_BYTES;
    c->context = params->context;
    c->log = params->log;
    c->log_user = params->log_user;
    if (!c->directory || !elcl_pack_table_add(&c->table, &fresh)) {
        elcl_disk_cache_close(&c);
        return elcl_fail_nomem(err);
    }
    look_around(c, c->max_bytes);
    *cache = c;
    return ELCL_OK;
}

void elcl_disk_cache_get_stats(struct elcl_disk_cache *cache, struct elcl_disk_cache_stats *stats)
{
    pthread_mutex_lock(&cache->mutex);
    *stats = cache->stats;
    pthread_mutex_unlock(&cache->mutex);
}

void elcl_disk_cache_close(struct elcl_disk_cache **cache)
{
    if (!*cache)
        return;
    struct elcl_disk_cache *c = *cache;
    flush(c);
    close_file(c);
    elcl_pack_finish(&c->fresh);
    elcl_pack_table_finish(&c->table);
    elcl_free(c->packs);
    elcl_free(c->directory);
    pthread_mutex_destroy(&c->mutex);
    elcl_free(c);
    *cache = NULL;
}
