/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which paths a session gets between peers that stand to each other in various ways, seen from both
 * ends: by hawser_paths and by the kernel's counters of the interfaces.
 *
 *	peers NETNS-A NETNS-B SCENARIO       the scenarios are the table at the end
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/net/common.h"

#define MESSAGE_BYTES UINT64_C(500000)
#define LOAD_BYTES    UINT64_C(1000000) /* through an interface that carries its share */

/* Sets of networks are masks: bit n for netn, bit 0 for any other interface. */
struct board {
	_Atomic unsigned port;
	_Atomic bool over;
	_Atomic uint64_t sent;
	_Atomic unsigned carrying, elsewhere, loaded;   /* at the acceptor, of the session that goes on */
};

static struct board *board;

struct view {
	struct tally tally;
	uint64_t load_before[3];
	unsigned carrying;      /* stream bytes went both ways there, by hawser_paths */
	unsigned elsewhere;     /* marked so */
	unsigned loaded;        /* the kernel sent LOAD_BYTES there */
};

/* Bytes that the kernel has sent on net1 and net2 of this process's network namespace. */
static void load_read(uint64_t load[3])
{
	FILE *file = fopen("/proc/self/net/dev", "r");
	char line[512];

	memset(load, 0, 3 * sizeof load[0]);
	if (!file)
		fail("no /proc/self/net/dev");
	while (fgets(line, sizeof line, file)) {
		unsigned network;
		unsigned long long bytes;

		if (sscanf(line, " net%u: %*u %*u %*u %*u %*u %*u %*u %*u %llu", &network, &bytes) == 2 &&
		    network <= 2)
			load[network] = bytes;
	}
	fclose(file);
}

static void view_begin(struct view *view)
{
	memset(view, 0, sizeof *view);
	load_read(view->load_before);
}

static void view_update(struct view *view, int fd)
{
	struct hawser_path_info paths[32];
	int count = hawser_paths(fd, paths, 32, sizeof paths[0]);
	uint64_t load[3];

	tally_update(&view->tally, fd);
	view->elsewhere = 0;
	for (int i = 0; i < count; i++)
		view->elsewhere |= paths[i].replies_elsewhere ? 1u << network_of(&paths[i]) : 0;
	for (unsigned network = 0; network <= 2; network++)
		if (tally_sent(&view->tally, network) > 0 && tally_received(&view->tally, network) > 0)
			view->carrying |= 1u << network;
	load_read(load);
	for (unsigned network = 1; network <= 2; network++)
		if (load[network] >= view->load_before[network] + LOAD_BYTES)
			view->loaded |= 1u << network;
}

/* --- The acceptor answers every message by one of its own --- */

static void serve(hawser_t *h)
{
	static struct view view;

	view_begin(&view);
	for (uint64_t n = 0;; n++) {
		uint8_t first[16];
		int flags = 0;
		ssize_t got = hawser_recv(h, first, sizeof first, &flags);

		if (got == 0 && flags == 0) {
			if (n != board->sent)
				fail("%llu messages came of %llu", (unsigned long long)n,
				     (unsigned long long)board->sent);
			break;
		}
		if (got < 0)
			fail_reason(hawser_fd(h), "receiving");
		payload_check(payload_seed(0, n), 0, first, (size_t)got);
		message_receive(h, payload_seed(0, n), (uint64_t)got, MESSAGE_BYTES);
		message_send(h, payload_seed(1, n), MESSAGE_BYTES);
		view_update(&view, hawser_fd(h));
		board->carrying = view.carrying;
		board->elsewhere = view.elsewhere;
		board->loaded = view.loaded;
	}
	end_sending(h);
	close_cleanly(h);
}

static void acceptor(void)
{
	hawser_options *options = options_of("kind", "message", NULL);
	int listening_fd = hawser_listen("0", options);
	struct pollfd readable = { .fd = listening_fd, .events = POLLIN };

	if (listening_fd < 0)
		fail_reason(-1, "listening");
	hawser_options_free(options);
	board->port = (unsigned)hawser_port(listening_fd);
	while (!board->over) {
		alive();
		if (poll(&readable, 1, 50) == 1)
			serve(await_session(listening_fd));
	}
	close(listening_fd);
}

/* --- The dialler --- */

struct expected {
	unsigned carrying, elsewhere, loaded;
};

static bool as_expected(const struct view *view, const struct expected *expected)
{
	return view->carrying == expected->carrying && board->carrying == expected->carrying &&
	       view->elsewhere == expected->elsewhere && board->elsewhere == expected->elsewhere &&
	       (view->loaded & expected->loaded) == expected->loaded &&
	       (board->loaded & expected->loaded) == expected->loaded;
}

static hawser_t *dial_mode(const char *hosts, unsigned mode)
{
	uint64_t limit_ns = hung_ns(), start_ns;
	char address[256];
	hawser_t *h;

	while (board->port == 0)
		pause_until(limit_ns, "the listener");
	board->sent = 0;
	board->carrying = board->elsewhere = board->loaded = 0;
	snprintf(address, sizeof address, "%s:%u", hosts, board->port);
	start_ns = now_ns();
	h = dial(address, options_of("kind", "message", "mode", mode_names[mode], NULL));
	printf("%s: connected after %.1f ms\n", address,
	       (double)(now_ns() - start_ns) / (double)NS_PER_MS);
	fflush(stdout);
	return h;
}

