/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket; see link_control.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/lab/link_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int socket_make(const char *path, struct sockaddr_un *address)
{
	int fd;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void link_control_none(struct link_control *control)
{
	for (size_t i = 0; i < 1 + CONTROL_CLIENTS_MAX; i++)
		control->descriptors[i] = (struct pollfd){ .fd = -1, .events = POLLIN };
}

int link_control_init(struct link_control *control, const char *path)
{
	struct sockaddr_un address;
	int fd = socket_make(path, &address);

	link_control_none(control);
	if (fd < 0)
		return fd;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, CONTROL_CLIENTS_MAX) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	control->descriptors[0].fd = fd;
	return 0;
}

static void client_accept(struct link_control *control)
{
	int fd = accept4(control->descriptors[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 1; fd >= 0 && i < 1 + CONTROL_CLIENTS_MAX; i++) {
		if (control->descriptors[i].fd < 0) {
			control->descriptors[i].fd = fd;
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void client_serve(struct pollfd *client, link_answer *answer, void *context)
{
	char message[CONTROL_MESSAGE_BYTES], reply[CONTROL_MESSAGE_BYTES];
	ssize_t length = recv(client->fd, message, sizeof(message) - 1, MSG_DONTWAIT);

	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0) {
		close(client->fd);
		client->fd = -1;
		return;
	}
	message[length] = '\0';
	answer(context, message, reply, sizeof(reply));
	send(client->fd, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void link_control_serve(struct link_control *control, link_answer *answer, void *context)
{
	for (size_t i = 1; i < 1 + CONTROL_CLIENTS_MAX; i++) {
		if (control->descriptors[i].fd >= 0 && control->descriptors[i].revents)
			client_serve(&control->descriptors[i], answer, context);
	}
	if (control->descriptors[0].fd >= 0 && control->descriptors[0].revents)
		client_accept(control);
}

int link_control_ask(const char *path, const char *message)
{
	struct sockaddr_un address;
	char reply[CONTROL_MESSAGE_BYTES];
	ssize_t length = -1;
	int error = 0, fd = socket_make(path, &address);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    send(fd, message, strlen(message), MSG_NOSIGNAL) < 0 ||
	    (length = recv(fd, reply, sizeof(reply), 0)) < 0)
		error = -errno;
	close(fd);
	if (error < 0)
		return error;
	printf("%.*s\n", (int)length, reply);
	return length >= 2 && memcmp(reply + length - 2, "ok", 2) == 0 ? 0 : -EINVAL;
}
