/* SPDX-License-Identifier: Apache-2.0 */
/* Options: defaults, every name, values within and beyond their bounds, and that a refusal changes nothing. */
#include "driver/options.h"

#include <errno.h>
#include <netinet/in.h>

#include "driver/address.h"
#include "test.h"

static void defaults(void)
{
	struct options o;

	options_init(&o);
	CHECK_EQ(o.mode, MODE_CONVERGE);
	CHECK(!o.mode_named);
	CHECK_EQ(o.kind, SESSION_STREAM);
	CHECK(!o.insecure && !o.nonblock && o.overdue && o.via_count == 0);
	CHECK_EQ(o.paths_max, 8);
	CHECK_EQ(o.connect_timeout_ns, 10 * NS_PER_S);
	CHECK_EQ(o.resume_timeout_ns, 300 * NS_PER_S);
	CHECK_EQ(o.orphan_timeout_ns, 3 * NS_PER_S);
	CHECK_EQ(o.refused_timeout_ns, 10 * NS_PER_S);
	CHECK_EQ(o.exit_linger_ns, 10 * NS_PER_S);
	CHECK_EQ(o.probe_interval_ns, 10 * NS_PER_S);
	CHECK_EQ(o.suspect_floor_ns, 10 * NS_PER_MS);
	CHECK_EQ(o.send_buffer_bytes, 8 << 20);
	CHECK_EQ(o.receive_buffer_bytes, 8 << 20);
	CHECK_EQ(options_linger_ns(&o), 300 * NS_PER_S);
	CHECK(strcmp(o.congestion, "host") == 0);
	CHECK_EQ(o.spin_ns, 0);
}

struct duration {
	const char *text;
	time_ns ns;             /* -1: refused */
};

static void durations(void)
{
	static const struct duration table[] = {
		{ "250ms", 250 * NS_PER_MS }, { "3s", 3 * NS_PER_S }, { "3", 3 * NS_PER_S },
		{ "0.5s", 500 * NS_PER_MS }, { "1.25", 1250 * NS_PER_MS }, { "5min", 300 * NS_PER_S },
		{ "1h", 3600 * NS_PER_S }, { "never", TIME_NEVER }, { "0", 0 }, { "1.0009s", NS_PER_S },
		{ "", -1 }, { "s", -1 }, { "-1s", -1 }, { "1 s", -1 }, { "1sec", -1 }, { "Never", -1 }, { ".5", -1 },
		/* Sums of them are times as well. */
		{ "9000000000s", -1 },
		{ "9999999999999999999999", -1 }, { "999999999999h", -1 }, { "1s ", -1 }, { "1.2.3s", -1 },
	};
	struct options o;
	struct failure failure;

	options_init(&o);
	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
		int want = table[i].ns < 0 ? -EINVAL : 0;

		o.resume_timeout_ns = 77;
		CHECK_EQ(options_set(&o, "resume_timeout", table[i].text, &failure), want);
		CHECK_EQ(o.resume_timeout_ns, want < 0 ? 77 : table[i].ns);
	}
	/* Zero is no time to connect in. */
	CHECK_EQ(options_set(&o, "connect_timeout", "0", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "spin", "50us", &failure), 0);
	CHECK_EQ(o.spin_ns, 50 * NS_PER_US);
	CHECK_EQ(options_set(&o, "spin", "100ms", &failure), 0);
	CHECK_EQ(options_set(&o, "spin", "101ms", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "spin", "never", &failure), -EINVAL);
	CHECK_EQ(o.spin_ns, 100 * NS_PER_MS);
	CHECK_EQ(options_set(&o, "linger", "1s", &failure), 0);
	CHECK_EQ(options_linger_ns(&o), NS_PER_S);
	CHECK_EQ(options_set(&o, "linger", NULL, &failure), 0);
	CHECK_EQ(options_linger_ns(&o), o.resume_timeout_ns);
}

static void sizes(void)
{
	struct options o;
	struct failure failure;

	options_init(&o);
	CHECK_EQ(options_set(&o, "send_buffer", "1G", &failure), 0);
	CHECK_EQ(o.send_buffer_bytes, 1 << 30);
	CHECK_EQ(options_set(&o, "send_buffer", "262144", &failure), 0);
	CHECK_EQ(o.send_buffer_bytes, 262144);
	CHECK_EQ(options_set(&o, "send_buffer", "300k", &failure), 0);
	CHECK_EQ(o.send_buffer_bytes, 300 << 10);
	CHECK_EQ(options_set(&o, "send_buffer", "255K", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "send_buffer", "1025M", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "send_buffer", "17179869184G", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "send_buffer", "1Mb", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "send_buffer", "", &failure), -EINVAL);
	CHECK_EQ(o.send_buffer_bytes, 300 << 10);
	CHECK_EQ(o.receive_buffer_bytes, 8 << 20);
}

