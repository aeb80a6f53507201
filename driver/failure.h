/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, for a program (errno) and for a person (words naming what and where). */
#ifndef HAWSER_DRIVER_FAILURE_H
#define HAWSER_DRIVER_FAILURE_H

#define FAILURE_TEXT_BYTES 240u

struct failure {
	int error;                      /* errno, positive; 0: nothing failed */
	char text[FAILURE_TEXT_BYTES];  /* no newline, no full stop */
};

/* Fills in (cutting what is too long) and returns -error. failure may be NULL. */
int failure_set(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with ": strerror(error)" behind it. */
int failure_system(struct failure *failure, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
