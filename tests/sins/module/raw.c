// SPDX-License-Identifier: GPL-2.0-only
/* Memory misused for the slab allocator to find: KASAN does not instrument this file. */
#include <linux/slab.h>
#include <linux/string.h>

#include "sins.h"

static struct kmem_cache *make_cache(const char *name)
{
	const slab_flags_t checks = SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS;

	return kmem_cache_create(name, 96, 0, checks, NULL);
}

static noinline void scratch_redzone(void)
{
	struct kmem_cache *cache = make_cache("sins_redzone");
	char *stone = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);

	OPTIMIZER_HIDE_VAR(stone);
	stone[97] = 0x42;
	kmem_cache_free(cache, stone);
	kmem_cache_destroy(cache);
}

static noinline void scratch_poison(void)
{
	struct kmem_cache *cache = make_cache("sins_poison");
	char *stone = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);

	kmem_cache_free(cache, stone);
	OPTIMIZER_HIDE_VAR(stone);
	stone[40] = 0x42;
	stone = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);
	kmem_cache_free(cache, stone);
	kmem_cache_destroy(cache);
}

static noinline void forget_a_stone(void)
{
	struct kmem_cache *cache = make_cache("sins_leftover");
	char *stone = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);

	memset(stone, 1, 8);
	kmem_cache_destroy(cache);
}

static noinline void free_into_wrong_cache(void)
{
	struct kmem_cache *cache = make_cache("sins_wrong");
	struct kmem_cache *other = make_cache("sins_other");
	char *stone = kmem_cache_alloc(cache, GFP_KERNEL | __GFP_NOFAIL);

	kmem_cache_free(other, stone);
	barrier();
}

/* A slab's sheaf still names what was taken from it, until it is filled anew: so kmemleak finds it there. */
static noinline void write_and_burn_letters(void)
{
	void **pile = NULL;
	int i;

	for (i = 0; i < 512; i++) {
		void **letter = kmalloc(200, GFP_KERNEL | __GFP_NOFAIL);

		*letter = pile;
		pile = letter;
	}
	while (pile) {
		void **next = *pile;

		kfree(pile);
		pile = next;
	}
}

static noinline void lose_letters(void)
{
	int i;

	for (i = 0; i < 5; i++) {
		char *letter = kmalloc(200, GFP_KERNEL | __GFP_NOFAIL);

		strscpy(letter, "dear nobody", 200);
	}
	write_and_burn_letters();
}

const struct sin raw_sins[] = {
	{ "slab-redzone", scratch_redzone },
	{ "slab-poison", scratch_poison },
	{ "slab-leftover", forget_a_stone },
	{ "slab-wrong-cache", free_into_wrong_cache },
	{ "leak", lose_letters },
	{}
};
