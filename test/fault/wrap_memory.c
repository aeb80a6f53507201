/* SPDX-License-Identifier: Apache-2.0 */
/* Wrappers: memory and threads. */
#include "test/fault/wrap.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "driver/endpoint.h"

WRAP(void *, malloc, size_t size)
{
	int error = DUE(malloc);

	if (error) {
		errno = error;
		return NULL;
	}
	/* Why a session ended is remembered with it. */
	if (size == FAILURE_TEXT_BYTES)
		return malloc(size);
	return fault_track(malloc(size), FAULT_malloc, FROM);
}

WRAP(void *, calloc, size_t count, size_t size)
{
	int error = DUE(calloc);

	if (error) {
		errno = error;
		return NULL;
	}
	/* Sessions that have ended are remembered; those that have not are looked for otherwise. */
	if (size == sizeof(struct endpoint))
		return calloc(count, size);
	return fault_track(calloc(count, size), FAULT_calloc, FROM);
}

/* Not tracked: these are the blocks that the engine keeps a stock of, and counts itself. */
WRAP(void *, mmap64, void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	int error = DUE(mmap64);

	if (error) {
		errno = error;
		return MAP_FAILED;
	}
	return mmap(address, length, protection, flags, fd, offset);
}

WRAP(int, munmap, void *address, size_t length)
{
	int error = DUE(munmap);

	if (error) {
		errno = error;
		return -1;
	}
	return munmap(address, length);
}

WRAP(void *, realloc, void *block, size_t size)
{
	int error = DUE(realloc);
	bool remembered = size == sizeof(struct session_last);

	/* What is told of a session that has ended takes its place, even if that cannot be made smaller. */
	if (remembered)
		fault_untrack(block);
	if (error) {
		errno = error;
		return NULL;
	}
	if (remembered)
		return realloc(block, size);
	fault_untrack(block);
	return fault_track(realloc(block, size), FAULT_realloc, FROM);
}

WRAP(void *, reallocarray, void *block, size_t count, size_t size)
{
	int error = DUE(reallocarray);

	if (error) {
		errno = error;
		return NULL;
	}
	fault_untrack(block);
	return fault_track(reallocarray(block, count, size), FAULT_reallocarray, FROM);
}

WRAP(void, free, void *block)
{
	fault_untrack(block);
	free(block);
}

/* --- threads, and what the C library is asked to do at certain moments --- */

WRAP(int, atexit, void (*function)(void))
{
	return DUE(atexit) ? 1 : atexit(function);
}

WRAP(int, pthread_atfork, void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
	int error = DUE(pthread_atfork);

	return error ? error : pthread_atfork(before, in_parent, in_child);
}

WRAP(int, pthread_attr_init, pthread_attr_t *attributes)
{
	int error = DUE(pthread_attr_init);

	return error ? error : pthread_attr_init(attributes);
}

WRAP(int, pthread_attr_setstacksize, pthread_attr_t *attributes, size_t bytes)
{
	int error = DUE(pthread_attr_setstacksize);

	return error ? error : pthread_attr_setstacksize(attributes, bytes);
}

WRAP(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
     void *argument)
{
	int error = DUE(pthread_create);

	return error ? error : pthread_create(thread, attributes, run, argument);
}

WRAP(int, pthread_setname_np, pthread_t thread, const char *name)
{
	int error = DUE(pthread_setname_np);

	return error ? error : pthread_setname_np(thread, name);
}

WRAP(int, sem_wait, sem_t *semaphore)
{
	int error = DUE(sem_wait);

	return error ? failed(error) : sem_wait(semaphore);
}
