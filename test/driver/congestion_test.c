/* SPDX-License-Identifier: Apache-2.0 */
/* The option congestion on real sockets: each path of both ends has what was asked for, and a refusal has words. */
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver/congestion.h"
#include "ends.h"
#include "transport/congestion.h"

struct asked {
	const char *listening, *dialling;
};

static hawser_options *options_with(const char *congestion)
{
	hawser_options *o = hawser_options_new();

	CHECK(o);
	if (congestion)
		CHECK_EQ(hawser_options_set(o, "congestion", congestion), 0);
	return o;
}

static void the_hosts(char name[CONGESTION_NAME_BYTES])
{
	FILE *in = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "re");

	CHECK(in && fscanf(in, "%15s", name) == 1);
	fclose(in);
}

/* One that is not the host's. Everybody has reno. */
static const char *another(void)
{
	char host[CONGESTION_NAME_BYTES];

	the_hosts(host);
	return strcmp(host, "reno") == 0 ? "cubic" : "reno";
}

static void expect_on_paths(int fd, unsigned wanted, const char *congestion)
{
	struct hawser_path_info paths[8];
	int count;

	for (;;) {
		unsigned up = 0;

		count = hawser_paths(fd, paths, 8, sizeof paths[0]);
		CHECK(count >= 0);
		for (int i = 0; i < count; i++)
			up += paths[i].state == HAWSER_PATH_ACTIVE || paths[i].state == HAWSER_PATH_FRESH;
		if (up == wanted)
			break;
		usleep(1000);
	}
	for (int i = 0; i < count; i++)
		if (paths[i].state != HAWSER_PATH_DOWN && strcmp(paths[i].congestion, congestion) != 0) {
			fprintf(stderr, "path %u has %s, not %s\n", paths[i].id, paths[i].congestion, congestion);
			exit(1);
		}
}

/* Two paths; NULL: the option is not set. */
static void both_ends(const struct asked *asked, const char *at_listener, const char *at_dialler)
{
	hawser_options *listening = options_with(asked->listening), *dialling = options_with(asked->dialling);
	int listener = hawser_listen("127.0.0.1,127.0.0.2:0", listening);
	char address[64];

	CHECK(listener >= 0);
	snprintf(address, sizeof address, "127.0.0.1,127.0.0.2:%d", hawser_port(listener));
	int fd = hawser_dial(address, dialling);
	CHECK(fd >= 0);
	int accepted = accept(listener, NULL, NULL);
	CHECK(accepted >= 0);
	expect_on_paths(fd, 2, at_dialler);
	expect_on_paths(accepted, 2, at_listener);
	write_content(fd, 100000, 1);
	read_content(accepted, 100000, 1);
	close(fd);
	close(accepted);
	close(listener);
	hawser_options_free(listening);
	hawser_options_free(dialling);
}

static void each_end_has_its_own(void)
{
	char host[CONGESTION_NAME_BYTES];
	const char *other = another();
	const struct asked by_dialler = { NULL, other }, by_listener = { other, "host" };

	the_hosts(host);
	both_ends(&by_dialler, host, other);
	both_ends(&by_listener, other, host);
}

/* Without a loss auto leaves what there is. */
static void chosen(void)
{
	char host[CONGESTION_NAME_BYTES];
	const struct asked both = { "auto", "auto" };

	the_hosts(host);
	both_ends(&both, host, host);
}

static void expect_refusal(int fd, int error, const char *words)
{
	char why[400];

	CHECK_EQ(fd, -1);
	CHECK_EQ(errno, error);
	hawser_reason(-1, why, sizeof why);
	CHECK(strstr(why, words));
}

static void none_of_that_name(void)
{
	hawser_options *o = options_with("nosuch"), *plain = options_with(NULL);
	int listener = hawser_listen("127.0.0.1:0", plain);
	char address[64];

	CHECK(listener >= 0);
	snprintf(address, sizeof address, "127.0.0.1:%d", hawser_port(listener));
	expect_refusal(hawser_dial(address, o), ENOENT, "nosuch");
	expect_refusal(hawser_listen("127.0.0.1:0", o), ENOENT, "tcp_available_congestion_control");
	CHECK(!hawser_open(address, o) && errno == ENOENT);
	/* Nothing came of it. */
	CHECK_EQ(fcntl(listener, F_SETFL, O_NONBLOCK), 0);
	CHECK(accept(listener, NULL, NULL) < 0 && errno == EAGAIN);
	close(listener);
	hawser_options_free(o);
	hawser_options_free(plain);
}

/* --- A carrier that is told of --- */

