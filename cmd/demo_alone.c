/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demonstration on one machine's loopback: a process receives, and two more stand in for
 * networks, 127.0.0.2 and 127.0.0.3.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/demo.h"

#define FIRST_BYTES_PER_S  50000000u
#define SECOND_BYTES_PER_S 25000000u
#define FIRST_ADDRESS      "127.0.0.2"
#define SECOND_ADDRESS     "127.0.0.3"

static pid_t child_process(const struct demo *demo)
{
	pid_t parent = getpid();
	pid_t child = fork();
	if (child < 0)
		complain(&demo->common, "no process: %s", strerror(errno));
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(STATUS_FAILED);
	}
	return child;
}

/* Starts the receiver; its ports are told through a pipe. */
static pid_t start_receiver(const struct demo *demo, uint16_t ports[2])
{
	int ends[2];
	unsigned port = 0, tcp_port = 0;
	if (pipe(ends) < 0) {
		complain(&demo->common, "no pipe: %s", strerror(errno));
		return -1;
	}
	pid_t child = child_process(demo);
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		_exit(demo_receive(demo, "127.0.0.1:0", "127.0.0.1:0"));
	}
	close(ends[1]);
	FILE *told = fdopen(ends[0], "r");
	bool ready = told != NULL && fscanf(told, "%u %u", &port, &tcp_port) == 2;
	if (told != NULL)
		fclose(told);
	if (child > 0 && !ready) {
		waitpid(child, NULL, 0); /* it has said why */
		return -1;
	}
	ports[0] = (uint16_t)port;
	ports[1] = (uint16_t)tcp_port;
	return child;
}

static pid_t start_network(const struct demo *demo, const char *address, const uint16_t ports[2],
			   uint64_t bytes_per_s)
{
	pid_t child = child_process(demo);
	if (child == 0)
		_exit(demo_relay(&demo->common, address, ports, bytes_per_s));
	return child;
}

static void stop(pid_t child)
{
	if (child <= 0)
		return;
	kill(child, SIGTERM);
	waitpid(child, NULL, 0);
}

int demo_alone(struct demo *demo)
{
	uint16_t ports[2];
	fputs("No networks were given: two addresses of the loopback stand in for them, each\n"
	      "behind a process that limits the rate and can go silent.\n",
	      stderr);
	pid_t receiver = start_receiver(demo, ports);
	if (receiver < 0)
		return STATUS_FAILED;
	demo->relay = start_network(demo, FIRST_ADDRESS, ports, FIRST_BYTES_PER_S);
	pid_t second = start_network(demo, SECOND_ADDRESS, ports, SECOND_BYTES_PER_S);
	demo->networks = "two relays on the loopback, 400 + 200 Mb/s";
	snprintf(demo->hawser_address, sizeof demo->hawser_address,
		 FIRST_ADDRESS "," SECOND_ADDRESS ":%u", ports[0]);
	snprintf(demo->tcp_address, sizeof demo->tcp_address, FIRST_ADDRESS ":%u", ports[1]);
	snprintf(demo->second_network, sizeof demo->second_network, SECOND_ADDRESS);
	usleep(200000); /* the relays listen long before */
	int status = demo->relay > 0 && second > 0 ? demo_all(demo) : STATUS_FAILED;
	stop(demo->relay);
	stop(second);
	stop(receiver);
	return status;
}
