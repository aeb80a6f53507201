/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hosts and two networks, real interfaces with a default route each. The second comes when the session
 * stands, and goes in the middle of what is sent: what listener and dialler do at the kernel's news, and what
 * is bound to one interface. Each host is a process with networks of its own; without the right to make them
 * there is no such scenario.
 */
#include "test/fault/scenarios.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/fault/fault.h"
#include "test/fault/scenario.h"

#define THERE (120u << 10)
/* Long enough for the dialler to have looked at the news. Where it is not, it looks later: nothing depends on it. */
#define SETTLED_MS 200
#define BACK  (40u << 10)

/* Where the two tell each other how far they are; the dialler's end is [1]. */
static int channel[2];
/* The dialler's second network comes while it still dials by the first: nobody answers there yet. */
static bool early;

static bool ip(const char *format, ...)
{
	va_list arguments;
	FILE *to = popen("ip -batch - > /dev/null 2>&1", "w");

	if (!to)
		return false;
	va_start(arguments, format);
	vfprintf(to, format, arguments);
	va_end(arguments);
	return pclose(to) == 0;
}

/* Host number `host`, 1 or 2, gets its part of a network; there is none when the other host has gone. */
static void network_comes(unsigned network, unsigned host)
{
	if (!ip("address add 10.77.%u.%u/24 dev net%u\nlink set net%u up\n"
		"route add default via 10.77.%u.%u dev net%u metric %u\n",
		network, host, network, network, network, 3 - host, network, network) &&
	    atomic_load(&fault_run->fired) == 0)
		lie("ip: network %u of host %u", network, host);
}

static void tell(int fd, int word)
{
	if (send(fd, &word, sizeof word, MSG_NOSIGNAL) != (ssize_t)sizeof word && errno != EPIPE &&
	    errno != ECONNRESET)
		lie("send to the other process: %s", strerror(errno));
}

/* False: the other one has given up. */
static bool hear(int fd, int *word)
{
	return recv(fd, word, sizeof *word, MSG_WAITALL) == (ssize_t)sizeof *word;
}

/* IPv4 alone: addresses that IPv6 makes by itself are news seconds later, and would hide what was missed. */
static bool own_networks(void)
{
	static const char *const off[] = { "all", "default" };

	if (unshare(CLONE_NEWNET) < 0 || !ip("link set lo up\n"))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof name, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", off[i]);
		FILE *file = fopen(name, "w");
		if (file) {
			fputs("1", file);
			fclose(file);
		}
	}
	return true;
}

/* False: the session was reset. */
static bool sends(int fd, uint64_t from, uint64_t to, uint8_t seed)
{
	uint8_t bytes[5000];

	while (from < to) {
		size_t length = to - from < sizeof bytes ? (size_t)(to - from) : sizeof bytes;

		fill(bytes, length, from, seed);
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n < 0) {
			ended_abnormally(fd, "send");
			return false;
		}
		from += (uint64_t)n;
	}
	return true;
}

/* Reads up to `to`, or, where that is all, to the end. False: the session was reset. */
static bool receives(int fd, uint64_t from, uint64_t to, bool all, uint8_t seed)
{
	uint8_t bytes[5000];

	while (from < to || all) {
		size_t length = from == to ? 1 : to - from < sizeof bytes ? (size_t)(to - from) : sizeof bytes;
		ssize_t n = recv(fd, bytes, length, 0);

		if (n < 0) {
			ended_abnormally(fd, "recv");
			return false;
		}
		if (n == 0 && from < to)
			lie("a clean end after %llu of %llu bytes", (unsigned long long)from,
			    (unsigned long long)to);
		if (n == 0)
			return true;
		if (from == to)
			lie("more bytes than were sent");
		verify(bytes, (size_t)n, from, seed);
		from += (uint64_t)n;
	}
	return true;
}

static unsigned paths_up(int fd)
{
	struct hawser_path_info paths[16];
	int count = hawser_paths(fd, paths, 16, sizeof paths[0]);
	unsigned up = 0;

	if (count < 0)
		refused("hawser_paths");
	for (int i = 0; i < count; i++)
		up += paths[i].state < HAWSER_PATH_DOWN;
	return up;
}