static char in_use[CONGESTION_NAME_BYTES];
static struct carrier_losses known;
static int answer;
static unsigned sets;

static int told_set(struct carrier *c, const char *name)
{
	(void)c;
	sets++;
	if (answer == 0)
		snprintf(in_use, sizeof in_use, "%s", name);
	return answer;
}

static void told_get(struct carrier *c, char name[CONGESTION_NAME_BYTES])
{
	(void)c;
	memcpy(name, in_use, sizeof in_use);
}

static void told_losses(struct carrier *c, struct carrier_losses *losses)
{
	(void)c;
	*losses = known;
}

static const struct carrier_ops told_ops = { .congestion_set = told_set, .congestion_get = told_get,
					     .losses = told_losses };
static struct carrier told = { .ops = &told_ops };

/* So many seconds of clear losses, of a path that the program fills or does not. */
static void lose(struct chosen *c, unsigned seconds, bool unfilled)
{
	static time_ns now = NS_PER_S;

	for (unsigned i = 0; i < seconds * 20; i++) {
		now += 50 * NS_PER_MS;
		known = (struct carrier_losses){ .known = true, .sent = known.sent + 100,
			.repeated = known.repeated + 1, .window = 10, .rtt_ns = 20 * NS_PER_MS,
			.rtt_min_ns = 20 * NS_PER_MS, .acked_bytes = known.acked_bytes + 100000,
			.busy_ns = known.busy_ns + 50 * NS_PER_MS, .unfilled = unfilled };
		congestion_look(c, &told, now);
	}
}

static struct chosen *begin_with(const char *host, int set_answers)
{
	snprintf(in_use, sizeof in_use, "%s", host);
	answer = set_answers;
	sets = 0;
	return congestion_begin(&told, "auto");
}

static void set_and_taken_back(void)
{
	struct chosen *c = begin_with("cubic", 0);

	lose(c, 3, false);
	CHECK(strcmp(in_use, "bbr") == 0);
	/* As fast as before: nothing gained. */
	lose(c, 20, false);
	CHECK(strcmp(in_use, "cubic") == 0);
	CHECK_EQ(sets, 2);
	free(c);
}

static void set_and_kept_for_a_thin_stream(void)
{
	struct chosen *c = begin_with("cubic", 0);

	lose(c, 100, true);
	CHECK(strcmp(in_use, "bbr") == 0);
	CHECK_EQ(sets, 1);
	free(c);
}

/* What a socket tells of a path that is not filled, is filled, and is not filled any more. */
static void unfilled_or_filled(void)
{
	static char bytes[65536];
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	struct carrier_losses losses;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), accepted;
	char byte = 1;
	int left;

	CHECK(listener >= 0 && fd >= 0);
	CHECK(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0);
	CHECK(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
	CHECK(connect(fd, (struct sockaddr *)&address, length) == 0);
	accepted = accept(listener, NULL, NULL);
	CHECK(accepted >= 0 && send(fd, &byte, 1, 0) == 1 && recv(accepted, &byte, 1, 0) == 1);
	congestion_losses(fd, &losses);
	/* Of older kernels nothing is known. */
	CHECK(!losses.known || losses.unfilled);
	while (send(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
	congestion_losses(fd, &losses);
	CHECK(!losses.unfilled);
	/* Read to its end, and acknowledged. */
	shutdown(fd, SHUT_WR);
	while (recv(accepted, bytes, sizeof bytes, 0) > 0)
		;
	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0)
		usleep(1000);
	congestion_losses(fd, &losses);
	CHECK(!losses.known || losses.unfilled);
	close(accepted);
	close(fd);
	close(listener);
}

static void not_allowed(void)
{
	struct chosen *c = begin_with("cubic", -EPERM);

	lose(c, 200, false);
	CHECK(strcmp(in_use, "cubic") == 0);
	CHECK_EQ(sets, 1);
	free(c);
}

static void there_already(void)
{
	struct chosen *c = begin_with("bbr", 0);

	lose(c, 200, false);
	CHECK_EQ(sets, 0);
	free(c);
	CHECK(!congestion_begin(&told, "host") && !congestion_begin(&told, "") && sets == 0);
	CHECK(!congestion_begin(&told, "reno") && sets == 1 && strcmp(in_use, "reno") == 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	RUN(each_end_has_its_own);
	RUN(chosen);
	RUN(none_of_that_name);
	RUN(set_and_taken_back);
	RUN(set_and_kept_for_a_thin_stream);
	RUN(unfilled_or_filled);
	RUN(not_allowed);
	RUN(there_already);
	return 0;
}
