/* SPDX-License-Identifier: Apache-2.0 */
/* See wire.h. */
#include "sim/wire.h"

#include <string.h>

#include "sim/content.h"
#include "sim/world.h"

#define FAIL(...) world_fail(w, __VA_ARGS__)

/* Another path that may be trusted with bytes. */
static bool has_better(const struct host *host, const struct host_link *link)
{
	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct host_link *other = &host->links[i];

		if (other->used && other != link && !other->path.closing &&
		    health_usable(&other->path.health))
			return true;
	}
	return false;
}

/* A frame of data begins: whatever becomes of the path, it will be finished. */
static void frame_begins(struct world *w, const struct host *host, const struct host_link *link,
			 struct wire *wire)
{
	enum health_state state = link->path.health.state;
	enum session_mode mode = session_mode(host->session);

	wire->copies_only = state == HEALTH_SUSPECT && mode != MODE_DUPLICATE && has_better(host, link);
	if (state == HEALTH_DOWN)
		FAIL("path: host %u sends data on a path that is down", host->number);
	if (wire->copies_only && mode != MODE_CONVERGE)
		FAIL("path: host %u sends data on a suspect path while another is usable",
		     host->number);
	if (session_state(host->session) != SESSION_OPEN)
		FAIL("frame: host %u begins DATA in session state %d", host->number,
		     (int)session_state(host->session));
}

/* So many of [start, end) are written, or in a frame that has begun on another path and will be finished there. */
static uint64_t begun_bytes(const struct host *host, const struct host_link *link, uint64_t start, uint64_t end)
{
	uint64_t bytes = spans_bytes(&host->sent, start, end);

	for (unsigned i = 0; i < PATHS_MAX; i++) {
		const struct path *p = &host->links[i].path;
		uint64_t from, to;

		if (!host->links[i].used || &host->links[i] == link || !session_path_halved(p))
			continue;
		from = p->work->out.half.start > start ? p->work->out.half.start : start;
		to = p->work->out.half.end < end ? p->work->out.half.end : end;
		if (from < to)
			bytes += to - from - spans_bytes(&host->sent, from, to);
	}
	return bytes;
}

/* The header of a DATA frame is written: its bytes are to follow. */
static void data_begins(struct world *w, struct host *host, const struct host_link *link, struct wire *wire)
{
	struct frame_data data;
	const struct host *peer = &w->host[!host->number];
	uint64_t end;

	if (frame_data_decode(&wire->frame, wire->header + FRAME_HEADER_BYTES, &data) < 0)
		FAIL("frame: host %u writes a DATA frame that is none", host->number);
	end = data.offset + data.length;
	if (end > host->program.written)
		FAIL("frame: host %u sends what was never written, up to %llu", host->number,
		     (unsigned long long)end);
	if (end > peer->told_limit)
		FAIL("limit: host %u sends up to %llu, the peer allows %llu", host->number,
		     (unsigned long long)end, (unsigned long long)peer->told_limit);
	if (wire->copies_only && begun_bytes(host, link, data.offset, end) < data.length)
		FAIL("path: host %u sends new data on a suspect path while another is usable", host->number);
	if (data.fin && (!session_send_finished(host->session) || end != host->program.written))
		FAIL("frame: host %u sends a FIN at %llu", host->number, (unsigned long long)end);
	if (data.length > 0 && !spans_add(&host->sent, data.offset, end, SPANS_MAX))
		FAIL("frame: host %u sends in more than %u pieces", host->number, SPANS_MAX);
	wire->at = data.offset;
	wire->end = end;
	wire->in_data = data.length > 0;
	wire->header_have = 0;
}

