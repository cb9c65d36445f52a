// SPDX-License-Identifier: GPL-2.0-only
/* Memory misused under the eyes of KASAN, KFENCE and UBSAN. */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "sins.h"

static int sink;

static char shelf[16];

static noinline void read_burnt_letter(void)
{
	int *letter = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	kfree(letter);
	WRITE_ONCE(sink, READ_ONCE(letter[2]));
}

static noinline void write_past_letter(void)
{
	char *letter = kmalloc(60, GFP_KERNEL | __GFP_NOFAIL);

	OPTIMIZER_HIDE_VAR(letter);
	WRITE_ONCE(letter[hidden(60)], 1);
	kfree(letter);
}

static noinline void burn_letter_twice(void)
{
	char *letter = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	kfree(letter);
	OPTIMIZER_HIDE_VAR(letter);
	kfree(letter);
}

static noinline void burn_half_a_letter(void)
{
	char *letter = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	OPTIMIZER_HIDE_VAR(letter);
	kfree(letter + 8);
}

static noinline void read_past_shelf(void)
{
	char *book = shelf;

	OPTIMIZER_HIDE_VAR(book);
	WRITE_ONCE(sink, READ_ONCE(book[hidden(19)]));
}

static noinline void read_past_desk(void)
{
	char desk[16] = "";
	char *book = desk;

	OPTIMIZER_HIDE_VAR(book);
	WRITE_ONCE(sink, READ_ONCE(book[hidden(19)]));
}

static noinline void read_past_scroll(void)
{
	char *scroll = vmalloc(100);

	OPTIMIZER_HIDE_VAR(scroll);
	WRITE_ONCE(sink, READ_ONCE(scroll[hidden(127)]));
	vfree(scroll);
}

static noinline void read_burnt_page(void)
{
	char *page = (char *)__get_free_pages(GFP_KERNEL | __GFP_NOFAIL, 0);

	free_pages((unsigned long)page, 0);
	WRITE_ONCE(sink, READ_ONCE(page[hidden(3)]));
}

static noinline void read_user_letter(void)
{
	WRITE_ONCE(sink, READ_ONCE(*(__force const char *)sins_user_buffer));
}

/* KFENCE takes one allocation in an interval; the kernel is booted with a short one. */
static char *fenced_letter(void)
{
	unsigned long end = jiffies + 20 * HZ;
	char *letter;

	while (time_before(jiffies, end)) {
		letter = kmalloc(32, GFP_KERNEL | __GFP_NOFAIL);
		if (is_kfence_address(letter))
			return letter;
		kfree(letter);
		cond_resched();
	}
	pr_info("sins: KFENCE gave nothing\n");
	return NULL;
}

static noinline void read_burnt_fenced_letter(void)
{
	char *letter = fenced_letter();

	if (!letter)
		return;
	kfree(letter);
	WRITE_ONCE(sink, READ_ONCE(letter[hidden(3)]));
}

static noinline void read_past_fenced_letter(void)
{
	char *letter = fenced_letter();

	if (!letter)
		return;
	/* The object stands at one end of its page; both neighbours are guarded. */
	WRITE_ONCE(sink, READ_ONCE(letter[offset_in_page(letter) ? 32 : -1]));
	kfree(letter);
}

static noinline void write_past_fenced_letter(void)
{
	char *letter = fenced_letter();

	if (!letter)
		return;
	WRITE_ONCE(letter[offset_in_page(letter) ? 32 : -1], 0x42);
	kfree(letter);
}

static noinline void blot_fenced_letter(void)
{
	char *letter = fenced_letter();

	if (!letter)
		return;
	WRITE_ONCE(letter[offset_in_page(letter) ? -1 : 32], 0x42);
	kfree(letter);
	barrier();
}

static noinline void burn_fenced_letter_twice(void)
{
	char *letter = fenced_letter();

	if (!letter)
		return;
	kfree(letter);
	kfree(letter);
	barrier();
}

static noinline void shift_too_far(void)
{
	WRITE_ONCE(sink, 1 << (int)hidden(77));
}

static noinline void shift_backwards(void)
{
	WRITE_ONCE(sink, 1 << (int)hidden(-1));
}

static int row[4];

static noinline void read_past_row(void)
{
	WRITE_ONCE(sink, row[hidden(5)]);
}

static noinline void load_odd_bool(void)
{
	bool odd;

	memset(&odd, hidden(77), sizeof(odd));
	WRITE_ONCE(sink, READ_ONCE(odd));
}

static noinline void show_too_much(void)
{
	char *letter = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	OPTIMIZER_HIDE_VAR(letter);
	WRITE_ONCE(sink, copy_to_user((__force char __user *)sins_user_buffer, letter, hidden(377)));
	kfree(letter);
}

/* The same with a size that the compiler knows. */
static noinline void show_far_too_much(void)
{
	char *letter = kmalloc(64, GFP_KERNEL | __GFP_NOFAIL);

	WRITE_ONCE(sink, copy_to_user((__force char __user *)sins_user_buffer, letter, hidden(377)));
	kfree(letter);
}

static noinline void free_locked_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);

	lock_page(page);
	__free_page(page);
	barrier();
}

static noinline void put_free_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_NOFAIL);

	__free_page(page);
	put_page(page);
}

const struct sin memory_sins[] = {
	{ "kasan-uaf", read_burnt_letter },
	{ "kasan-slab-oob", write_past_letter },
	{ "kasan-double-free", burn_letter_twice },
	{ "kasan-invalid-free", burn_half_a_letter },
	{ "kasan-global", read_past_shelf },
	{ "kasan-stack", read_past_desk },
	{ "kasan-vmalloc", read_past_scroll },
	{ "kasan-page", read_burnt_page },
	{ "kasan-user", read_user_letter },
	{ "kfence-uaf", read_burnt_fenced_letter },
	{ "kfence-oob", read_past_fenced_letter },
	{ "kfence-oob-write", write_past_fenced_letter },
	{ "kfence-corruption", blot_fenced_letter },
	{ "kfence-double-free", burn_fenced_letter_twice },
	{ "ubsan-shift", shift_too_far },
	{ "ubsan-shift-negative", shift_backwards },
	{ "ubsan-bounds", read_past_row },
	{ "ubsan-bool", load_odd_bool },
	{ "usercopy", show_too_much },
	{ "copy-overflow", show_far_too_much },
	{ "bad-page", free_locked_page },
	{ "put-free-page", put_free_page },
	{}
};
