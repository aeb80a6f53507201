/* SPDX-License-Identifier: Apache-2.0 */
/* Listening over loopback: ports, and what comes in at the door without being a session. */
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialled.h"
#include "raw.h"
#include "server.h"

static void port_in_use(void)
{
	unsigned port = 0;
	int raw = raw_listen("127.0.0.1", &port, 1);
	char address[64];

	snprintf(address, sizeof address, "127.0.0.2,127.0.0.1:%u", port);
	expect_failure(hawser_listen(address, NULL), EADDRINUSE, "127.0.0.1:");
	close(raw);
	/* What was opened before the failure is closed again. */
	raw = raw_listen("127.0.0.2", &port, 1);
	close(raw);
}

static void port_numbers(void)
{
	int listener = hawser_listen("127.0.0.1,127.0.0.2,[::1]:0", NULL), again;
	char address[64];
	int port, fd;

	if (listener < 0 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
		listener = hawser_listen("127.0.0.1,127.0.0.2:0", NULL);
	CHECK_REASON(listener >= 0);
	port = hawser_port(listener);
	CHECK(port > 0);
	fd = dialf(NULL, "127.0.0.2:%d", port);
	CHECK_REASON(fd >= 0);
	close(accept(listener, NULL, NULL));
	close(fd);
	close(listener);
	/* The same address again, in the same process; closing takes effect soon, not at once. */
	snprintf(address, sizeof address, "127.0.0.1,127.0.0.2:%d", port);
	for (unsigned i = 0; (again = hawser_listen(address, NULL)) < 0; i++) {
		CHECK_REASON(errno == EADDRINUSE && i < WAIT_MS / 10);
		usleep(10000);
	}
	fd = dialf(NULL, "127.0.0.1:%d", port);
	CHECK_REASON(fd >= 0);
	close(fd);
	close(again);
}

/* A listener that was closed gives its port back at once, whatever became of the sessions it has accepted. */
static void listening_again_beside_a_session(void)
{
	int listener = hawser_listen("127.0.0.1:0", NULL), dialled[2], accepted[2], port = hawser_port(listener);
	char address[64];

	snprintf(address, sizeof address, "127.0.0.1:%d", port);
	for (unsigned i = 0; i < 2; i++) {
		CHECK_REASON(listener >= 0);
		dialled[i] = dialf(NULL, "%s", address);
		CHECK_REASON(dialled[i] >= 0);
		accepted[i] = accept(listener, NULL, NULL);
		CHECK(accepted[i] >= 0);
		close(listener);
		listener = hawser_listen(address, NULL);
	}
	CHECK_REASON(listener >= 0);
	for (unsigned i = 0; i < 2; i++) {
		char byte = 0;

		CHECK_EQ(write(dialled[i], "x", 1), 1);
		CHECK_EQ(read(accepted[i], &byte, 1), 1);
		close(dialled[i]);
		close(accepted[i]);
	}
	close(listener);
}

/* Noise, silence and half a greeting do not keep a listener from its work. */
static void garbage_at_the_door(void)
{
	static const char *const noise[] = { "GET / HTTP/1.0\r\n\r\n", "hawser", "hawser\x01\x01\xff\xff\xff\xff",
					     "\x16\x03\x01\x02", "h" };
	struct server server = server_at("127.0.0.1:0");
	int held[300], fd;

	for (unsigned i = 0; i < 300; i++) {
		const char *bytes = noise[i % 5];

		held[i] = raw_connect("127.0.0.1", server.port);
		(void)!send(held[i], bytes, strlen(bytes), MSG_NOSIGNAL);
	}
	fd = dialf(NULL, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	server_accepted(&server);
	CHECK(!server_has_news(&server, 0));
	close(fd);
	for (unsigned i = 0; i < 300; i++)
		close(held[i]);
	server_end(&server);
}

/* Those that never finish their greeting give way, the oldest first. */
static void oldest_guest_goes(void)
{
	struct server server = server_at("127.0.0.1:0");
	struct pollfd p = { .events = POLLIN };
	int held[300];

	for (unsigned i = 0; i < 300; i++) {
		held[i] = raw_connect("127.0.0.1", server.port);
		CHECK_EQ(send(held[i], "hawser", 6, MSG_NOSIGNAL), 6);
	}
	p.fd = held[0];
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	p.fd = held[299];
	CHECK_EQ(poll(&p, 1, 0), 0);
	for (unsigned i = 0; i < 300; i++)
		close(held[i]);
	server_end(&server);
}

/* A HELLO as PROTOCOL.md has it, after the preamble. */
static void send_offer(int fd)
{
	uint8_t hello[8 + 8 + 92] = "hawser\1\1\1\0\0\0\0\0\0\x5c";

	hello[16] = 1;                  /* its id; the secret and the nonce may be zero */
	hello[16 + 68] = 1;             /* TCP */
	CHECK_EQ(send(fd, hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
}

/* Nothing but frames came, and it is still open. */
static bool still_welcome(int fd)
{
	char bytes[256];
	ssize_t length;

	while ((length = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		;
	return length < 0 && errno == EAGAIN;
}

/* Many from one address push each other out: first those that have not said what they want. */
static void flood_from_one_address(void)
{
	struct server server = server_at("127.0.0.1:0");
	struct sockaddr_in source = ipv4("127.0.0.2", 0), there = ipv4("127.0.0.1", server.port);
	int honest = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), offered, held[300];
	struct pollfd p = { .events = POLLIN };

	CHECK_EQ(bind(honest, (struct sockaddr *)&source, sizeof source), 0);
	CHECK_EQ(connect(honest, (struct sockaddr *)&there, sizeof there), 0);
	CHECK_EQ(send(honest, "hawser", 6, MSG_NOSIGNAL), 6);
	offered = raw_connect("127.0.0.1", server.port);
	send_offer(offered);
	p.fd = offered;
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	for (unsigned i = 0; i < 300; i++) {
		held[i] = raw_connect("127.0.0.1", server.port);
		CHECK_EQ(send(held[i], "hawser", 6, MSG_NOSIGNAL), 6);
	}
	/* The last one that has to go. */
	p.fd = held[300 + 2 - 256 - 1];
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK(still_welcome(honest));
	CHECK(still_welcome(offered));
	CHECK(still_welcome(held[299]));
	for (unsigned i = 0; i < 300; i++)
		close(held[i]);
	close(offered);
	close(honest);
	server_end(&server);
}

/*
 * Silence takes every descriptor that the listener may have, and more of it waits at the door. An honest peer
 * is served at once: nobody has lost patience (10 s) with any of the silent ones by then.
 */
static void silence_at_a_full_table(void)
{
	static const char *const set[] = { "connect_timeout", "8s", NULL };
	struct serving what = { .address = "127.0.0.1:0", .descriptors = 32 };
	struct server server = server_start(&what);
	int held[120], fd;

	for (unsigned i = 0; i < 120; i++)
		held[i] = raw_connect("127.0.0.1", server.port);
	fd = dialf(set, "127.0.0.1:%u", server.port);
	CHECK_REASON(fd >= 0);
	talk(fd);
	/* That no more of them went than there had to is the fuzzer's to judge (fuzz/listener_fuzz.c): here time passes. */
	close(fd);
	for (unsigned i = 0; i < 120; i++)
		close(held[i]);
	server_end(&server);
}

/* Sessions take every descriptor: the listener goes on when some are free, though nothing else wakes it. */
static void full_table_at_the_listener(void)
{
	static const char *const set[] = { "nonblock", "yes", NULL };
	struct serving what = { .address = "127.0.0.1:0", .descriptors = 64 };
	struct server server = server_start(&what);
	int held[50], last;
	struct pollfd p = { .events = POLLIN };

	for (unsigned i = 0; i < 12; i++) {
		held[i] = dialf(NULL, "127.0.0.1:%u", server.port);
		CHECK_REASON(held[i] >= 0);
		talk(held[i]);
	}
	for (unsigned i = 12; i < 50; i++)
		held[i] = dialf(set, "127.0.0.1:%u", server.port);
	/* All is full by then; if not, this only tests less. */
	usleep(200000);
	last = raw_connect("127.0.0.1", server.port);
	send_offer(last);
	for (unsigned i = 0; i < 50; i++)
		close(held[i]);
	p.fd = last;
	CHECK_EQ(poll(&p, 1, WAIT_MS), 1);
	CHECK(still_welcome(last));
	close(last);
	server_end(&server);
}

static unsigned mode_of(int fd, bool sending)
{
	struct hawser_info info;

	CHECK_EQ(hawser_info(fd, &info, sizeof info), 0);
	return sending ? info.mode_sending : info.mode_receiving;
}

/* A listener's mode is for what its end sends; one that names none does as the dialler. */
static void mode_of_the_listener(void)
{
	static const char *const set[] = { "mode", "stripe", NULL };

	for (unsigned named = 0; named < 2; named++) {
		hawser_options *options = hawser_options_new();
		int listener, dialled, accepted;

		CHECK_EQ(hawser_options_set(options, "mode", named ? "backup" : NULL), 0);
		listener = hawser_listen("127.0.0.1:0", options);
		CHECK_REASON(listener >= 0);
		dialled = dialf(set, "127.0.0.1:%d", hawser_port(listener));
		CHECK_REASON(dialled >= 0);
		accepted = accept(listener, NULL, NULL);
		CHECK(accepted >= 0);
		CHECK_EQ(mode_of(dialled, true), HAWSER_STRIPE);
		CHECK_EQ(mode_of(accepted, true), named ? HAWSER_BACKUP : HAWSER_STRIPE);
		CHECK_EQ(mode_of(accepted, false), HAWSER_STRIPE);
		close(dialled);
		close(accepted);
		close(listener);
		hawser_options_free(options);
	}
}

int main(int argc, char **argv)
{
	server_main(argc, argv);
	RUN(port_in_use);
	RUN(port_numbers);
	RUN(listening_again_beside_a_session);
	RUN(mode_of_the_listener);
	RUN(garbage_at_the_door);
	RUN(oldest_guest_goes);
	RUN(flood_from_one_address);
	RUN(silence_at_a_full_table);
	RUN(full_table_at_the_listener);
	return 0;
}