static void check_ack(struct world *w, struct host *host, const struct wire *wire)
{
	struct host *peer = &w->host[!host->number];
	struct frame_ack ack;

	if (frame_ack_decode(wire->payload, wire->frame.length, &ack) < 0)
		FAIL("frame: host %u writes an ACK that is none", host->number);
	if (ack.cumulative > peer->program.written + session_send_finished(peer->session))
		FAIL("ack: host %u acknowledges what was never sent", host->number);
	if (ack.receive_limit > session_receive_limit(host->session))
		FAIL("limit: host %u promises more than it has", host->number);
	if (ack.window_units > 0) {
		uint64_t window = (uint64_t)ack.window_units * WINDOW_UNIT_BYTES;
		struct session_figures figures;

		session_figures(host->session, &figures);
		if (ack.receive_limit > window + figures.consumed)
			FAIL("window: host %u tells of more consumed than the %llu that are",
			     host->number, (unsigned long long)figures.consumed);
	}
	if (ack.receive_limit > host->told_limit)
		host->told_limit = ack.receive_limit;
	for (unsigned i = 0; i < ack.range_count; i++)
		if (spans_bytes(&peer->sent, ack.ranges[i].start, ack.ranges[i].end) !=
		    ack.ranges[i].end - ack.ranges[i].start)
			FAIL("ack: host %u has received what was never sent", host->number);
	for (unsigned i = 0; i < ack.path_count; i++) {
		struct host_link *link = host_link_of(host, ack.paths[i].path_id);
		struct carrier *c = link != NULL ? host_carrier(w, link) : NULL;

		if (link != NULL && ack.paths[i].received_bytes > link->taken_bytes)
			FAIL("evidence: host %u claims bytes for path %u that did not come by it",
			     host->number, ack.paths[i].path_id);
		if (c != NULL && ack.paths[i].received_bytes > c->end[!host->number].wire.written)
			FAIL("evidence: host %u claims bytes for path %u that were never written",
			     host->number, ack.paths[i].path_id);
	}
}

static void control_ends(struct world *w, struct host *host, struct wire *wire)
{
	switch (wire->frame.type) {
	case FRAME_ACK:
		if (w->host[!host->number].session != NULL)
			check_ack(w, host, wire);
		break;
	case FRAME_CLOSE:
	case FRAME_RESET:
		wire->ended = true;
		break;
	case FRAME_PING:
	case FRAME_PONG:
	case FRAME_MODE:
		break;
	default:
		FAIL("frame: host %u writes type %u", host->number, wire->frame.type);
	}
	wire->in_control = false;
	wire->header_have = 0;
}

static void header_byte(struct world *w, struct host *host, struct host_link *link,
			struct wire *wire, uint8_t byte)
{
	if (wire->header_have == 0 && byte == FRAME_DATA)
		frame_begins(w, host, link, wire);
	wire->header[wire->header_have++] = byte;
	if (wire->header_have == FRAME_HEADER_BYTES) {
		if (frame_header_decode(wire->header, &wire->frame) < 0 ||
		    !frame_known(&wire->frame))
			FAIL("frame: host %u writes a header that is none", host->number);
		if (wire->frame.type != FRAME_DATA) {
			wire->in_control = true;
			wire->payload_have = 0;
			if (wire->frame.length == 0)
				control_ends(w, host, wire);
		}
	} else if (wire->header_have == FRAME_DATA_HEAD_BYTES) {
		data_begins(w, host, link, wire);
	}
}

void wire_written(struct world *w, unsigned h, struct host_link *link, const uint8_t *bytes,
		  size_t length)
{
	struct host *host = &w->host[h];
	struct wire *wire = &host_carrier(w, link)->end[h].wire;

	wire->written += length;
	while (length > 0) {
		size_t count = 1;

		if (wire->ended)
			FAIL("frame: host %u writes behind CLOSE or RESET", host->number);
		if (wire->in_data) {
			count = wire->end - wire->at < length ? (size_t)(wire->end - wire->at)
							      : length;
			if (w->plan.kind == SESSION_STREAM &&
			    content_matching(w->key[h], wire->at, bytes, count) != count)
				FAIL("content: host %u sends other bytes than were written, from "
				     "%llu on",
				     h, (unsigned long long)wire->at);
			wire->at += count;
			wire->in_data = wire->at < wire->end;
		} else if (wire->in_control) {
			count = wire->frame.length - wire->payload_have;
			count = count < length ? count : length;
			memcpy(wire->payload + wire->payload_have, bytes, count);
			wire->payload_have += (unsigned)count;
			if (wire->payload_have == wire->frame.length)
				control_ends(w, host, wire);
		} else {
			header_byte(w, host, link, wire, *bytes);
		}
		bytes += count;
		length -= count;
	}
}
