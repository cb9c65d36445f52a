/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * percpu_probe: workloads that drive the per-CPU allocator and measure what it does.
 *
 * The module only measures. What a measurement means is decided by the host that reads the
 * result file.
 */
#ifndef PERCPU_PROBE_H
#define PERCPU_PROBE_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/tracepoint.h>
#include <linux/types.h>

#ifndef CONFIG_LOCKDEP
#error "percpu_probe looks at held locks: build the kernel with CONFIG_PROVE_LOCKING=y"
#endif

/* main.c: what the module was loaded with; 0 stands for the workload's own default. */
extern bool pp_sabotage;
extern unsigned int pp_seed;
extern unsigned int pp_count;
extern unsigned int pp_seconds;

/**
 * struct pp_workload - one way to drive the allocator
 * @name: value of the module parameter "workload"
 * @parts: number of pp_part() calls that a complete run makes
 * @prepare: what every run starts from, if anything, when neither sabotage nor seed is known;
 *	returns 0 or a negative errno
 * @run: returns 0 when it ran to its end, whatever it found, else a negative errno
 */
struct pp_workload {
	const char *name;
	unsigned int parts;
	int (*prepare)(void);
	int (*run)(void);
};

extern const struct pp_workload pp_reclaim_inversion;
extern const struct pp_workload pp_constrained_holder;
extern const struct pp_workload pp_exhaust;
extern const struct pp_workload pp_reclaim_audit;
extern const struct pp_workload pp_atomic_refill;
extern const struct pp_workload pp_storm;
extern const struct pp_workload pp_reclaim_recursion;
extern const struct pp_workload pp_nofail;
extern const struct pp_workload pp_scan;

/* result.c: the result file, and KTAP on the console. */
int pp_result_open(const struct pp_workload *workload);
void pp_result_ready(void);
void pp_result_unready(void);
void pp_result_finish(int error);
ssize_t pp_result_read(char __user *buffer, size_t size, loff_t *at);
void pp_result_close(void);
__printf(2, 3) void pp_counter(u64 value, const char *fmt, ...);
__printf(1, 2) void pp_note(const char *fmt, ...);
void pp_witness(const char *name, bool seen);
void pp_series(const char *name, atomic_t *bins, unsigned int count, unsigned int bin_ms);
void pp_path(const char *label, unsigned long count, const unsigned long *stack,
	     unsigned int depth);
__printf(3, 4) void pp_part(const char *name, bool ok, const char *fmt, ...);

/* trigger.c: the device that starts a workload which was only prepared. */
int pp_trigger_open(void (*run)(void));
void pp_trigger_close(void);

/* caller.c: who asks for memory, and how. */
enum pp_scope { PP_SCOPE_NONE, PP_SCOPE_NOFS, PP_SCOPE_NOIO };

struct pp_caller {
	const char *name;
	gfp_t gfp;
	enum pp_scope scope;
};

enum pp_caller_id {
	PP_KERNEL,
	PP_NOFS_FLAG,
	PP_NOIO_FLAG,
	PP_NOFS_SCOPE,
	PP_NOIO_SCOPE,
	PP_ATOMIC,
	PP_NOWAIT,
	PP_CALLERS,
};

extern const struct pp_caller pp_callers[PP_CALLERS];

/* The sleepable callers that must not recurse into FS or IO reclaim. */
#define PP_FIRST_CONSTRAINED	PP_NOFS_FLAG
#define PP_LAST_CONSTRAINED	PP_NOIO_SCOPE
#define PP_NR_CONSTRAINED	(PP_LAST_CONSTRAINED - PP_FIRST_CONSTRAINED + 1)

struct pp_batch {
	void __percpu **areas;
	unsigned int size;
	unsigned int used;
};

unsigned int pp_scope_enter(enum pp_scope scope);
void pp_scope_leave(enum pp_scope scope, unsigned int saved);
void __percpu *pp_alloc(enum pp_caller_id who, size_t size, size_t align, gfp_t extra);
int pp_batch_init(struct pp_batch *batch, unsigned int size);
unsigned int pp_batch_fill(struct pp_batch *batch, enum pp_caller_id who, unsigned int count,
			   size_t size, gfp_t extra);
void pp_batch_free(struct pp_batch *batch);
void pp_batch_destroy(struct pp_batch *batch);

/* probe.c: probes on the kernel's tracepoints, and the locks that the current task holds. */
struct pp_probe {
	const char *name;
	void *function;
	struct tracepoint *point;
	bool attached;
};

bool pp_probes_attach(struct pp_probe *probes, unsigned int count);
void pp_probes_detach(struct pp_probe *probes, unsigned int count);
bool pp_current_holds(const char *lock);

/* watch.c: what percpu did meanwhile, by its own tracepoints. */
struct pp_watch {
	atomic_t chunks_created;
	atomic_t chunks_created_by_worker;
	atomic_t chunks_destroyed;
	atomic_t pages_populated;
	atomic_t worker_pages;
	atomic_t fails_mine;
	atomic_t fails_other;
};

extern struct pp_watch pp_watch;

void pp_watch_attach(void);
void pp_watch_detach(void);
void pp_watch_start(void);
void pp_watch_stop(void);
void pp_watch_on_create(void (*hook)(void));
void pp_watch_on_page(void (*hook)(unsigned int order));
void pp_watch_on_reclaim(void (*hook)(void));
void pp_watch_report(void);

/*
 * reclaim.c: two locks that reclaim takes, how lockdep came to know it, and memory that is so short
 * that reclaim is entered again and again.
 */
extern struct mutex pp_taught_lock;
extern struct mutex pp_shrinker_lock;

void pp_teach_reclaim_lock(void);
int pp_reclaim_through_shrinker(void);
int pp_hoard_start(void (*on_scan)(gfp_t gfp));
unsigned long pp_hoarded(void);
void pp_hoard_more(void);
void pp_hoard_stop(void);

/* stand_in.c: a mutex of ours that is misused the way pcpu_alloc_mutex must not be. */
extern struct mutex pp_stand_in_mutex;

void pp_stand_in_allocate(enum pp_caller_id who);

#endif /* PERCPU_PROBE_H */
