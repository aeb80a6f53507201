/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong, in words. */
#include "driver/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *failure, int error, const char *format, ...)
{
	va_list arguments;

	if (failure) {
		failure->error = error;
		va_start(arguments, format);
		vsnprintf(failure->text, sizeof failure->text, format, arguments);
		va_end(arguments);
	}
	return -error;
}

int failure_system(struct failure *failure, int error, const char *format, ...)
{
	va_list arguments;
	char words[96];

	if (failure) {
		failure->error = error;
		va_start(arguments, format);
		vsnprintf(failure->text, sizeof failure->text, format, arguments);
		va_end(arguments);
		size_t length = strlen(failure->text);
		snprintf(failure->text + length, sizeof failure->text - length, ": %s",
			 strerror_r(error, words, sizeof words));
	}
	return -error;
}
