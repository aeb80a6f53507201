/* SPDX-License-Identifier: Apache-2.0 */
/* The engine within its process: a rude closefrom, another root, signals, idle memory, a plain reader. */
#include "rendezvous.h"

#include "driver/engine.h"

static void closes_everything(void *unused)
{
	int fd = dial_home();

	(void)unused;
	for (int i = 3; i < 256; i++)
		if (i != fd)
			close(i);
	write_content(fd, LOTS, 1);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	int other = dial_home();
	close(other);
	close(fd);
}

static void closefrom_does_not_hurt(void)
{
	pid_t pid = child(closes_everything, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	int other = accept_one();
	read_end(other);
	read_end(fd);
	close(other);
	close(fd);
	expect_exit(pid, 0);
}

static void server_reads(void *argument)
{
	int *report = argument;
	char here[32];
	int l = listen_here("stream", here);

	CHECK_EQ(write(report[1], here, sizeof here), sizeof here);
	int fd = accept(l, NULL, NULL);
	read_reset(fd);
	CHECK_EQ(hawser_error(fd), ECONNRESET);
}

static void dies_after_dial(void *argument)
{
	int fd = dial_there("stream", argument);

	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	_exit(0);
}

/* A server that only reads what it accepted by plain accept(2). */
static void reading_server_sees_reset(void)
{
	int report[2];
	char there[32];

	CHECK_EQ(pipe(report), 0);
	pid_t server = child(server_reads, report);
	CHECK_EQ(read(report[0], there, sizeof there), sizeof there);
	pid_t dialler = child(dies_after_dial, there);
	expect_exit(dialler, 0);
	expect_exit(server, 0);
	close(report[0]);
	close(report[1]);
}

static void changes_root(void *argument)
{
	int *report = argument;

	alarm(20);
	char here[32], directory[] = "/tmp/hawser-test-XXXXXX";
	int l = listen_here("stream", here);

	CHECK(mkdtemp(directory));
	/* Only root may; without it the rest is tried in the old root. */
	bool changed = chroot(directory) == 0;
	CHECK_EQ(chdir("/"), 0);
	CHECK(!changed || access("/proc", F_OK) < 0);
	CHECK_EQ(write(report[1], here, sizeof here), sizeof here);
	int fd = accept(l, NULL, NULL);
	CHECK(fd >= 0);
	read_content(fd, SLOW, 1);
	read_end(fd);
	CHECK_EQ(write(report[1], directory, sizeof directory), sizeof directory);
	_exit(0);       /* LeakSanitizer would look into /proc */
}

static void server_changes_root(void)
{
	char here[32], directory[sizeof "/tmp/hawser-test-XXXXXX"];
	int report[2];

	CHECK_EQ(pipe(report), 0);
	pid_t pid = child(changes_root, report);
	CHECK_EQ(read(report[0], here, sizeof here), sizeof here);
	int fd = dial_there("stream", here);
	write_content(fd, SLOW, 1);
	close(fd);
	CHECK_EQ(read(report[0], directory, sizeof directory), sizeof directory);
	expect_exit(pid, 0);
	rmdir(directory);
	close(report[0]);
	close(report[1]);
}

static size_t blocks_lent(void)
{
	struct memory *m = &engine_running()->memory;

	pthread_mutex_lock(&m->lock);
	size_t lent = m->lent;
	pthread_mutex_unlock(&m->lock);
	return lent;
}

static void falls_idle(void *unused)
{
	int fd = dial_home();

	(void)unused;
	alarm(20);
	write_content(fd, LOTS, 1);
	CHECK_EQ(hawser_drain(fd, WAIT_MS), 0);
	read_content(fd, LOTS, 2);
	while (blocks_lent() > 0)
		usleep(20000);
	/* It is as good as new. */
	write_content(fd, LOTS, 3);
	close(fd);
}

static void an_idle_session_holds_no_memory(void)
{
	pid_t pid = child(falls_idle, NULL);
	int fd = accept_one();

	read_content(fd, LOTS, 1);
	write_content(fd, LOTS, 2);
	read_content(fd, LOTS, 3);
	read_end(fd);
	close(fd);
	expect_exit(pid, 0);
}

static void *resets_signals(void *unused)
{
	for (;;)
		for (int i = 1; i < 32; i++)
			if (i != SIGALRM)
				signal(i, SIG_DFL);
	return unused;
}

static void has_signals_of_its_own(void *unused)
{
	int fd = dial_home();
	struct hawser_info info;
	pthread_t thread;
	sigset_t set;

	(void)unused;
	alarm(20);
	sigemptyset(&set);
	sigaddset(&set, SIGURG);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(kill(getpid(), SIGURG), 0);
	CHECK_EQ(kill(getpid(), SIGIO), 0);
	usleep(50000);
	CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	CHECK_EQ(sigpending(&set), 0);
	CHECK(sigismember(&set, SIGURG) && sigismember(&set, SIGIO));
	CHECK_EQ(pthread_create(&thread, NULL, resets_signals, NULL), 0);
	for (unsigned i = 0; i < 20000; i++)
		CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	_exit(0);
}

/* The engine takes none of the program's signals; a program that sets them anew, none of the engine's. */
static void signals_stay_apart(void)
{
	child_and(has_signals_of_its_own, expect_reset);
}

int main(void)
{
	rendezvous_open();
	RUN(reading_server_sees_reset);
	RUN(closefrom_does_not_hurt);
	RUN(server_changes_root);
	RUN(an_idle_session_holds_no_memory);
	RUN(signals_stay_apart);
	return 0;
}
