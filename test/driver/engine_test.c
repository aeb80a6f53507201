/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine is asked for it does, asleep or awake, and whoever asks: a lost wake-up shows as a wait for ever. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "driver/call.h"
#include "driver/engine.h"
#include "test/test.h"

#define ASKERS 3u
#define CALLS  3000u
#define LINKS  100u
#define WAIT_S 60

static struct engine *engine;

/* Of a semaphore that a request posts. */
static void wait_for(sem_t *done)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	while (sem_timedwait(done, &until) < 0) {
		if (errno == EINTR)
			continue;
		/* What is done at exit would wait for this engine, too. */
		fprintf(stderr, "the engine does not answer\n");
		_exit(1);
	}
}

/* --- A request made by a request: the engine is awake then, and sleeps next unless it sees that --- */

struct chain {
	struct request request;
	unsigned left;
	sem_t done;
};

static void run_chain(struct engine *e, struct request *r)
{
	struct chain *c = container_of(r, struct chain, request);

	if (c->left-- == 0)
		sem_post(&c->done);
	else
		engine_submit(e, r);
}

static void asked_while_awake(void)
{
	struct chain c = { .request.run = run_chain, .left = LINKS };

	sem_init(&c.done, 0, 0);
	engine_submit(engine, &c.request);
	wait_for(&c.done);
	sem_destroy(&c.done);
}

/* --- Threads that ask at any moment of its turns, falling asleep included --- */

struct question {
	struct request request;
	sem_t done;
};

static void answer(struct engine *e, struct request *r)
{
	(void)e;
	sem_post(&container_of(r, struct question, request)->done);
}

static void *ask(void *unused)
{
	struct question q = { .request.run = answer };

	(void)unused;
	sem_init(&q.done, 0, 0);
	for (unsigned i = 0; i < CALLS; i++) {
		engine_submit(engine, &q.request);
		wait_for(&q.done);
	}
	sem_destroy(&q.done);
	return NULL;
}

static void asked_by_many(void)
{
	pthread_t askers[ASKERS];

	for (unsigned i = 0; i < ASKERS; i++)
		CHECK_EQ(pthread_create(&askers[i], NULL, ask, NULL), 0);
	for (unsigned i = 0; i < ASKERS; i++)
		CHECK_EQ(pthread_join(askers[i], NULL), 0);
}

/* One alone: it falls asleep after each. */
static void asked_while_asleep(void)
{
	CHECK(ask(NULL) == NULL);
}

/* --- Its deadlines are not as late as those of the thread that made it --- */

struct slack {
	struct request request;
	int ns;
	sem_t done;
};

static void look_at_slack(struct engine *e, struct request *r)
{
	struct slack *s = container_of(r, struct slack, request);

	(void)e;
	s->ns = prctl(PR_GET_TIMERSLACK);
	sem_post(&s->done);
}

static void keeps_time(void)
{
	struct slack s = { .request.run = look_at_slack };

	CHECK_EQ(prctl(PR_GET_TIMERSLACK), NS_PER_S);
	sem_init(&s.done, 0, 0);
	engine_submit(engine, &s.request);
	wait_for(&s.done);
	sem_destroy(&s.done);
	CHECK(s.ns >= 0 && s.ns <= 50 * NS_PER_US);
}

int main(void)
{
	int error = 0;

	CHECK_EQ(prctl(PR_SET_TIMERSLACK, (unsigned long)NS_PER_S), 0);
	engine = engine_get(&error);
	CHECK(engine);
	RUN(keeps_time);
	CHECK_EQ(prctl(PR_SET_TIMERSLACK, 0), 0);
	RUN(asked_while_awake);
	RUN(asked_while_asleep);
	RUN(asked_by_many);
	return 0;
}
