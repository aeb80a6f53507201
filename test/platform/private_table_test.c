/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assumed of the kernel: a thread may have a descriptor table of its own; descriptors cross by
 * SCM_RIGHTS; and a signal sent to such a thread, blocked there, wakes its signalfd.
 */
#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/test.h"

static int ready[2];
static pid_t thread_id;
/* As in the engine. */
#ifdef SIGSTKFLT
#define WAKE SIGSTKFLT
#else
#define WAKE SIGPWR
#endif

static int unshared = -1;

static void *other(void *unused)
{
	sigset_t set;
	struct signalfd_siginfo info;

	unshared = (int)syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE) < 0 ? errno : 0;
	int signal_fd;
	sigemptyset(&set);
	sigaddset(&set, WAKE);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	CHECK(signal_fd >= 0);
	__atomic_store_n(&thread_id, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	struct pollfd p = { .fd = signal_fd, .events = POLLIN };
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(read(signal_fd, &info, sizeof info), sizeof info);
	CHECK_EQ(info.ssi_signo, WAKE);
	close(signal_fd);
	return unused;
}

static void woken_without_a_descriptor(void)
{
	pthread_t thread;
	sigset_t all, old;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ready), 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	CHECK_EQ(pthread_create(&thread, NULL, other, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(WAKE, SIG_IGN);
	while (!__atomic_load_n(&thread_id, __ATOMIC_SEQ_CST))
		usleep(1000);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), thread_id, WAKE), 0);
	pthread_join(thread, NULL);
	if (unshared == ENOSYS || unshared == EPERM)
		exit(TEST_SKIP);
	CHECK_EQ(unshared, 0);
	CHECK_EQ(send(ready[0], "x", 1, 0), 1);        /* the other's closing did not reach us */
}

/* What is pending goes when its action is set to one that ignores it, and the default of SIGURG does. */
static void pending_outlives_the_default_action(void)
{
	sigset_t set, pending;

	sigemptyset(&set);
	sigaddset(&set, WAKE);
	sigaddset(&set, SIGURG);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	raise(WAKE);
	raise(SIGURG);
	signal(WAKE, SIG_DFL);
	signal(SIGURG, SIG_DFL);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK(sigismember(&pending, WAKE) && !sigismember(&pending, SIGURG));
}

int main(void)
{
	RUN(pending_outlives_the_default_action);
	RUN(woken_without_a_descriptor);
	return 0;
}
