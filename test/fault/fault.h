/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault injection: every call of the library that can fail goes through a wrapper of test/fault, which
 * counts it by call site and, where the plan says so, has it fail.
 *
 *      driver, transport --(names changed by rename.sh)--> fault_socket() --> socket()
 *
 * A run is one process (and its children) with one plan. What it counts lies in memory that it shares
 * with the program that started it. The wrapped functions and what each may fail with are one table:
 */
#ifndef HAWSER_TEST_FAULT_H
#define HAWSER_TEST_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_ERRORS_MOST 8
#define FAULT_SITES_MOST  2048u
/* Not an errno: the call moves less than it was asked to; a descriptor that comes is lost. */
#define FAULT_SHORT 1000

/*
 * X(function, what it may fail with, the likeliest first). What does not fit the descriptor at hand (EAGAIN
 * of a socket that is not connected to a network, say) is replaced by the wrapper.
 */
#define FAULT_FUNCTIONS(X) \
	X(accept4, EMFILE, ENOMEM, ECONNABORTED, EPERM, EINTR) \
	X(atexit, ENOMEM) \
	X(bind, EADDRINUSE, ENOMEM, EACCES) \
	X(calloc, ENOMEM) \
	X(chmod, EPERM) \
	X(close, EIO) \
	X(connect, ENOMEM, ENETUNREACH, ECONNREFUSED, EADDRNOTAVAIL, EPERM, EAGAIN) \
	X(dup, EMFILE) \
	X(epoll_create1, EMFILE, ENOMEM) \
	X(epoll_ctl, ENOMEM, ENOSPC) \
	X(epoll_wait, EINTR) \
	X(eventfd, EMFILE, ENOMEM) \
	X(fclose, EIO) \
	X(fcntl64, EMFILE) \
	X(fflush, ENOMEM) \
	X(fgets, EIO) \
	X(fopen64, EMFILE) \
	X(fprintf, ENOMEM) \
	X(fputc, ENOMEM) \
	X(fputs, ENOMEM) \
	X(fstat64, ENOMEM) \
	X(fwrite, ENOMEM) \
	X(getaddrinfo, ENOMEM, EAGAIN, EMFILE, EHOSTUNREACH) \
	X(getifaddrs, ENOMEM, EMFILE) \
	X(getpeername, ENOBUFS) \
	X(getrandom, ENOSYS, EINTR, FAULT_SHORT) \
	X(getsockname, ENOBUFS) \
	X(getsockopt, EPERM, ENOBUFS) \
	X(if_indextoname, ENXIO) \
	X(if_nametoindex, ENODEV) \
	X(inotify_add_watch, ENOSPC, ENOMEM) \
	X(inotify_init1, EMFILE, ENOMEM) \
	X(ioctl, EPERM) \
	X(link, EPERM, ENOSPC) \
	X(listen, EADDRINUSE) \
	X(lstat64, EACCES) \
	X(malloc, ENOMEM) \
	X(mkdir, ENOSPC) \
	X(mkdtemp, ENOSPC) \
	X(mmap64, ENOMEM) \
	X(munmap, ENOMEM) \
	X(open64, EMFILE, ENOMEM) \
	X(open_memstream, ENOMEM) \
	X(opendir, EMFILE, ENOMEM) \
	X(poll, ENOMEM, EINTR) \
	X(ppoll, ENOMEM, EINTR) \
	X(pthread_atfork, ENOMEM) \
	X(pthread_attr_init, ENOMEM) \
	X(pthread_attr_setstacksize, EINVAL) \
	X(pthread_create, EAGAIN, EPERM) \
	X(pthread_setname_np, ERANGE) \
	X(read, EINTR, ENOMEM) \
	X(readdir64, EIO) \
	X(realloc, ENOMEM) \
	X(reallocarray, ENOMEM) \
	X(recv, ENOMEM, EAGAIN) \
	X(recvmsg, ECONNRESET, ENOMEM, ETIMEDOUT, EAGAIN, EINTR, FAULT_SHORT) \
	X(rename, ENOSPC) \
	X(rmdir, EBUSY) \
	X(sem_wait, EINTR) \
	X(send, ENOBUFS, EAGAIN, EPERM) \
	X(sendmsg, ENOMEM, ECONNRESET, EPIPE, ENOBUFS, EAGAIN, EINTR, FAULT_SHORT) \
	X(setsockopt, EPERM, ENOMEM, ENODEV) \
	X(shutdown, ENOTCONN) \
	X(signalfd, EMFILE, ENOMEM) \
	X(socket, EMFILE, ENOBUFS, EPERM, EAFNOSUPPORT) \
	X(socketpair, EMFILE, ENOMEM) \
	X(syscall, EPERM, ENOSYS, EINTR, ENOMEM) \
	X(unlink, EBUSY) \
	X(unshare, EPERM)

