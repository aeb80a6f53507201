/* SPDX-License-Identifier: Apache-2.0 */
/* Twins of an endpoint's carriers in the program's table: how they get there, and what becomes of them in a fork. */
#ifndef HAWSER_DRIVER_TWIN_H
#define HAWSER_DRIVER_TWIN_H

#include <stdbool.h>

struct carrier;
struct endpoint;

/* The program's threads, under ep->lock. wanted: there is one to be had, and it is worth it by now. */
bool twins_wanted(struct endpoint *ep);
/* Gets them and the bell, as far as that works. Lets go of ep->lock meanwhile. */
void twins_fetch(struct endpoint *ep);
void twin_close(struct carrier *twin);
/* The bell's; unlist: it is not ours any more, or none. */
void twin_close_bell(int fd);
void twin_unlist(int fd);

/* Around fork(2), and in the child: it closes what it inherited. */
void twins_before_fork(void);
void twins_after_fork(void);
void twins_forget(void);

#endif
