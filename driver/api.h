/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the public functions share. They alone turn -errno into errno; a program's threads
 * run them.
 */
#ifndef HAWSER_DRIVER_API_H
#define HAWSER_DRIVER_API_H

#include "driver/endpoint.h"
#include "driver/failure.h"
#include "driver/options.h"
#include "hawser.h"

/* Keeps the words (those of errno when there are none) for hawser_reason(-1) and sets errno. Always -1. */
int api_fail(int error, const struct failure *failure);
/* The same with words that name what was tried. */
int api_fail_naming(int error, const char *what);
/* The words of this thread's last failure. */
const char *api_last_words(void);

/* The engine, started if it must be; NULL with errno. */
struct engine *api_engine(void);

/* NULL: the defaults. */
void api_take_options(struct options *out, const hawser_options *options);

/* Dials for a handle: a session that is held until api_let_go, without a descriptor; NULL with errno. */
struct endpoint *api_dial_handle(const char *address, const hawser_options *options);
/* A descriptor for it, the handle's notifier, once: the program's end, or -1 with errno. */
int api_notifier(struct endpoint *ep);

/* The program has no use for its handle any more: closes the session as it closes a descriptor. */
void api_let_go(struct endpoint *ep);

#endif
