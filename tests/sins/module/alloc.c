// SPDX-License-Identifier: GPL-2.0-only
/* Allocations that must fail. Everything is given back, so that the next sin can be committed. */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "sins.h"

static noinline void want_many_at_once(void)
{
	unsigned long block = __get_free_pages(GFP_KERNEL | __GFP_NORETRY, 10);
	static unsigned long blocks[256];
	unsigned int count = 0;

	while (block && count < ARRAY_SIZE(blocks)) {
		blocks[count++] = block;
		block = __get_free_pages(GFP_KERNEL | __GFP_NORETRY, 10);
	}
	while (count)
		free_pages(blocks[--count], 10);
}

static noinline void want_all_atomically(void)
{
	LIST_HEAD(all);
	struct page *page = alloc_page(GFP_ATOMIC);
	struct page *next;

	while (page) {
		list_add(&page->lru, &all);
		page = alloc_page(GFP_ATOMIC);
	}
	list_for_each_entry_safe(page, next, &all, lru)
		__free_page(page);
}

/* Pages in pairs, chained in their own memory, until there are none. */
static noinline void want_pairs_atomically(void)
{
	void **pairs = NULL;
	void **pair;

	while ((pair = (void **)__get_free_pages(GFP_ATOMIC, 1))) {
		*pair = pairs;
		pairs = pair;
	}
	while ((pair = pairs)) {
		pairs = *pair;
		free_pages((unsigned long)pair, 1);
	}
}

static noinline void want_coins_atomically(void)
{
	void **coins = NULL;
	void **coin;

	while ((coin = kmalloc(1024, GFP_ATOMIC))) {
		*coin = coins;
		coins = coin;
	}
	while ((coin = coins)) {
		coins = *coin;
		kfree(coin);
	}
}

static noinline void want_a_huge_scroll(void)
{
	vfree(vmalloc(1UL << 38));
	barrier();
}

static noinline void want_more_address_space(void)
{
	vfree(__vmalloc(1UL << 30, GFP_KERNEL | __GFP_NORETRY));
	barrier();
}

struct piece {
	struct list_head next;
	void __percpu *memory;
};

static void take_pieces(gfp_t gfp)
{
	LIST_HEAD(all);
	struct piece *piece, *next;

	do {
		piece = kmalloc(sizeof(*piece), GFP_KERNEL | __GFP_NOFAIL);
		piece->memory = __alloc_percpu_gfp(PCPU_MIN_UNIT_SIZE / 4, 64, gfp);
		list_add(&piece->next, &all);
	} while (piece->memory);
	list_for_each_entry_safe(piece, next, &all, next) {
		free_percpu(piece->memory);
		kfree(piece);
	}
}

static noinline void want_percpu_atomically(void)
{
	take_pieces(GFP_ATOMIC);
	barrier();
}

static noinline void want_percpu_in_noio(void)
{
	unsigned int flags = memalloc_noio_save();

	take_pieces(GFP_KERNEL | __GFP_NORETRY);
	memalloc_noio_restore(flags);
}

static noinline void want_percpu_asleep(void)
{
	take_pieces(GFP_KERNEL | __GFP_NORETRY);
	barrier();
}

static noinline void want_too_big_percpu(void)
{
	free_percpu(__alloc_percpu(PCPU_MIN_UNIT_SIZE * 64, 8));
	barrier();
}

static noinline void want_too_big_block(void)
{
	unsigned long block;
	unsigned int order = 40;

	OPTIMIZER_HIDE_VAR(order);
	block = __get_free_pages(GFP_KERNEL, order);
	WARN_ON(block);
}

const struct sin alloc_sins[] = {
	{ "page-alloc-order", want_many_at_once },
	{ "page-alloc-atomic", want_all_atomically },
	{ "page-alloc-pairs", want_pairs_atomically },
	{ "slab-atomic", want_coins_atomically },
	{ "page-alloc-huge", want_too_big_block },
	{ "vmalloc-huge", want_a_huge_scroll },
	{ "vmalloc-full", want_more_address_space },
	{ "percpu-atomic", want_percpu_atomically },
	{ "percpu-noio", want_percpu_in_noio },
	{ "percpu-sleepable", want_percpu_asleep },
	{ "percpu-size", want_too_big_percpu },
	{}
};