/* Exchanges messages until both ends see what is expected. */
static void talk_until(hawser_t *h, struct view *view, const struct expected *expected)
{
	uint64_t limit_ns = hung_ns();

	do {
		uint64_t n = board->sent++;

		message_send(h, payload_seed(0, n), MESSAGE_BYTES);
		message_receive(h, payload_seed(1, n), 0, MESSAGE_BYTES);
		drain(h);
		view_update(view, hawser_fd(h));
		if (now_ns() < limit_ns)
			continue;
		show_paths(hawser_fd(h));
		fail("networks expected: carrying %x, elsewhere %x, loaded %x; here %x %x %x, at the "
		     "acceptor %x %x %x", expected->carrying, expected->elsewhere, expected->loaded,
		     view->carrying, view->elsewhere, view->loaded, board->carrying, board->elsewhere,
		     board->loaded);
	} while (!as_expected(view, expected));
}

static void hang_up(hawser_t *h)
{
	end_sending(h);
	receive_end(h);
	close_cleanly(h);
}

static void talk(const char *hosts, unsigned mode, const struct expected *expected)
{
	static struct view view;
	hawser_t *h;

	view_begin(&view);
	h = dial_mode(hosts, mode);
	talk_until(h, &view, expected);
	if (info_of(hawser_fd(h)).paths < (unsigned)__builtin_popcount(expected->carrying))
		fail("too few paths");
	hang_up(h);
}

static void one(void)
{
	for (unsigned mode = 0; mode < MODES; mode++)
		talk("10.77.1.2", mode, &(struct expected){ .carrying = 2, .loaded = 2 });
	talk("[fd77:1::2]", HAWSER_CONVERGE, &(struct expected){ .carrying = 2, .loaded = 2 });
	/* Two addresses of one network are not two paths. */
	talk("10.77.1.2,[fd77:1::2]", HAWSER_CONVERGE, &(struct expected){ .carrying = 2, .loaded = 2 });
}

static void same_host(void)
{
	static const char *const hosts[] = { "127.0.0.1", "[::1]", "localhost", "10.77.1.1", "[fd77:1::1]" };

	for (unsigned mode = 0; mode < MODES; mode++)
		talk(hosts[0], mode, &(struct expected){ .carrying = 1 });
	for (unsigned i = 1; i < sizeof hosts / sizeof hosts[0]; i++) {
		static struct view view;
		hawser_t *h = dial_mode(hosts[i], HAWSER_CONVERGE);

		view_begin(&view);
		for (unsigned n = 0; n < 4; n++) {
			board->sent = n + 1;
			message_send(h, payload_seed(0, n), MESSAGE_BYTES);
			message_receive(h, payload_seed(1, n), 0, MESSAGE_BYTES);
		}
		hang_up(h);
	}
}

/* One address leads nowhere at the start; its network comes later, and its path with it. */
static void dead(void)
{
	static const char *const orders[] = { "10.77.1.2,10.77.2.2", "10.77.2.2,10.77.1.2" };
	static struct view view;

	for (unsigned order = 0; order < 2; order++) {
		talk(orders[order], HAWSER_STRIPE, &(struct expected){ .carrying = 6, .loaded = 6 });
		for (unsigned network = 1; network <= 2; network++) {
			hawser_t *h;

			lab("lab_cut %u", network);
			printf("network %u dead: ", network);
			view_begin(&view);
			h = dial_mode(orders[order], HAWSER_STRIPE);
			talk_until(h, &view, &(struct expected){ .carrying = 6 & ~(1u << network) });
			lab("lab_heal %u", network);
			talk_until(h, &view, &(struct expected){ .carrying = 6, .loaded = 6 });
			hang_up(h);
		}
	}
}

/* The networks share one routing table that sends everything by net1. */
static void replies(void)
{
	talk("10.77.1.2,10.77.2.2", HAWSER_STRIPE, &(struct expected){ .carrying = 6, .loaded = 6 });
	talk("10.77.1.2,10.77.2.2", HAWSER_DUPLICATE, &(struct expected){ .carrying = 6, .loaded = 6 });
}

/* The same where sockets cannot be bound to an interface: said of the path of net2, at both ends. */
static void elsewhere(void)
{
	talk("10.77.1.2,10.77.2.2", HAWSER_STRIPE,
	     &(struct expected){ .carrying = 6, .elsewhere = 4, .loaded = 2 });
}

/* The acceptor's second network comes, then the first goes and comes back, while its listener stands. */
static void returns(void)
{
	while (board->port == 0)
		pause_until(hung_ns(), "the listener");
	for (unsigned network = 2; network >= 1; network--) {
		lab("lab_interface %u down b", network);
		lab("lab_interface %u up b && net_routed %u b && door %u", network, network, network);
		talk("10.77.1.2,10.77.2.2", HAWSER_STRIPE, &(struct expected){ .carrying = 6, .loaded = 6 });
	}
}

static void forbid_binding(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SO_BINDTODEVICE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) {
		printf("no seccomp: skipped\n");
		exit(77);
	}
}

static const struct scenario {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "one", one }, { "same_host", same_host }, { "dead", dead }, { "replies", replies },
	{ "elsewhere", elsewhere }, { "returns", returns },
};

static const struct scenario *scenario;

static void dialler(void)
{
	scenario->run();
	board->over = true;
}

int main(int argc, char **argv)
{
	struct ends ends = { .dialler = dialler, .acceptor = acceptor };

	for (unsigned i = 0; argc == 4 && i < sizeof scenarios / sizeof scenarios[0]; i++)
		if (strcmp(argv[3], scenarios[i].name) == 0)
			scenario = &scenarios[i];
	if (!scenario)
		fail("usage: see the top of peers.c");
	ends.dialler_network = argv[1];
	ends.acceptor_network = argv[2];
	if (scenario->run == elsewhere)
		forbid_binding();
	board = ends_shared(sizeof *board);
	ends_run(&ends);
	return 0;
}
