/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probe guest: shows in a few milliseconds whether an accelerator really executes a kernel.
 *
 * QEMU loads it like a vmlinux through its PVH entry (a 32-bit address in an ELF note), that is after firmware
 * and real mode. It then does what a kernel does first and what broken nested hosts stumble over: page tables,
 * long mode, an interrupt table, a fault, and interrupts from a timer while the CPU halts. Success is the byte
 * PROBE_OK written to the debug exit port; QEMU then ends with status (PROBE_OK << 1) | 1.
 */
#define EXIT_PORT	0xf4
#define PROBE_OK	0x2a
#define TICKS		3
#define PVH_NOTE	18	/* XEN_ELFNOTE_PHYS32_ENTRY */

	.section .note.pvh, "a", @note
	.long	4, 4, PVH_NOTE
	.asciz	"Xen"
	.long	start

	.text
	.code32
	.globl	start
start:
	cli
	movl	$stack_top, %esp
	xorl	%ebx, %ebx
	/* One table each: 2 MiB pages that map the first GiB to itself. */
	movl	$level3 + 3, level4
	movl	$level2 + 3, level3
	xorl	%ecx, %ecx
1:	movl	%ecx, %eax
	shll	$21, %eax
	orl	$0x83, %eax
	movl	%eax, level2(, %ecx, 8)
	incl	%ecx
	cmpl	$512, %ecx
	jne	1b
	movl	$level4, %eax
	movl	%eax, %cr3
	movl	%cr4, %eax
	orl	$0x20, %eax			/* PAE */
	movl	%eax, %cr4
	movl	$0xc0000080, %ecx		/* EFER */
	rdmsr
	orl	$0x100, %eax			/* LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000001, %eax		/* PG, PE */
	movl	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$8, $long_mode

	.code64
long_mode:
	xorl	%eax, %eax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movl	$fault, %eax
	movl	$idt + 6 * 16, %edi		/* invalid opcode */
	call	set_gate
	movl	$tick, %eax
	movl	$idt + 32 * 16, %edi		/* the timer, once the PIC is moved there */
	call	set_gate
	lidt	idt_pointer
	ud2
	testl	%ebx, %ebx
	je	hang
	/* PIC: vectors from 32, only line 0 open. */
	movb	$0x11, %al
	outb	%al, $0x20
	movb	$32, %al
	outb	%al, $0x21
	movb	$4, %al
	outb	%al, $0x21
	movb	$1, %al
	outb	%al, $0x21
	movb	$0xfe, %al
	outb	%al, $0x21
	/* PIT channel 0: rate generator, about 1 kHz. */
	movb	$0x34, %al
	outb	%al, $0x43
	movb	$0xa9, %al
	outb	%al, $0x40
	movb	$0x04, %al
	outb	%al, $0x40
	xorl	%ebp, %ebp
2:	sti
	hlt
	cli
	cmpl	$TICKS, %ebp
	jb	2b
	movb	$PROBE_OK, %al
	outb	%al, $EXIT_PORT
hang:
	hlt
	jmp	hang

/* Make the gate at %rdi lead to the handler %eax. */
set_gate:
	movw	%ax, (%rdi)
	shrl	$16, %eax
	movw	$8, 2(%rdi)
	movw	$0x8e00, 4(%rdi)
	movw	%ax, 6(%rdi)
	ret

fault:
	movl	$1, %ebx
	addq	$2, (%rsp)			/* ud2 is two bytes long */
	iretq

tick:
	incl	%ebp
	movb	$0x20, %al
	outb	%al, $0x20
	iretq

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0x00af9a000000ffff		/* 64-bit code */
gdt_pointer:
	.word	. - gdt - 1
	.long	gdt
idt_pointer:
	.word	33 * 16 - 1
	.quad	idt

	.bss
	.balign	4096
level4:	.skip	4096
level3:	.skip	4096
level2:	.skip	4096
idt:	.skip	4096
	.skip	4096
stack_top:

	.section .note.GNU-stack, "", @progbits
