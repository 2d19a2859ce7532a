/* due.c -- one doubly linked list for each step of background work. A shard is in
 * a list at most once. */
#include "shards/background/due.h"
#include "shards/shard.h"

void due_add(struct shard *s, enum due kind)
{
    struct due_link *link = &s->due[kind];
    struct due_list *list = &s->store->due[kind];
    if (link->queued)
        return;
    *link = (struct due_link){.previous = list->last, .queued = true};
    if (list->last)
        list->last->due[kind].next = s;
    else
        list->first = s;
    list->last = s;
    list->count++;
}

void due_remove(struct shard *s, enum due kind)
{
    struct due_link *link = &s->due[kind];
    struct due_list *list = &s->store->due[kind];
    if (!link->queued)
        return;
    if (link->previous)
        link->previous->due[kind].next = link->next;
    else
        list->first = link->next;
    if (link->next)
        link->next->due[kind].previous = link->previous;
    else
        list->last = link->previous;
    list->count--;
    *link = (struct due_link){0};
}

struct shard *due_pop(struct store *store, enum due kind)
{
    struct shard *s = store->due[kind].first;
    if (s)
        due_remove(s, kind);
    return s;
}

static void add_to_all(struct shard *s)
{
    for (unsigned kind = 0; kind < DUE_KINDS; kind++)
        due_add(s, (enum due)kind);
}

void shard_changed(struct shard *s)
{
    add_to_all(s);
    store_notify_work(s->store);
}

void store_changed(struct store *store)
{
    for (struct shard *s = store->shards; s; s = s->next)
        add_to_all(s);
    store_notify_work(store);
}
