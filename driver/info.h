/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a session and its paths, for people. Engine thread. */
#ifndef HAWSER_DRIVER_INFO_H
#define HAWSER_DRIVER_INFO_H

#include "driver/endpoint.h"

/* Links and what the dialler still tries: no session has more to tell of. */
#define INFO_PATHS_MAX 32u

void info_session(struct endpoint *ep, struct hawser_info *info);
/* Returns how many of at most `max` were filled. */
unsigned info_paths(struct endpoint *ep, struct hawser_path_info *paths, unsigned max);

/* "ADDRESS:PORT", IPv6 in brackets; "" for no address. */
void info_address(char *text, size_t size, const union inet_address *address);

#endif
