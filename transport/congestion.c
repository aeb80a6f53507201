/* SPDX-License-Identifier: Apache-2.0 */
/* A TCP socket's congestion control, set and asked. */
#include "transport/congestion.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

int congestion_set(int fd, const char *name)
{
	socklen_t length = (socklen_t)strnlen(name, CONGESTION_NAME_BYTES - 1);

	return setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, length) < 0 ? -errno : 0;
}

void congestion_get(int fd, char name[CONGESTION_NAME_BYTES])
{
	socklen_t length = CONGESTION_NAME_BYTES - 1;

	memset(name, 0, CONGESTION_NAME_BYTES);
	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) < 0)
		name[0] = '\0';
}

int congestion_allowed(const char *name)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), err;

	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	err = congestion_set(fd, name);
	close(fd);
	return err;
}

void congestion_losses(int fd, struct carrier_losses *losses)
{
	struct tcp_info info;
	socklen_t length = sizeof info;

	memset(losses, 0, sizeof *losses);
	memset(&info, 0, sizeof info);
	/* All of it came with Linux 4.19. */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
	    length < offsetof(struct tcp_info, tcpi_dsack_dups) + sizeof info.tcpi_dsack_dups)
		return;
	losses->known = true;
	losses->sent = info.tcpi_data_segs_out;
	losses->repeated = info.tcpi_total_retrans;
	losses->needless = info.tcpi_dsack_dups;
	losses->window = info.tcpi_snd_cwnd;
	losses->rtt_ns = info.tcpi_rtt * NS_PER_US;
	/* All ones until the first sample. */
	losses->rtt_min_ns = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt * NS_PER_US;
	losses->acked_bytes = info.tcpi_bytes_acked;
	/* Not tcpi_delivery_rate_app_limited: that is of the fastest sample, which may be long ago. */
	losses->unfilled = info.tcpi_notsent_bytes == 0 && info.tcpi_unacked < info.tcpi_snd_cwnd;
	losses->busy_ns = (time_ns)(info.tcpi_busy_time - info.tcpi_rwnd_limited) * NS_PER_US;
}
