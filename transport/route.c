/* SPDX-License-Identifier: Apache-2.0 */
/* RTM_GETROUTE: see rtnetlink(7). */
#include "transport/route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_MAX 4096u
#define ERRNO_MAX  4095        /* the kernel's own bound */

struct question {
	struct nlmsghdr header;
	struct rtmsg route;
	uint8_t attributes[128];
};

static void put(struct question *question, unsigned short type, const void *bytes, size_t length)
{
	struct rtattr *attribute =
		(struct rtattr *)((uint8_t *)question + NLMSG_ALIGN(question->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(length);
	memcpy(RTA_DATA(attribute), bytes, length);
	question->header.nlmsg_len = (uint32_t)(NLMSG_ALIGN(question->header.nlmsg_len) +
						RTA_ALIGN(attribute->rta_len));
}

static const void *raw(const union inet_address *address, size_t *length)
{
	if (address->family == AF_INET) {
		*length = 4;
		return &address->v4.sin_addr;
	}
	*length = 16;
	return &address->v6.sin6_addr;
}

static void ask(struct question *question, const union inet_address *remote,
		const union inet_address *local, unsigned interface_index)
{
	size_t length;
	const void *bytes = raw(remote, &length);

	memset(question, 0, sizeof *question);
	question->header.nlmsg_len = NLMSG_LENGTH(sizeof question->route);
	question->header.nlmsg_type = RTM_GETROUTE;
	question->header.nlmsg_flags = NLM_F_REQUEST;
	question->header.nlmsg_seq = 1;
	question->route.rtm_family = (unsigned char)remote->family;
	question->route.rtm_dst_len = (unsigned char)(length * 8);
	/* Without it the kernel takes any address for a neighbour when an interface is named. */
	if (interface_index != 0)
		question->route.rtm_flags = RTM_F_FIB_MATCH;
	put(question, RTA_DST, bytes, length);
	if (local && local->family == remote->family) {
		bytes = raw(local, &length);
		question->route.rtm_src_len = (unsigned char)(length * 8);
		put(question, RTA_SRC, bytes, length);
	}
	if (interface_index != 0)
		put(question, RTA_OIF, &interface_index, sizeof interface_index);
}

/* The next attribute of [at, at + left), moved past; NULL: none that is whole. */
static const struct rtattr *next_attribute(const uint8_t **at, size_t *left)
{
	const struct rtattr *attribute = (const struct rtattr *)(const void *)*at;
	size_t step;

	if (*left < sizeof *attribute || attribute->rta_len < sizeof *attribute || attribute->rta_len > *left)
		return NULL;
	step = RTA_ALIGN(attribute->rta_len);
	step = step < *left ? step : *left;
	*at += step;
	*left -= step;
	return attribute;
}

/* The errno of a refusal; -EIO when what is there is none. */
static int read_refusal(const struct nlmsghdr *header)
{
	const struct nlmsgerr *refusal = NLMSG_DATA(header);

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof *refusal))
		return -EIO;
	return refusal->error < 0 && refusal->error >= -ERRNO_MAX ? refusal->error : -EIO;
}

int route_read(struct route_answer *out, const void *bytes, size_t length)
{
	const struct nlmsghdr *header = bytes;
	const struct rtmsg *route = NLMSG_DATA(header);
	struct route_answer answer = { 0 };
	const struct rtattr *attribute;
	const uint8_t *at;
	size_t left;

	if (!NLMSG_OK(header, length))
		return -EIO;
	if (header->nlmsg_type == NLMSG_ERROR)
		return read_refusal(header);
	if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof *route))
		return -EIO;
	if (route->rtm_type != RTN_UNICAST && route->rtm_type != RTN_LOCAL)
		return -ENETUNREACH;
	answer.local = route->rtm_type == RTN_LOCAL;
	left = header->nlmsg_len - NLMSG_LENGTH(sizeof *route);
	at = (const uint8_t *)bytes + NLMSG_LENGTH(sizeof *route);
	while ((attribute = next_attribute(&at, &left))) {
		if (attribute->rta_type == RTA_OIF && RTA_PAYLOAD(attribute) >= sizeof(uint32_t))
			memcpy(&answer.interface_index, RTA_DATA(attribute), sizeof(uint32_t));
		if (attribute->rta_type == RTA_GATEWAY || attribute->rta_type == RTA_VIA)
			answer.gateway = true;
	}
	*out = answer;
	return 0;
}

int route_ask(struct route_answer *out, const union inet_address *remote,
	      const union inet_address *local, unsigned interface_index)
{
	struct question question;
	union {
		struct nlmsghdr header;
		uint8_t bytes[ANSWER_MAX];
	} answer;
	ssize_t length;
	int fd, err;

	if (remote->family != AF_INET && remote->family != AF_INET6)
		return -EAFNOSUPPORT;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	ask(&question, remote, local, interface_index);
	length = send(fd, &question, question.header.nlmsg_len, 0);
	if (length >= 0)
		length = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
	err = length < 0 ? -errno : route_read(out, &answer, (size_t)length);
	close(fd);
	return err;
}
