/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the program's threads to the engine. */
#include "driver/call.h"

#include <assert.h>

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
	c->done = false;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	engine_submit(e, &c->request);
	pthread_mutex_lock(&c->lock);
	while (!c->done)
		pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	pthread_setcancelstate(cancel, NULL);
	return c->result;
}

void call_done(struct call *c, int result)
{
	pthread_mutex_lock(&c->lock);
	assert(!c->done);
	c->result = result;
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}
