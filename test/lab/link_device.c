/* SPDX-License-Identifier: Apache-2.0 */
/* Making a TUN device in another network namespace; see link_device.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/lab/link_device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Packets the device holds while we are not scheduled: generous, else they would look like loss. */
#define DEVICE_QUEUE_PACKETS "2000"

static int failed(const char *what, const char *name)
{
	int error = errno;

	fprintf(stderr, "link: %s %s: %s\n", what, name, strerror(error));
	return -error;
}

/* Runs ip(8) in the namespace that the process is in. */
static int ip_run(const char *const *arguments)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return failed("fork", "");
	if (pid == 0) {
		execvp("ip", (char *const *)arguments);
		perror("link: ip");
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -EIO;
	return 0;
}

static int address_add(const char *device, const char *address)
{
	bool is_6 = strchr(address, ':') != NULL;
	const char *arguments[] = { "ip", "address", "add", address, "dev", device,
				    is_6 ? "nodad" : NULL, NULL };

	return ip_run(arguments);
}

static int device_raise(const char *device, char *addresses, unsigned mtu)
{
	char mtu_text[16];
	const char *arguments[] = { "ip", "link", "set", "dev", device, "mtu", mtu_text,
				    "txqueuelen", DEVICE_QUEUE_PACKETS, "up", NULL };
	char *rest = NULL;

	snprintf(mtu_text, sizeof(mtu_text), "%u", mtu);
	for (char *address = strtok_r(addresses, ",", &rest); address;
	     address = strtok_r(NULL, ",", &rest)) {
		if (address_add(device, address) < 0)
			return -EIO;
	}
	return ip_run(arguments);
}

static int device_make(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (device < 0)
		return failed("open", "/dev/net/tun");
	if (strlen(name) >= sizeof(request.ifr_name)) {
		close(device);
		return -ENAMETOOLONG;
	}
	strcpy(request.ifr_name, name);
	if (ioctl(device, TUNSETIFF, &request) < 0) {
		int error = failed("make device", name);

		close(device);
		return error;
	}
	return device;
}

static int device_make_in(const char *netns, const char *name, char *addresses, unsigned mtu)
{
	char path[256];
	int device = -1, error, target = -1, home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return failed("open", "/proc/self/ns/net");
	snprintf(path, sizeof(path), "%s%s", netns[0] == '/' ? "" : "/run/netns/", netns);
	target = open(path, O_RDONLY | O_CLOEXEC);
	if (target < 0 || setns(target, CLONE_NEWNET) < 0) {
		error = failed("enter", path);
		goto out;
	}
	error = device = device_make(name);
	if (device >= 0)
		error = device_raise(name, addresses, mtu);
	if (setns(home, CLONE_NEWNET) < 0) {
		perror("link: cannot return to the first network namespace");
		abort();
	}
	if (error < 0 && device >= 0)
		close(device);
out:
	if (target >= 0)
		close(target);
	close(home);
	return error < 0 ? error : device;
}

int link_device_open(const char *place, unsigned mtu)
{
	char copy[512];
	char *name, *addresses;

	if (strlen(place) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, place);
	name = strchr(copy, ':');
	addresses = name ? strchr(name + 1, ':') : NULL;
	if (!addresses) {
		fprintf(stderr, "link: expected NETNS:DEVICE:ADDRESS/PREFIX, not %s\n", place);
		return -EINVAL;
	}
	*name++ = '\0';
	*addresses++ = '\0';
	return device_make_in(copy, name, addresses, mtu);
}

int link_device_carrier(int device, bool is_on)
{
	int carrier = is_on;

	return ioctl(device, TUNSETCARRIER, &carrier) < 0 ? -errno : 0;
}
