/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the engine's end of a descriptor. */
#include "driver/name.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define PREFIX       "hawser/"
#define PREFIX_BYTES (sizeof PREFIX - 1)
#define ID_DIGITS    (2 * SESSION_ID_BYTES)

socklen_t name_encode(struct sockaddr_un *address, const struct name *name)
{
	static const char hexadecimal[] = "0123456789abcdef";
	char digits[ID_DIGITS + 1] = "";

	for (unsigned i = 0; i < SESSION_ID_BYTES; i++) {
		digits[2 * i] = hexadecimal[name->id[i] >> 4];
		digits[2 * i + 1] = hexadecimal[name->id[i] & 15];
	}
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, PREFIX "%d/%s/%c/%s",
			      (int)name->pid, digits, name->dialler ? 'd' : 'a', name->peer);
	if ((size_t)length > sizeof address->sun_path - 2)
		length = (int)sizeof address->sun_path - 2;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decimal, at least one digit, positive; moves *at on. */
static bool take_pid(const char **at, pid_t *pid)
{
	int64_t value = 0;
	const char *c = *at;

	for (; *c >= '0' && *c <= '9' && value < INT_MAX; c++)
		value = 10 * value + (*c - '0');
	if (c == *at || value <= 0 || value > INT_MAX)
		return false;
	*at = c;
	*pid = (pid_t)value;
	return true;
}

static bool take_id(const char **at, uint8_t id[SESSION_ID_BYTES])
{
	for (unsigned i = 0; i < SESSION_ID_BYTES; i++) {
		int high = digit((*at)[2 * i]);
		int low = high < 0 ? -1 : digit((*at)[2 * i + 1]);

		if (low < 0)
			return false;
		id[i] = (uint8_t)(16 * high + low);
	}
	*at += ID_DIGITS;
	return true;
}

int name_decode(struct name *out, const struct sockaddr_un *address, socklen_t length)
{
	char text[sizeof address->sun_path];
	const size_t before = offsetof(struct sockaddr_un, sun_path) + 1;
	struct name name = { 0 };

	if (length <= before + PREFIX_BYTES || length > sizeof *address ||
	    address->sun_family != AF_UNIX || address->sun_path[0] != '\0')
		return -ENOTCONN;
	memcpy(text, address->sun_path + 1, length - before);
	text[length - before] = '\0';

	const char *at = text + PREFIX_BYTES;
	if (memcmp(text, PREFIX, PREFIX_BYTES) != 0 || !take_pid(&at, &name.pid) || *at++ != '/' ||
	    !take_id(&at, name.id) || *at++ != '/' || (*at != 'd' && *at != 'a'))
		return -ENOTCONN;
	name.dialler = *at++ == 'd';
	if (*at++ != '/')
		return -ENOTCONN;
	snprintf(name.peer, sizeof name.peer, "%s", at);
	*out = name;
	return 0;
}

int name_of_descriptor(struct name *name, int fd)
{
	struct sockaddr_un address = { 0 };
	socklen_t length = sizeof address;

	if (getpeername(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	return name_decode(name, &address, length);
}
