/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel answers when it is asked for a route: whole, cut short, or something else. */
#include "transport/route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "test.h"

struct message {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr interface;
	uint32_t index;
	struct rtattr gateway;
	uint32_t address;
};

static struct message whole(void)
{
	struct message m = {
		.header = { .nlmsg_len = sizeof m, .nlmsg_type = RTM_NEWROUTE },
		.route = { .rtm_type = RTN_UNICAST },
		.interface = { .rta_len = RTA_LENGTH(4), .rta_type = RTA_OIF },
		.index = 7,
		.gateway = { .rta_len = RTA_LENGTH(4), .rta_type = RTA_GATEWAY },
	};

	return m;
}

static struct route_answer read_fine(const struct message *m)
{
	struct route_answer answer;

	CHECK_EQ(route_read(&answer, m, m->header.nlmsg_len), 0);
	return answer;
}

static void reads_an_answer(void)
{
	struct message m = whole();

	CHECK_EQ(read_fine(&m).interface_index, 7);
	CHECK(read_fine(&m).gateway && !read_fine(&m).local);
	m.route.rtm_type = RTN_LOCAL;
	CHECK(read_fine(&m).local);
}

static void reads_no_further_than_there_is(void)
{
	struct message m = whole();

	m.header.nlmsg_len = offsetof(struct message, gateway);
	CHECK(!read_fine(&m).gateway);
	m.header.nlmsg_len = offsetof(struct message, index);
	CHECK_EQ(read_fine(&m).interface_index, 0);
	m = whole();
	m.interface.rta_len = RTA_LENGTH(2);    /* an index of two bytes is none */
	CHECK_EQ(read_fine(&m).interface_index, 0);
	m.interface.rta_len = 3;                /* and this would never end */
	CHECK(!read_fine(&m).gateway);
}

static void reads_refusals(void)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr refusal;
	} m = {
		.header = { .nlmsg_len = sizeof m, .nlmsg_type = NLMSG_ERROR },
		.refusal.error = -ENETUNREACH,
	};
	struct route_answer answer = { .interface_index = 99 };

	CHECK_EQ(route_read(&answer, &m, sizeof m), -ENETUNREACH);
	m.refusal.error = 0;
	CHECK_EQ(route_read(&answer, &m, sizeof m), -EIO);
	m.refusal.error = 5;
	CHECK_EQ(route_read(&answer, &m, sizeof m), -EIO);
	m.header.nlmsg_len = NLMSG_LENGTH(2);
	CHECK_EQ(route_read(&answer, &m, m.header.nlmsg_len), -EIO);
	CHECK_EQ(route_read(&answer, &m, 3), -EIO);
	CHECK_EQ(answer.interface_index, 99);
}

static void refuses_what_is_no_route(void)
{
	struct message m = whole();
	struct route_answer answer;

	CHECK_EQ(route_read(&answer, &m, sizeof m.header), -EIO);
	m.route.rtm_type = RTN_BLACKHOLE;
	CHECK_EQ(route_read(&answer, &m, sizeof m), -ENETUNREACH);
	m.header.nlmsg_type = RTM_NEWADDR;
	CHECK_EQ(route_read(&answer, &m, sizeof m), -EIO);
	m = whole();
	m.header.nlmsg_len = NLMSG_LENGTH(4);
	CHECK_EQ(route_read(&answer, &m, sizeof m), -EIO);
}

int main(void)
{
	RUN(reads_an_answer);
	RUN(reads_no_further_than_there_is);
	RUN(reads_refusals);
	RUN(refuses_what_is_no_route);
	return 0;
}