#define FAULT_ENUM(name, ...) FAULT_##name,
enum fault_function { FAULT_NONE, FAULT_FUNCTIONS(FAULT_ENUM) FAULT_FUNCTIONS_COUNT };

struct fault_function_row {
	const char *name;
	int errors[FAULT_ERRORS_MOST];          /* ends with 0 */
};
extern const struct fault_function_row fault_functions[FAULT_FUNCTIONS_COUNT];

/*
 * Kinds of calls that fail together when something has run out. Each counts as a site, too: of calls from
 * anywhere.
 */
enum fault_kind { FAULT_KIND_NONE, FAULT_MEMORY, FAULT_DESCRIPTORS, FAULT_KINDS_COUNT };
extern const char *const fault_kind_names[FAULT_KINDS_COUNT];
#define FAULT_KIND_KEY(kind) (UINT64_C(0xffff) << 48 | (kind))

/* Where the library calls a function from: the function in the upper 16 bits, below the place in the program. */
struct fault_site {
	_Atomic uint64_t key;                   /* 0: free */
	atomic_uint calls;
	atomic_uint live;                       /* clean runs: blocks of it that stayed to the end, at most */
};

struct fault_plan {
	uint64_t key;                           /* 0: nothing fails */
	unsigned first, count;                  /* calls first .. first + count of that site fail */
	int error;
};

/* One run: written by its processes, read by the program that started it. */
struct fault_run {
	struct fault_plan plan;
	const struct fault_run *baseline;       /* a clean run of the same scenario; NULL: this is one */
	unsigned baseline_descriptors;
	atomic_uint fired;                      /* how often the plan came true */
	atomic_uint cut;                        /* the next use of a network connection breaks it */
	atomic_uint refused;                    /* how often the library returned an error */
	unsigned descriptors;                   /* clean: of the engine at the end */
	struct fault_site sites[FAULT_SITES_MOST];
};

/* Of this process; its children count on. NULL: none. */
extern struct fault_run *fault_run;
/* Calls are counted, and fail, between these. */
void fault_arm(bool armed);
/* Entry for wrappers: 0, or what this call has to fail with. `from` is where it returns to. */
int fault_due(enum fault_function f, const void *from);

/* The site of that key, made if it must be. */
struct fault_site *fault_site(struct fault_run *run, uint64_t key);
uint64_t fault_key(enum fault_function f, const void *from);

/* Blocks of the library, by the site that took them. */
void *fault_track(void *block, enum fault_function f, const void *from);
void fault_untrack(void *block);
/* Of this process: blocks of that site that have not been given back. */
unsigned fault_live(const struct fault_site *site);

/* The next use of a network connection finds it broken. */
void fault_cut(void);

/* The function of a key; FAULT_NONE: a kind. */
enum fault_function fault_function_of(uint64_t key);
/* symbols.c: "function@caller#2", the place in the program of a key, or the name of a kind. */
void fault_site_text(const struct fault_run *run, uint64_t key, char *text, size_t size);

#endif
