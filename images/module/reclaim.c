// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two locks that reclaim takes. Lockdep learns of the first through reclaim's own annotation,
 * and of the second because a registered shrinker takes it under real direct reclaim.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "percpu_probe.h"

/* Large blocks first: they fill the memory in no time. Only single pages enter direct reclaim. */
#define BLOCK_ORDER 9
#define HOARD_FLAGS (__GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)
/*
 * Who watches scans gets many: little is said to be there, of which do_shrink_slab() in
 * mm/shrinker.c makes one scan. It is more than reclaim is content with (SWAP_CLUSTER_MAX), because
 * there is nothing else to reclaim: should_reclaim_retry() in mm/page_alloc.c leaves whoever finds
 * too few free pages afterwards to the OOM killer.
 */
#define LITTLE 128UL

/* Taken under reclaim by annotation alone. */
DEFINE_MUTEX(pp_taught_lock);
/* Taken by the shrinker; guards the hoard. */
DEFINE_MUTEX(pp_shrinker_lock);

/* Pages that the shrinker gives back, under pp_shrinker_lock; the blocks stay until the end. */
static LIST_HEAD(hoard);
static LIST_HEAD(blocks);
static unsigned long hoarded;
static struct task_struct *reclaimer;
static unsigned long scans_direct, scans_other;
static void (*scan_hook)(gfp_t gfp);

void pp_teach_reclaim_lock(void)
{
	fs_reclaim_acquire(GFP_KERNEL);
	mutex_lock(&pp_taught_lock);
	mutex_unlock(&pp_taught_lock);
	fs_reclaim_release(GFP_KERNEL);
}

static void take_page(struct page *page)
{
	mutex_lock(&pp_shrinker_lock);
	list_add(&page->lru, &hoard);
	hoarded++;
	mutex_unlock(&pp_shrinker_lock);
}

static unsigned long hoard_count(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long there = READ_ONCE(hoarded);

	return scan_hook ? min(there, LITTLE) : there;
}

/*
 * Frees what it is asked for, so that nobody who needs memory meanwhile meets the OOM killer.
 * kswapd gets nothing: it could keep up with the hoarder, who would then never enter direct
 * reclaim.
 */
static unsigned long hoard_scan(struct shrinker *shrinker, struct shrink_control *control)
{
	unsigned long freed = 0, wanted = control->nr_to_scan;
	struct page *page, *next;

	if (current_is_kswapd())
		return SHRINK_STOP;
	if (scan_hook)
		scan_hook(control->gfp_mask);
	mutex_lock(&pp_shrinker_lock);
	if (current == reclaimer)
		scans_direct++;
	else
		scans_other++;
	list_for_each_entry_safe(page, next, &hoard, lru) {
		if (freed == wanted)
			break;
		list_del(&page->lru);
		hoarded--;
		freed++;
		__free_page(page);
	}
	mutex_unlock(&pp_shrinker_lock);
	return freed ? freed : SHRINK_STOP;
}

#ifdef HAVE_SHRINKER_ALLOC
static struct shrinker *shrinker;

static int add_shrinker(void)
{
	shrinker = shrinker_alloc(0, "percpu_probe");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = hoard_count;
	shrinker->scan_objects = hoard_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	shrinker_register(shrinker);
	return 0;
}

static void remove_shrinker(void)
{
	shrinker_free(shrinker);
}
#else
static struct shrinker shrinker = {
	.count_objects = hoard_count,
	.scan_objects = hoard_scan,
	.seeks = DEFAULT_SEEKS,
};

static int add_shrinker(void)
{
	return register_shrinker(&shrinker, "percpu_probe");
}

static void remove_shrinker(void)
{
	unregister_shrinker(&shrinker);
}
#endif

static struct page *take_block(void)
{
	struct page *page = list_first_entry_or_null(&blocks, struct page, lru);

	if (page)
		list_del(&page->lru);
	return page;
}

static bool release_block(void)
{
	struct page *page = take_block();

	if (page)
		__free_pages(page, BLOCK_ORDER);
	return page;
}

/* Let the shrinker give back what the blocks hold as well. */
static void split_blocks(void)
{
	struct page *page;
	unsigned int i;

	while ((page = take_block())) {
		split_page(page, BLOCK_ORDER);
		for (i = 0; i < 1 << BLOCK_ORDER; i++)
			take_page(page + i);
	}
}

/*
 * A shrinker that holds next to nothing is not asked to scan, and then the allocation fails: one
 * block is given back each time that happens, and becomes part of the hoard.
 */
static void hoard_until_reclaim(void)
{
	struct page *page;
	bool more;

	while ((page = alloc_pages((GFP_KERNEL & ~__GFP_RECLAIM) | HOARD_FLAGS, BLOCK_ORDER)))
		list_add(&page->lru, &blocks);
	more = release_block();
	while (more && !READ_ONCE(scans_direct)) {
		page = alloc_page(GFP_KERNEL | HOARD_FLAGS);
		if (page)
			take_page(page);
		else
			more = release_block();
	}
}

static void release_hoard(void)
{
	struct page *page, *next;

	while (release_block())
		;
	mutex_lock(&pp_shrinker_lock);
	list_for_each_entry_safe(page, next, &hoard, lru)
		__free_page(page);
	INIT_LIST_HEAD(&hoard);
	hoarded = 0;
	mutex_unlock(&pp_shrinker_lock);
}

/**
 * pp_hoard_start - make memory so short that whoever needs much enters direct reclaim
 * @on_scan: called whenever direct reclaim, of whatever task, asks our shrinker for pages, with
 *           the flags of that reclaim and no lock of ours held. NULL for nothing: then the
 *           shrinker has only a few pages to give
 *
 * Return: 0, or a negative errno if the shrinker could not be registered.
 */
int pp_hoard_start(void (*on_scan)(gfp_t gfp))
{
	int error;

	reclaimer = current;
	scan_hook = on_scan;
	error = add_shrinker();
	if (error)
		return error;
	hoard_until_reclaim();
	if (on_scan)
		split_blocks();
	return 0;
}

/* Pages that the shrinker can give. */
unsigned long pp_hoarded(void)
{
	return READ_ONCE(hoarded);
}

/* Take another page, with full reclaim. */
void pp_hoard_more(void)
{
	struct page *page = alloc_page(GFP_KERNEL | HOARD_FLAGS);

	if (page)
		take_page(page);
}

void pp_hoard_stop(void)
{
	release_hoard();
	remove_shrinker();
}

/**
 * pp_reclaim_through_shrinker - make reclaim take pp_shrinker_lock
 *
 * Fills the memory until an allocation of this task enters direct reclaim and that calls our
 * shrinker. Reports the witness shrinker_called.
 *
 * Return: 0, or a negative errno if the shrinker could not be registered.
 */
int pp_reclaim_through_shrinker(void)
{
	int error = pp_hoard_start(NULL);

	if (error)
		return error;
	pp_hoard_stop();
	pp_counter(scans_direct, "shrinker_scans_direct");
	pp_counter(scans_other, "shrinker_scans_other");
	pp_witness("shrinker_called", scans_direct);
	return 0;
}
