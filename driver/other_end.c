/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of an AF_UNIX socket, as sock_diag(7) and ioctl(2) tell of it. */
#include "driver/other_end.h"

#include <linux/sockios.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

bool other_end_read(void *out, size_t size, int attribute, const void *bytes, size_t length)
{
	const struct nlmsghdr *header = bytes;
	const struct unix_diag_msg *socket = NLMSG_DATA(header);

	if (length < NLMSG_LENGTH(sizeof *socket) || !NLMSG_OK(header, length) ||
	    header->nlmsg_type != SOCK_DIAG_BY_FAMILY || header->nlmsg_len < NLMSG_LENGTH(sizeof *socket))
		return false;
	const struct rtattr *a = (const void *)(socket + 1);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof *socket);
	while (left >= sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= left) {
		size_t step = RTA_ALIGN(a->rta_len);

		if (a->rta_type == attribute && RTA_PAYLOAD(a) >= size) {
			memcpy(out, RTA_DATA(a), size);
			return true;
		}
		if (step >= left)
			return false;
		left -= step;
		a = (const void *)((const char *)a + step);
	}
	return false;
}

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
	return n > 0 && other_end_read(out, size, attribute, &answer, (size_t)n);
}

/* A netlink socket to ask with, and the inode of the other end, 0 while nobody has accepted it. -1: not told. */
static int open_diag(int fd, uint32_t *inode)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct stat st;

	if (netlink >= 0 && (fstat(fd, &st) < 0 ||
			     !diag(netlink, (uint32_t)st.st_ino, UDIAG_SHOW_PEER, UNIX_DIAG_PEER, inode,
				   sizeof *inode))) {
		close(netlink);
		return -1;
	}
	return netlink;
}

bool other_end_pressed(int fd)
{
	uint32_t inode, memory[SK_MEMINFO_SNDBUF + 1];
	int netlink = open_diag(fd, &inode);

	if (netlink < 0)
		return true;
	bool known = diag(netlink, inode, UDIAG_SHOW_MEMINFO, UNIX_DIAG_MEMINFO, memory, sizeof memory);
	close(netlink);
	return !known || memory[SK_MEMINFO_WMEM_ALLOC] > memory[SK_MEMINFO_SNDBUF] / 4;
}

bool other_end_accepted(int fd)
{
	uint32_t inode;
	int netlink = open_diag(fd, &inode);

	if (netlink < 0)
		return true;
	close(netlink);
	return inode != 0;
}

bool other_end_has_read(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCOUTQ, &bytes) < 0 || bytes == 0;
}