static void words(void)
{
	struct options o;
	struct failure failure;

	options_init(&o);
	CHECK_EQ(options_set(&o, "mode", "duplicate", &failure), 0);
	CHECK_EQ(o.mode, MODE_DUPLICATE);
	CHECK_EQ(options_set(&o, "mode", "Stripe", &failure), -EINVAL);
	CHECK_EQ(o.mode, MODE_DUPLICATE);
	CHECK(o.mode_named);
	CHECK_EQ(options_set(&o, "kind", NULL, &failure), 0);
	CHECK(o.mode_named);
	CHECK_EQ(options_set(&o, "mode", NULL, &failure), 0);
	CHECK(!o.mode_named);
	/* The default, but by name. */
	CHECK_EQ(options_set(&o, "mode", "converge", &failure), 0);
	CHECK(o.mode_named);
	CHECK_EQ(options_set(&o, "kind", "message", &failure), 0);
	CHECK_EQ(o.kind, SESSION_MESSAGES);
	CHECK_EQ(options_set(&o, "insecure", "yes", &failure), 0);
	CHECK_EQ(options_set(&o, "overdue", "off", &failure), 0);
	CHECK(o.insecure && !o.overdue && !o.nonblock);
	CHECK_EQ(options_set(&o, "insecure", "maybe", &failure), -EINVAL);
	CHECK(strstr(failure.text, "insecure") && strstr(failure.text, "maybe"));
	CHECK_EQ(options_set(&o, "paths_max", "0", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "paths_max", "9", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "paths_max", "1", &failure), 0);
	CHECK_EQ(o.paths_max, 1);
	CHECK_EQ(options_set(&o, "congestion", "dctcp-15-letters", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "congestion", "", &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "congestion", "a b", &failure), -EINVAL);
	CHECK(strcmp(o.congestion, "host") == 0);
	CHECK_EQ(options_set(&o, "congestion", "fifteen_letters", &failure), 0);
	CHECK(strcmp(o.congestion, "fifteen_letters") == 0);
	CHECK_EQ(options_set(&o, "congestion", "auto", &failure), 0);
	CHECK(strcmp(o.congestion, "auto") == 0);
	CHECK_EQ(options_set(&o, "no_such", "1", &failure), -EINVAL);
	CHECK(strstr(failure.text, "no_such"));
	CHECK_EQ(failure.error, EINVAL);
}

static void networks(void)
{
	static const char *const bad[] = {
		"", ",", "eth0,", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "::/129", "eth0/24", "0123456789abcdef",
		"a,b,c,d,e,f,g,h,i", "eth 0", "10.0.0.1/24/3",
	};
	struct options o;
	struct failure failure;
	char long_value[1024];

	options_init(&o);
	CHECK_EQ(options_set(&o, "via", "eth0,10.0.0.1,10.2.0.0/16,[::1],fd00::/8", &failure), 0);
	CHECK_EQ(o.via_count, 5);
	CHECK(strcmp(o.via[0].interface, "eth0") == 0);
	CHECK(o.via[1].single && o.via[1].bits == 32 && !o.via[1].interface[0]);
	CHECK(!o.via[2].single && o.via[2].bits == 16);
	CHECK(o.via[3].single && o.via[3].bits == 128 && address_is_loopback(&o.via[3].prefix));
	CHECK(o.via[4].bits == 8 && o.via[4].prefix.family == AF_INET6);
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		CHECK_EQ(options_set(&o, "via", bad[i], &failure), -EINVAL);
		CHECK_EQ(o.via_count, 5);
	}
	memset(long_value, 'a', sizeof long_value);
	long_value[sizeof long_value - 1] = 0;
	CHECK_EQ(options_set(&o, "via", long_value, &failure), -EINVAL);
	CHECK_EQ(options_set(&o, "via", "auto", &failure), 0);
	CHECK_EQ(o.via_count, 0);
}

static void every_name_has_its_default(void)
{
	struct options fresh, o;

	options_init(&fresh);
	for (unsigned i = 0; options_name(i); i++) {
		o = fresh;
		CHECK_EQ(options_set(&o, options_name(i), NULL, NULL), 0);
		CHECK_MEM(&o, &fresh, sizeof o);
		CHECK_EQ(options_set(&o, options_name(i), "\x01", NULL), -EINVAL);
		CHECK_MEM(&o, &fresh, sizeof o);
	}
}

static void copies(void)
{
	struct options *o = options_new(), *copy, *plain;

	CHECK(o && options_set(o, "mode", "backup", NULL) == 0);
	copy = options_copy(o);
	plain = options_copy(NULL);
	CHECK(copy && copy->mode == MODE_BACKUP && plain && plain->mode == MODE_CONVERGE);
	options_free(o);
	options_free(copy);
	options_free(plain);
	options_free(NULL);
}

static void milliseconds(void)
{
	CHECK_EQ(time_to_ms(TIME_NEVER), UINT32_MAX);
	CHECK_EQ(time_of_ms(UINT32_MAX), TIME_NEVER);
	CHECK_EQ(time_of_ms(time_to_ms(3 * NS_PER_S)), 3 * NS_PER_S);
	CHECK_EQ(time_to_ms(TIME_NEVER - 1), UINT32_MAX - 1);
}

int main(void)
{
	RUN(defaults);
	RUN(durations);
	RUN(sizes);
	RUN(words);
	RUN(networks);
	RUN(every_name_has_its_default);
	RUN(copies);
	RUN(milliseconds);
	return 0;
}
