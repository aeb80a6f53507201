/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's tables of addresses and routes said, kept until news of a change come: to ask for it
 * costs more than all the rest of opening a session. Engine thread.
 *
 *      tables --- addresses of this host
 *            |--- names of interfaces, answers on routes   [hash of the question]
 *            `--- pairs of the last survey, and what it was asked
 */
#ifndef HAWSER_DRIVER_TABLES_H
#define HAWSER_DRIVER_TABLES_H

#include "driver/engine.h"
#include "driver/network.h"
#include "driver/pairs.h"
#include "transport/route.h"

/* No answer is older than this: what is no news, such as a rule of policy routing, is seen by then. */
#define TABLES_KEPT_NS NS_PER_S

/* As host_read; what is told stays as it is until this is asked again. NULL: *error is -errno. */
const struct host *tables_host(struct engine *e, int *error);
/* As route_ask. */
int tables_route(struct engine *e, struct route_answer *out, const union inet_address *remote,
		 const union inet_address *local, unsigned interface_index);
/* As if_indextoname. False: there is none. */
bool tables_interface(struct engine *e, char name[IF_NAMESIZE], unsigned index);

/* All that a survey asks with; compared as bytes. */
struct survey_question {
	struct via via[VIA_MAX];
	struct remote remote[REMOTES_MAX];
	unsigned via_count, remote_count, paths_max;
};

/*
 * The pairs for that question: chosen already, or *fresh, to be filled in by the caller and counted with
 * tables_chosen. NULL: no memory.
 */
struct pairs *tables_pairs(struct engine *e, const struct survey_question *question, bool *fresh);
void tables_chosen(struct engine *e);

/* From now on news of changes come, by tables_changed: answers may be kept. */
void tables_told(struct engine *e);
/* Whatever was said may be wrong now. */
void tables_changed(struct engine *e);

#endif
