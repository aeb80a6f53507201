/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the engine's end: what is encoded is decoded, and nothing else is. */
#include "driver/name.h"

#include <errno.h>
#include <stddef.h>

#include "test/test.h"

static struct name example(void)
{
	struct name name = { .pid = 4711, .dialler = true, .peer = "[2001:db8::1]:4297" };

	for (unsigned i = 0; i < SESSION_ID_BYTES; i++)
		name.id[i] = (uint8_t)(17 * i);
	return name;
}

static void round_trip(void)
{
	struct name name = example(), got;
	struct sockaddr_un address;

	for (int dialler = 0; dialler < 2; dialler++) {
		name.dialler = dialler;
		memset(&got, 0xff, sizeof got);
		socklen_t length = name_encode(&address, &name);
		CHECK_EQ(address.sun_path[0], 0);
		CHECK_EQ(name_decode(&got, &address, length), 0);
		CHECK_EQ(got.pid, name.pid);
		CHECK_EQ(got.dialler, name.dialler);
		CHECK_MEM(got.id, name.id, sizeof name.id);
		CHECK(strcmp(got.peer, name.peer) == 0);
	}
}

static void longest_fits(void)
{
	struct name name = example(), got;
	struct sockaddr_un address;

	name.pid = 0x7fffffff;
	memset(name.peer, 'p', sizeof name.peer - 1);
	name.peer[sizeof name.peer - 1] = '\0';
	socklen_t length = name_encode(&address, &name);
	CHECK(length <= sizeof address);
	CHECK_EQ(name_decode(&got, &address, length), 0);
	CHECK_EQ(got.pid, name.pid);
	CHECK_MEM(got.peer, name.peer, 46);     /* "[" 39 digits and colons "]:65535" */
}

static void every_cut_and_change(void)
{
	struct name name = example(), got;
	struct sockaddr_un address;
	socklen_t length = name_encode(&address, &name);
	const socklen_t fixed = length - (socklen_t)strlen(name.peer);

	for (socklen_t cut = 0; cut < fixed; cut++)
		CHECK_EQ(name_decode(&got, &address, cut), -ENOTCONN);
	for (socklen_t at = offsetof(struct sockaddr_un, sun_path); at < fixed; at++) {
		struct sockaddr_un changed = address;

		((char *)&changed)[at] ^= 0x40;
		CHECK_EQ(name_decode(&got, &changed, length), -ENOTCONN);
	}
	address.sun_family = AF_INET;
	CHECK_EQ(name_decode(&got, &address, length), -ENOTCONN);
}

static void other_descriptors(void)
{
	struct name got;
	int pair[2];

	CHECK_EQ(name_of_descriptor(&got, -1), -EBADF);
	CHECK_EQ(name_of_descriptor(&got, 0) == -ENOTSOCK || name_of_descriptor(&got, 0) == -ENOTCONN, 1);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQ(name_of_descriptor(&got, pair[0]), -ENOTCONN);
}

int main(void)
{
	RUN(round_trip);
	RUN(longest_fits);
	RUN(every_cut_and_change);
	RUN(other_descriptors);
	return 0;
}
