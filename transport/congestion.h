/* SPDX-License-Identifier: Apache-2.0 */
/* TCP's congestion control, which each socket may have of its own, and what it knows of losses. */
#ifndef HAWSER_CONGESTION_H
#define HAWSER_CONGESTION_H

#include "transport/carrier.h"

/* 0 or -errno: -ENOENT there is none of that name, -EPERM this process may not use it. */
int congestion_set(int fd, const char *name);
/* The name of that in use; "": not known. */
void congestion_get(int fd, char name[CONGESTION_NAME_BYTES]);
/* As congestion_set says it of a socket made for that. */
int congestion_allowed(const char *name);

void congestion_losses(int fd, struct carrier_losses *losses);

#endif
