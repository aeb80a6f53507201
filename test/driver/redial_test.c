/* SPDX-License-Identifier: Apache-2.0 */
/* Redialling over loopback: connections are cut, listeners closed, peers killed. */
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "dialled.h"
#include "proxy.h"
#include "server.h"

/* The network resets all connections, again and again: the session does not notice. */
static void resets_are_healed(void)
{
	struct server server = server_at("127.0.0.2:0");
	struct proxy proxy = proxy_start("127.0.0.9", "127.0.0.2", server.port);
	int fd = dialf(NULL, "127.0.0.9:%u", proxy.port);

	CHECK_REASON(fd >= 0);
	for (unsigned i = 0; i < 4; i++) {
		talk(fd);
		proxy_reset(&proxy);
	}
	talk(fd);
	server_accepted(&server);
	CHECK(!server_has_news(&server, 0));
	close(fd);
	proxy_end(&proxy);
	server_end(&server);
}

/* The connection breaks when the dialler is done and the acceptor is not: the first JOIN confirms the session. */
static void the_confirm_is_lost(void)
{
	struct server server = server_at("127.0.0.2:0");
	struct proxy proxy = proxy_start_losing_confirm("127.0.0.9", "127.0.0.2", server.port);
	int fd = dialf(NULL, "127.0.0.9:%u", proxy.port);

	CHECK_REASON(fd >= 0);
	talk(fd);
	proxy_reset(&proxy);
	talk(fd);
	server_accepted(&server);
	CHECK(!server_has_news(&server, 0));
	close(fd);
	proxy_end(&proxy);
	server_end(&server);
}

/* Closing the listening descriptor ends new sessions, not the paths of those there are. */
static void paths_return_to_a_closed_listener(void)
{
	struct serving what = { .address = "127.0.0.2:0", .close_listener = true };
	struct server server = server_start(&what);
	struct proxy proxy = proxy_start("127.0.0.9", "127.0.0.2", server.port);
	int fd = dialf(NULL, "127.0.0.9:%u", proxy.port);

	CHECK_REASON(fd >= 0);
	talk(fd);
	proxy_reset(&proxy);
	talk(fd);
	expect_failure(dialf(NULL, "127.0.0.2:%u", server.port), ECONNREFUSED, "going away");
	/* Now it is known to be closed. */
	proxy_reset(&proxy);
	talk(fd);
	close(fd);
	proxy_end(&proxy);
	server_end(&server);
}

/* The peer's process is gone and its port refuses: the session ends, and not as a clean end. */
static void killed_peer(void)
{
	static const char *const set[] = { "refused_timeout", "300ms", NULL };
	struct server server = server_at("127.0.0.1:0");
	int fd = dialf(set, "127.0.0.1:%u", server.port);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char byte;

	CHECK_REASON(fd >= 0);
	server_accepted(&server);
	server_end(&server);
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK_EQ(read(fd, &byte, 1), -1);
	CHECK_EQ(errno, ECONNRESET);
	close(fd);
}

int main(int argc, char **argv)
{
	server_main(argc, argv);
	RUN(resets_are_healed);
	RUN(the_confirm_is_lost);
	RUN(paths_return_to_a_closed_listener);
	RUN(killed_peer);
	return 0;
}
