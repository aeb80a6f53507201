/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the kernel's tables, kept. Without news nothing is kept, and without memory every question is asked. */
#include "driver/tables.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_KEPT 256u
#define NAMES_KEPT   32u

/* What the kernel is asked with, compared as bytes. */
struct route_question {
	uint8_t remote[16], local[16];
	uint32_t family, local_family, interface_index;
};

struct kept_answer {
	uint64_t edition;               /* of the tables that gave it */
	struct route_question question;
	int error;
	struct route_answer answer;
};

struct kept_name {
	uint64_t edition;
	unsigned index;
	char name[IF_NAMESIZE];
};

struct tables {
	bool told;
	uint64_t edition;               /* counts what was thrown away; what is of another one does not count */
	time_ns edition_at;
	uint64_t host_edition, pairs_edition;
	struct host host;
	struct survey_question asked;
	struct pairs pairs;
	struct kept_name name[NAMES_KEPT];
	struct kept_answer answer[ANSWERS_KEPT];
};

/* Kept for the engine's life. Not inlined: whoever asks first, fault injection knows it by one name. */
__attribute__((noinline)) static struct tables *tables_new(void)
{
	struct tables *t = calloc(1, sizeof *t);

	if (t)
		t->edition = 1;
	return t;
}

/* The tables of this moment; NULL: no memory. */
static struct tables *current(struct engine *e)
{
	struct tables *t = e->tables;

	if (!t)
		t = e->tables = tables_new();
	if (!t)
		return NULL;
	if (!t->told || engine_now(e) - t->edition_at > TABLES_KEPT_NS)
		tables_changed(e);
	return t;
}

void tables_told(struct engine *e)
{
	struct tables *t = current(e);

	if (t)
		t->told = true;
}

void tables_changed(struct engine *e)
{
	if (!e->tables)
		return;
	e->tables->edition++;
	e->tables->edition_at = engine_now(e);
}

const struct host *tables_host(struct engine *e, int *error)
{
	struct tables *t = current(e);

	*error = t ? 0 : -ENOMEM;
	if (!t)
		return NULL;
	if (t->host_edition != t->edition) {
		t->host_edition = 0;
		*error = host_read(&t->host);
		if (*error < 0)
			return NULL;
		t->host_edition = t->edition;
	}
	return &t->host;
}

bool tables_interface(struct engine *e, char name[IF_NAMESIZE], unsigned index)
{
	struct tables *t = current(e);
	struct kept_name *kept = t ? &t->name[index % NAMES_KEPT] : NULL;

	if (kept && kept->edition == t->edition && kept->index == index) {
		memcpy(name, kept->name, IF_NAMESIZE);
		return true;
	}
	if (!if_indextoname(index, name))
		return false;
	if (kept) {
		*kept = (struct kept_name){ .edition = t->edition, .index = index };
		memcpy(kept->name, name, IF_NAMESIZE);
	}
	return true;
}

static uint32_t copy_address(uint8_t out[16], const union inet_address *address)
{
	if (address && address->family == AF_INET)
		memcpy(out, &address->v4.sin_addr, 4);
	else if (address && address->family == AF_INET6)
		memcpy(out, &address->v6.sin6_addr, 16);
	return address ? address->family : AF_UNSPEC;
}

/* FNV-1a. Peers choose addresses: a collision costs a question to the kernel, no more. */
static unsigned place_of(const struct route_question *question)
{
	const uint8_t *bytes = (const uint8_t *)question;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < sizeof *question; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash % ANSWERS_KEPT;
}

int tables_route(struct engine *e, struct route_answer *out, const union inet_address *remote,
		 const union inet_address *local, unsigned interface_index)
{
	struct tables *t = current(e);
	struct route_question question;
	struct kept_answer *kept;
	int err;

	if (!t || !t->told)
		return route_ask(out, remote, local, interface_index);
	memset(&question, 0, sizeof question);
	question.family = copy_address(question.remote, remote);
	question.local_family = copy_address(question.local, local);
	question.interface_index = interface_index;
	kept = &t->answer[place_of(&question)];
	if (kept->edition != t->edition || memcmp(&kept->question, &question, sizeof question) != 0) {
		struct route_answer answer = { 0 };

		err = route_ask(&answer, remote, local, interface_index);
		/* Short of memory or descriptors it did not say. */
		if (err < 0 && err != -ENETUNREACH && err != -EHOSTUNREACH)
			return err;
		*kept = (struct kept_answer){ t->edition, question, err, answer };
	}
	if (kept->error == 0)
		*out = kept->answer;
	return kept->error;
}

struct pairs *tables_pairs(struct engine *e, const struct survey_question *question, bool *fresh)
{
	struct tables *t = current(e);

	if (!t)
		return NULL;
	*fresh = t->pairs_edition != t->edition || memcmp(&t->asked, question, sizeof *question) != 0;
	if (*fresh) {
		t->pairs_edition = 0;
		t->asked = *question;
	}
	return &t->pairs;
}

void tables_chosen(struct engine *e)
{
	e->tables->pairs_edition = e->tables->edition;
}
