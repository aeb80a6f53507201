/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions: what all of them need, and the options. */
#include "driver/api.h"

#include <errno.h>
#include <stdlib.h>

/* What hawser_reason(-1) tells. */
static _Thread_local struct failure last_failure;

struct hawser_options {
	struct options options;
};

int api_fail(int error, const struct failure *failure)
{
	struct failure kept = { 0 };

	if (failure && failure->text[0])
		kept = *failure;
	else
		failure_system(&kept, -error, "hawser");
	last_failure = kept;
	errno = -error;
	return -1;
}

int api_fail_naming(int error, const char *what)
{
	struct failure failure;

	failure_system(&failure, -error, "%s", what);
	return api_fail(error, &failure);
}

const char *api_last_words(void)
{
	return last_failure.text;
}

struct engine *api_engine(void)
{
	struct failure failure;
	int error = 0;
	struct engine *e = engine_get(&error);

	if (!e) {
		failure_system(&failure, -error, "starting the engine thread");
		api_fail(error, &failure);
	}
	return e;
}

hawser_options *hawser_options_new(void)
{
	struct hawser_options *options = malloc(sizeof *options);

	if (!options) {
		api_fail(-ENOMEM, NULL);
		return NULL;
	}
	options_init(&options->options);
	return options;
}

int hawser_options_set(hawser_options *options, const char *name, const char *value)
{
	struct failure failure = { 0 };

	if (!options || !name)
		return api_fail_naming(-EINVAL, "hawser_options_set");
	int error = options_set(&options->options, name, value, &failure);
	return error < 0 ? api_fail(error, &failure) : 0;
}

void hawser_options_free(hawser_options *options)
{
	free(options);
}

void api_take_options(struct options *out, const hawser_options *options)
{
	if (options)
		*out = options->options;
	else
		options_init(out);
}
