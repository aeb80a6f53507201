/* SPDX-License-Identifier: Apache-2.0 */
/* The SHA-256 of a file, in hexadecimal. */
#include "cmd/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "core/sha256.h"

int digest_file(const char *name, char text[DIGEST_TEXT_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t buffer[65536], digest[SHA256_BYTES];
	struct sha256 sha;
	ssize_t got;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	sha256_init(&sha);
	while ((got = read(fd, buffer, sizeof buffer)) > 0)
		sha256_update(&sha, buffer, (size_t)got);
	int error = errno;
	close(fd);
	if (got < 0)
		return -error;
	sha256_final(&sha, digest);
	for (unsigned i = 0; i < SHA256_BYTES; i++) {
		text[2 * i] = digits[digest[i] >> 4];
		text[2 * i + 1] = digits[digest[i] & 15];
	}
	text[2 * SHA256_BYTES] = '\0';
	return 0;
}
