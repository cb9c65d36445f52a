// SPDX-License-Identifier: GPL-2.0-only
/* Stops every CPU for ever with its interrupts off: a guest that not even sysrq can wake. */

#include <linux/module.h>
#include <linux/smp.h>

static void stick(void *unused)
{
	local_irq_disable();
	for (;;)
		cpu_relax();
}

static int __init stuck_init(void)
{
	on_each_cpu(stick, NULL, 0);
	return 0;
}
module_init(stuck_init);

MODULE_DESCRIPTION("stops every CPU with its interrupts off");
MODULE_LICENSE("GPL");
