/* SPDX-License-Identifier: Apache-2.0 */
/* Has the program's end of a session's socket write a byte. */
#include "driver/primer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct primer_job *jobs, **jobs_end = &jobs;
static pid_t runs_in;           /* the process in which the thread runs; 0: none */

static bool is_peer(int fd, const struct sockaddr_un *name, socklen_t name_length)
{
	struct sockaddr_un peer;
	socklen_t length = sizeof peer;

	return getpeername(fd, (struct sockaddr *)&peer, &length) == 0 && length == name_length &&
	       memcmp(&peer, name, length) == 0;
}

/*
 * The number may be closed and used again at any moment: the byte goes through a duplicate that was
 * looked at itself. A duplicate is made of nothing but what was the session's end a moment ago.
 */
static bool prime(int fd, const struct sockaddr_un *name, socklen_t name_length)
{
	if (!is_peer(fd, name, name_length))
		return false;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return false;
	bool sent = is_peer(copy, name, name_length) &&
		    send(copy, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
	close(copy);
	return sent;
}

bool primer_look(const struct sockaddr_un *name, socklen_t name_length)
{
	DIR *directory = opendir("/proc/thread-self/fd");
	struct dirent *entry;
	bool found = false;

	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			found = prime(atoi(entry->d_name), name, name_length);
	closedir(directory);
	return found;
}

static void bring_back(struct engine *e, struct request *r)
{
	struct primer_job *job = container_of(r, struct primer_job, request);

	(void)e;
	job->done(job);
}

static void *primer_main(void *unused)
{
	(void)unused;
	pthread_setname_np(pthread_self(), "hawser-primer");
	for (;;) {
		pthread_mutex_lock(&lock);
		while (!jobs)
			pthread_cond_wait(&work, &lock);
		struct primer_job *job = jobs;
		jobs = job->next;
		if (!jobs)
			jobs_end = &jobs;
		pthread_mutex_unlock(&lock);

		job->found = primer_look(&job->name, job->name_length);
		engine_submit(job->engine, &job->request);
	}
	return NULL;
}

int primer_start(const struct engine *e)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, old;
	int error = 0;

	pthread_mutex_lock(&lock);
	if (runs_in == e->pid)
		goto out;
	if (pthread_attr_init(&attributes) != 0) {
		error = -ENOMEM;
		goto out;
	}
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = -pthread_create(&thread, &attributes, primer_main, NULL);
	error = error == -EAGAIN ? -ENOMEM : error;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	if (error == 0)
		runs_in = e->pid;
out:
	pthread_mutex_unlock(&lock);
	return error;
}

void primer_forget(void)
{
	/* A waiter that is not there would take the signals of one that is. */
	lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	jobs = NULL;
	jobs_end = &jobs;
	runs_in = 0;
}

bool primer_submit(struct engine *e, struct primer_job *job, int fd,
		   void (*done)(struct primer_job *job))
{
	job->engine = e;
	job->name_length = sizeof job->name;
	job->found = false;
	job->done = done;
	job->request.run = bring_back;
	job->next = NULL;
	if (getsockname(fd, (struct sockaddr *)&job->name, &job->name_length) < 0)
		return false;
	pthread_mutex_lock(&lock);
	bool runs = runs_in == e->pid;
	if (runs) {
		*jobs_end = job;
		jobs_end = &job->next;
		pthread_cond_signal(&work);
	}
	pthread_mutex_unlock(&lock);
	return runs;
}
