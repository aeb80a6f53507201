/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's own stream sockets: dialling, listening, and what the kernel tells of them. */
#include "cmd/kernel_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/tcp.h>
#include <linux/mptcp.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* As tcpi_state tells them; <netinet/tcp.h> has them, but not beside <linux/tcp.h>. */
enum { TCP_ESTABLISHED = 1, TCP_FIN_WAIT1 = 4, TCP_FIN_WAIT2 = 5, TCP_CLOSE_WAIT = 8 };

#define SUBFLOWS_MAX 8u
#define HOST_BYTES   256u

struct place {
	char host[HOST_BYTES]; /* "" for every address */
	char port[8];
};

/* HOST[,HOST...][:PORT], or with listening [ADDR[,ADDR...]:]PORT. */
static int parse_place(struct place *place, const char *address, bool listening)
{
	const char *colon = strrchr(address, ':');
	const char *bracket = strrchr(address, ']');
	if (colon != NULL && bracket != NULL && colon < bracket)
		colon = NULL;
	const char *port = listening ? address : "";
	size_t host_bytes = listening ? 0 : strlen(address);
	if (colon != NULL) {
		port = colon + 1;
		host_bytes = (size_t)(colon - address);
	}
	const char *comma = memchr(address, ',', host_bytes);
	if (comma != NULL)
		host_bytes = (size_t)(comma - address);
	if (host_bytes >= 2 && address[0] == '[' && address[host_bytes - 1] == ']') {
		address++;
		host_bytes -= 2;
	}
	if (host_bytes >= HOST_BYTES || strlen(port) >= sizeof place->port)
		return -EINVAL;
	memcpy(place->host, address, host_bytes);
	place->host[host_bytes] = '\0';
	if (*port == '\0')
		snprintf(place->port, sizeof place->port, "%d", HAWSER_DEFAULT_PORT);
	else
		memcpy(place->port, port, strlen(port) + 1);
	return 0;
}

static struct addrinfo *look_up(const char *address, bool listening, char *why, size_t why_size)
{
	struct place place;
	if (parse_place(&place, address, listening) < 0) {
		snprintf(why, why_size, "'%s' is not an address", address);
		return NULL;
	}
	struct addrinfo hints = {
		.ai_flags = listening ? AI_PASSIVE : 0,
		.ai_family = listening && place.host[0] == '\0' ? AF_INET : AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	int error =
		getaddrinfo(place.host[0] != '\0' ? place.host : NULL, place.port, &hints, &found);
	if (error != 0)
		snprintf(why, why_size, "'%s': %s", address, gai_strerror(error));
	return error == 0 ? found : NULL;
}

static int bind_local(int fd, const char *via)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, via, &v4.sin_addr) == 1)
		return bind(fd, (struct sockaddr *)&v4, sizeof v4);
	if (inet_pton(AF_INET6, via, &v6.sin6_addr) == 1)
		return bind(fd, (struct sockaddr *)&v6, sizeof v6);
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, via, (socklen_t)strlen(via) + 1);
}

