/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a session and its paths, for people. */
#include "driver/info.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "driver/link.h"

void info_address(char *text, size_t size, const union inet_address *address)
{
	char host[INET6_ADDRSTRLEN];

	text[0] = '\0';
	if (address->family == AF_INET && inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host))
		snprintf(text, size, "%s:%u", host, ntohs(address->v4.sin_port));
	else if (address->family == AF_INET6 && inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host))
		snprintf(text, size, "[%s]:%u", host, ntohs(address->v6.sin6_port));
}

static uint32_t public_state(const struct endpoint *ep, enum session_state state)
{
	if (ep->stage == ENDPOINT_DIALLING)
		return HAWSER_DIALLING;
	switch (state) {
	case SESSION_OPEN:
		return ep->session && session_send_finished(ep->session) ? HAWSER_CLOSING :
									   HAWSER_ESTABLISHED;
	case SESSION_FINISHED:
		return HAWSER_CLOSING;
	case SESSION_CLOSED:
		return HAWSER_CLOSED;
	case SESSION_RESET:
		break;
	}
	return HAWSER_RESET;
}

static uint64_t since(time_ns at, time_ns now)
{
	return at > 0 && now > at ? (uint64_t)(now - at) : 0;
}

static void fill_session(const struct endpoint *ep, struct hawser_info *info, time_ns now)
{
	const struct session *s = ep->session;
	struct session_figures figures;
	enum session_state state = s ? session_state(s) : ep->last->state;

	if (s)
		session_figures(s, &figures);
	else
		figures = ep->last->figures;
	*info = (struct hawser_info){
		.state = public_state(ep, state),
		.messages = ep->messages,
		.dialler = ep->is_dialler,
		.mode_sending = s ? session_mode(s) : ep->last->mode,
		.mode_receiving = ep->mode_asked,
		.bytes_written = figures.written,
		.bytes_acknowledged = figures.acknowledged,
		.bytes_received = figures.received,
		.bytes_consumed = figures.consumed,
		.peer_consumed = figures.peer_consumed,
		.duplicate_bytes_sent = figures.duplicate_sent,
		.duplicate_bytes_received = figures.duplicate_received,
		.age_ns = since(ep->began, s ? now : ep->last->at),
		.longest_gap_ns = (uint64_t)figures.longest_gap_ns,
	};
	memcpy(info->id, ep->id, sizeof info->id);
	if (state == SESSION_RESET) {
		info->reason = s ? session_reason(s) : ep->reason;
		info->error = ep->error ? ep->error : endpoint_reset_error(info->reason);
	}
}

static void fill_link(struct link *l, struct hawser_path_info *info, time_ns now)
{
	const struct endpoint *ep = l->endpoint;
	const struct path *p = &l->path;
	time_ns passed = now - l->meter.at;
	struct carrier_route route;

	/* The receiving rate is that between two looks, at least 100 ms apart. */
	if (passed >= 100 * NS_PER_MS) {
		uint64_t bytes = p->stream_bytes_received - l->meter.bytes;
		uint64_t rate = bytes * 1000 / (uint64_t)(passed / NS_PER_MS) / METER_RATE_BYTES;

		l->rate_received = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
		l->meter.bytes = p->stream_bytes_received;
		l->meter.at = now;
	}
	*info = (struct hawser_path_info){
		.id = p->id,
		.state = p->health.state,
		.reason = session_path_reason(ep->session, p, now),
		.replies_elsewhere = l->replies_elsewhere,
		.connects = l->connects,
		.state_age_ns = since(p->health.state_at, now),
		.rtt_ns = (uint64_t)p->health.srtt_ns,
		.rtt_min_ns = (uint64_t)p->health.rtt_min_ns,
		.rtt_age_ns = since(p->health.rtt_at, now),
		.rate_sending = p->health.rate_bytes,
		.rate_receiving = (uint64_t)l->rate_received * METER_RATE_BYTES,
		.bytes_sent = p->stream_bytes_sent,
		.bytes_received = p->stream_bytes_received,
		.duplicate_bytes_sent = p->duplicate_bytes_sent,
		.duplicate_bytes_received = p->duplicate_bytes_received,
		.outstanding_bytes = health_outstanding(&p->health),
	};
	snprintf(info->carrier, sizeof info->carrier, "%s", l->carrier->ops->name);
	l->carrier->ops->route(l->carrier, &route);
	snprintf(info->interface, sizeof info->interface, "%s", route.interface);
	if (l->carrier->ops->congestion_get)
		l->carrier->ops->congestion_get(l->carrier, info->congestion);
	info_address(info->local, sizeof info->local, &route.local);
	info_address(info->remote, sizeof info->remote, &route.remote);
}

unsigned info_paths(struct endpoint *ep, struct hawser_path_info *paths, unsigned max)
{
	time_ns now = clock_now();
	unsigned count = 0;

	pthread_mutex_lock(&ep->lock);
	for (unsigned i = 0; ep->session && i < PATHS_MAX && count < max; i++)
		if (ep->links[i])
			fill_link(ep->links[i], &paths[count++], now);
	pthread_mutex_unlock(&ep->lock);
	if (ep->dialler)
		count += dialler_paths(ep, paths + count, max - count);
	return count;
}

void info_session(struct endpoint *ep, struct hawser_info *info)
{
	struct hawser_path_info paths[INFO_PATHS_MAX];
	unsigned count = info_paths(ep, paths, INFO_PATHS_MAX);

	pthread_mutex_lock(&ep->lock);
	fill_session(ep, info, clock_now());
	pthread_mutex_unlock(&ep->lock);
	info->paths = count;
}
