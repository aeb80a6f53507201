/* SPDX-License-Identifier: Apache-2.0 */
/* The SHA-256 of a file, in hexadecimal. */
#ifndef HAWSER_CMD_DIGEST_H
#define HAWSER_CMD_DIGEST_H

#define DIGEST_TEXT_BYTES 65 /* with its end */

/* 0, or -errno. */
int digest_file(const char *name, char text[DIGEST_TEXT_BYTES]);

#endif