static int make(const struct kernel_socket_settings *settings, int family, char *why,
		size_t why_size)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC,
			settings->mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
	if (fd < 0) {
		snprintf(why, why_size, "%s socket: %s", settings->mptcp ? "MPTCP" : "TCP",
			 strerror(errno));
		return -1;
	}
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	const char *name = settings->congestion;
	if (name != NULL &&
	    setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) < 0) {
		snprintf(why, why_size, "congestion control '%s': %s", name, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

int kernel_socket_dial(const struct kernel_socket_settings *settings, const char *address,
		       char *why, size_t why_size)
{
	struct addrinfo *found = look_up(address, false, why, why_size);
	int fd = -1;
	for (struct addrinfo *at = found; at != NULL; at = at->ai_next) {
		fd = make(settings, at->ai_family, why, why_size);
		if (fd < 0)
			break;
		if ((settings->via == NULL || bind_local(fd, settings->via) == 0) &&
		    connect(fd, at->ai_addr, at->ai_addrlen) == 0)
			break;
		snprintf(why, why_size, "connecting to %s: %s", address, strerror(errno));
		close(fd);
		fd = -1;
	}
	if (found != NULL)
		freeaddrinfo(found);
	return fd;
}

int kernel_socket_listen(const struct kernel_socket_settings *settings, const char *address,
			 char *why, size_t why_size)
{
	struct addrinfo *found = look_up(address, true, why, why_size);
	if (found == NULL)
		return -1;
	int fd = make(settings, found->ai_family, why, why_size);
	int one = 1;
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd >= 0 && (bind(fd, found->ai_addr, found->ai_addrlen) < 0 || listen(fd, 16) < 0)) {
		snprintf(why, why_size, "listening on %s: %s", address, strerror(errno));
		close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

unsigned kernel_socket_port(int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return 0;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return 0;
}

static void address_show(const struct sockaddr_storage *address, char *text, size_t size)
{
	char digits[INET6_ADDRSTRLEN] = "";
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
		inet_ntop(AF_INET, &v4->sin_addr, digits, sizeof digits);
		snprintf(text, size, "%s:%u", digits, ntohs(v4->sin_port));
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
		inet_ntop(AF_INET6, &v6->sin6_addr, digits, sizeof digits);
		snprintf(text, size, "[%s]:%u", digits, ntohs(v6->sin6_port));
	} else {
		snprintf(text, size, "-");
	}
}

static bool same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
	if (a == NULL || a->sa_family != b->ss_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->sa_family == AF_INET6 &&
	       memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static void interface_of(const struct sockaddr_storage *local, char *name, size_t size)
{
	struct ifaddrs *all = NULL;
	snprintf(name, size, "-");
	if (getifaddrs(&all) < 0)
		return;
	for (struct ifaddrs *at = all; at != NULL; at = at->ifa_next) {
		if (same_host(at->ifa_addr, local)) {
			snprintf(name, size, "%.15s", at->ifa_name);
			break;
		}
	}
	freeifaddrs(all);
}

static void fill(struct hawser_path_info *path, const struct tcp_info *info, const char *carrier,
		 const struct sockaddr_storage *local, const struct sockaddr_storage *remote)
{
	memset(path, 0, sizeof *path);
	bool carries = info->tcpi_state == TCP_ESTABLISHED || info->tcpi_state == TCP_CLOSE_WAIT ||
		       info->tcpi_state == TCP_FIN_WAIT1 || info->tcpi_state == TCP_FIN_WAIT2;
	path->state = carries ? HAWSER_PATH_ACTIVE : HAWSER_PATH_DOWN;
	path->rtt_ns = (uint64_t)info->tcpi_rtt * 1000;
	path->rtt_min_ns = (uint64_t)info->tcpi_min_rtt * 1000;
	path->rtt_age_ns = (uint64_t)info->tcpi_last_ack_recv * 1000000;
	path->rate_sending = info->tcpi_delivery_rate;
	path->bytes_sent = info->tcpi_bytes_acked;
	path->bytes_received = info->tcpi_bytes_received;
	path->outstanding_bytes = (uint64_t)info->tcpi_unacked * info->tcpi_snd_mss;
	snprintf(path->carrier, sizeof path->carrier, "%s", carrier);
	address_show(local, path->local, sizeof path->local);
	address_show(remote, path->remote, sizeof path->remote);
	interface_of(local, path->interface, sizeof path->interface);
}

static unsigned tcp_path(int fd, struct hawser_path_info *paths)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof info;
	struct sockaddr_storage local = { 0 }, remote = { 0 };
	socklen_t local_length = sizeof local, remote_length = sizeof remote;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0)
		return 0;
	getsockname(fd, (struct sockaddr *)&local, &local_length);
	getpeername(fd, (struct sockaddr *)&remote, &remote_length);
	fill(&paths[0], &info, "tcp", &local, &remote);
	return 1;
}

static unsigned mptcp_paths(int fd, struct hawser_path_info *paths, unsigned max)
{
	struct {
		struct mptcp_subflow_data head;
		struct tcp_info info[SUBFLOWS_MAX];
	} flows = { .head = { .size_subflow_data = sizeof flows.head,
			      .size_user = sizeof(struct tcp_info) } };
	struct {
		struct mptcp_subflow_data head;
		struct mptcp_subflow_addrs addresses[SUBFLOWS_MAX];
	} ends = { .head = { .size_subflow_data = sizeof ends.head,
			     .size_user = sizeof(struct mptcp_subflow_addrs) } };
	socklen_t flows_length = sizeof flows, ends_length = sizeof ends;
	if (getsockopt(fd, SOL_MPTCP, MPTCP_TCPINFO, &flows, &flows_length) < 0 ||
	    getsockopt(fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, &ends, &ends_length) < 0)
		return 0;
	unsigned count = flows.head.num_subflows;
	if (count > ends.head.num_subflows)
		count = ends.head.num_subflows;
	if (count > SUBFLOWS_MAX)
		count = SUBFLOWS_MAX;
	if (count > max)
		count = max;
	for (unsigned i = 0; i < count; i++) {
		struct sockaddr_storage local, remote;
		memcpy(&local, &ends.addresses[i].ss_local, sizeof local);
		memcpy(&remote, &ends.addresses[i].ss_remote, sizeof remote);
		fill(&paths[i], &flows.info[i], "mptcp", &local, &remote);
		paths[i].id = i;
	}
	return count;
}

unsigned kernel_socket_paths(int fd, bool mptcp, struct hawser_path_info *paths, unsigned max)
{
	if (max == 0)
		return 0;
	unsigned count = mptcp ? mptcp_paths(fd, paths, max) : 0;
	return count > 0 ? count : tcp_path(fd, paths);
}

bool kernel_socket_fell_back(int fd)
{
	struct mptcp_info info = { 0 };
	socklen_t length = sizeof info;
	if (getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &length) < 0)
		return true;
	return (info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK) != 0;
}

void kernel_socket_congestion(int fd, char *name, size_t size)
{
	socklen_t length = (socklen_t)size - 1;
	memset(name, 0, size);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0)
		name[0] = '\0';
}