/* Until the second network's path is there, or the session is over. */
static void second_path(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (paths_up(fd) < 2 && poll(&p, 1, 2) == 0)
		;
}

/* The listener has the session, or the one that dialled is told that it is no more. */
static bool is_accepted(int fd)
{
	struct pollfd p[2] = { { .fd = channel[1], .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	char byte;
	int word;

	if (poll(p, 2, -1) < 0)
		lie("poll: %s", strerror(errno));
	if (p[0].revents)
		return hear(channel[1], &word);
	if (recv(fd, &byte, 1, 0) >= 0)
		lie("a session that was never accepted ends cleanly");
	ended_abnormally(fd, "recv, never accepted");
	return false;
}

static void is_the_dialler(void *unused)
{
	struct ends e = { .listening = -1, .dialled = -1, .accepted = -1 };
	char address[64];

	(void)unused;
	close(channel[0]);
	if (!own_networks())
		return;
	tell(channel[1], 0);
	if (!hear(channel[1], &e.port))
		return;
	network_comes(1, 2);
	fault_arm(true);
	hawser_options *o = options_with("insecure", "yes", "nonblock", early ? "yes" : "no", NULL);
	ends_address(&e, "10.77.1.1,10.77.2.1", address);
	bool open = o && ends_dial(&e, address, o);
	hawser_options_free(o);
	if (open && early) {
		network_comes(2, 2);
		poll(NULL, 0, SETTLED_MS);
		tell(channel[1], 0);
		if (hawser_wait(e.dialled, -1) < 0)
			open = refused("hawser_wait");
	}
	if (!open || !is_accepted(e.dialled))
		return;
	if (!early)
		network_comes(2, 2);
	second_path(e.dialled);
	if (sends(e.dialled, 0, THERE, 5)) {
		shutdown(e.dialled, SHUT_WR);
		receives(e.dialled, 0, BACK, true, 6);
	}
	ends_close(&e);
}

static void serves(struct ends *e, int gone)
{
	struct pollfd p[2] = {
		{ .fd = e->listening, .events = POLLIN }, { .fd = gone, .events = POLLIN },
	};
	int word;

	if (early) {
		if (!hear(gone, &word))
			return;
		network_comes(1, 1);
		network_comes(2, 1);
	}
	if (poll(p, 2, -1) < 0)
		lie("poll: %s", strerror(errno));
	e->accepted = p[0].revents ? accept(e->listening, NULL, NULL) : -1;
	if (e->accepted < 0)
		return;                 /* the dialler was refused */
	if (!early)
		network_comes(2, 1);
	tell(gone, 0);
	if (receives(e->accepted, 0, THERE / 2, false, 5)) {
		if (!ip("link set net2 down\n") && atomic_load(&fault_run->fired) == 0)
			lie("ip: network 2 down");
		if (receives(e->accepted, THERE / 2, THERE, true, 5))
			sends(e->accepted, 0, BACK, 6);
	}
}

void run_networks(void)
{
	struct ends e = { .listening = -1, .dialled = -1, .accepted = -1 };
	int pid, ready;

	fault_arm(false);
	if (!own_networks())
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) < 0)
		lie("socketpair: %s", strerror(errno));
	pid = child_begin(is_the_dialler, NULL);
	close(channel[1]);
	if (hear(channel[0], &ready)) {
		if (!ip("link add net1 type veth peer name net1 netns %d\n"
			"link add net2 type veth peer name net2 netns %d\n", pid, pid))
			lie("ip: two networks");
		if (early && !ip("link set net1 up\nlink set net2 up\n"))
			lie("ip: up");
		if (!early)
			network_comes(1, 1);
		fault_arm(true);
		hawser_options *o = options_with("insecure", "yes", NULL);
		if (ends_listen(&e, "0", o)) {
			tell(channel[0], e.port);
			serves(&e, channel[0]);
		}
		hawser_options_free(o);
		ends_close(&e);
	}
	close(channel[0]);
	child_end(pid);
}

void run_networks_early(void)
{
	early = true;
	run_networks();
}
