/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the program's threads to the engine. */
#include "driver/call.h"

#include <assert.h>
#include <pthread.h>

static void run_call(struct engine *e, struct request *r)
{
	struct call *c = container_of(r, struct call, request);

	c->run(e, c);
}

int call_run(struct engine *e, struct call *c, void (*run)(struct engine *e, struct call *c))
{
	int cancel;

	assert(!engine_is_current(e));
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	c->request.run = run_call;
	c->run = run;
	c->failure = (struct failure){ 0 };
	sem_init(&c->done, 0, 0);
	engine_submit(e, &c->request);
	while (sem_wait(&c->done) < 0)
		;
	sem_destroy(&c->done);
	pthread_setcancelstate(cancel, NULL);
	return c->result;
}

void call_done(struct call *c, int result)
{
	c->result = result;
	sem_post(&c->done);
}
