/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptors by which this process's threads drive their handles, found by their numbers. */
#ifndef HAWSER_TEST_TWINS_H
#define HAWSER_TEST_TWINS_H

#include <netinet/in.h>
#include <sys/resource.h>

#include "ends.h"

/* They stand in the last quarter of the table, or of its first part. */
static inline int twins_begin(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	rlim_t end = limit.rlim_cur < 16384 ? limit.rlim_cur : 16384;
	return (int)(end - end / 4);
}

static inline bool is_twin(int fd)
{
	int protocol = 0;
	socklen_t length = sizeof protocol;

	return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 && protocol == IPPROTO_TCP;
}

/* Of the first sixty-four; what is done to each of them. */
static inline unsigned twins_each(void (*function)(int fd))
{
	unsigned count = 0;

	for (int fd = twins_begin(); fd < twins_begin() + 64; fd++) {
		if (!is_twin(fd))
			continue;
		count++;
		if (function)
			function(fd);
	}
	return count;
}

static inline void *echoes_bytes(void *argument)
{
	hawser_t *h = argument;
	char byte;

	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(hawser_recv(h, &byte, 1, NULL), 1);
		CHECK_EQ(hawser_send(h, &byte, 1, 0), 1);
	}
	return NULL;
}

/* Enough there and back that both ends wait in poll(2) themselves. */
static inline void warm_up(hawser_t *a, hawser_t *b)
{
	pthread_t echo;
	char byte = 0;

	CHECK_EQ(pthread_create(&echo, NULL, echoes_bytes, b), 0);
	for (unsigned i = 0; i < 20; i++) {
		CHECK_EQ(hawser_send(a, &byte, 1, 0), 1);
		CHECK_EQ(hawser_recv(a, &byte, 1, NULL), 1);
	}
	CHECK_EQ(pthread_join(echo, NULL), 0);
}

#endif
