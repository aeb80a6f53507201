/* SPDX-License-Identifier: Apache-2.0 */
/* Send memory of the other end of an AF_UNIX socket, by sock_diag(7). */
#include "driver/pressure.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Asks for one socket and one attribute of it, which is copied to `out`. */
static bool diag(int netlink, uint32_t inode, uint32_t show, int attribute, void *out, size_t size)
{
	struct {
		struct nlmsghdr header;
		struct unix_diag_req request;
	} ask = {
		.header = {
			.nlmsg_len = sizeof ask,
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.request = {
			.sdiag_family = AF_UNIX,
			.udiag_states = UINT32_MAX,
			.udiag_ino = inode,
			.udiag_show = show,
			.udiag_cookie = { UINT32_MAX, UINT32_MAX },
		},
	};
	union {
		struct nlmsghdr header;
		char bytes[1024];
	} answer;

	if (send(netlink, &ask, sizeof ask, 0) != (ssize_t)sizeof ask)
		return false;
	ssize_t n = recv(netlink, &answer, sizeof answer, MSG_DONTWAIT);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct unix_diag_msg)) ||
	    answer.header.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return false;
	const struct unix_diag_msg *m = NLMSG_DATA(&answer.header);
	int left = (int)(n - (ssize_t)NLMSG_LENGTH(sizeof *m));
	for (struct rtattr *a = (struct rtattr *)(void *)(m + 1); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == attribute && RTA_PAYLOAD(a) >= size) {
			memcpy(out, RTA_DATA(a), size);
			return true;
		}
	}
	return false;
}

bool pressure_on_peer(int fd)
{
	uint32_t peer, memory[SK_MEMINFO_SNDBUF + 1];
	struct stat st;
	bool known;

	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (netlink < 0)
		return true;
	known = fstat(fd, &st) == 0 &&
		diag(netlink, (uint32_t)st.st_ino, UDIAG_SHOW_PEER, UNIX_DIAG_PEER, &peer, sizeof peer) &&
		diag(netlink, peer, UDIAG_SHOW_MEMINFO, UNIX_DIAG_MEMINFO, memory, sizeof memory);
	close(netlink);
	return !known || memory[SK_MEMINFO_WMEM_ALLOC] > memory[SK_MEMINFO_SNDBUF] / 4;
}
