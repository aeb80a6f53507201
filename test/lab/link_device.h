/* SPDX-License-Identifier: Apache-2.0 */
/* A TUN device inside a network namespace. */
#ifndef HAWSER_LINK_DEVICE_H
#define HAWSER_LINK_DEVICE_H

#include <stdbool.h>

/*
 * `place` is NETNS:DEVICE:ADDRESS/PREFIX[,ADDRESS/PREFIX...]; NETNS is a name known to
 * ip-netns(8) or a path such as /proc/PID/ns/net. Makes the device there, gives it the addresses
 * and brings it up. Returns its descriptor, non-blocking, one IP packet per read and write; the
 * device lives as long. Or -errno, with what failed printed.
 */
int link_device_open(const char *place, unsigned mtu);

/* Carrier off is what pulling the cable looks like. Returns 0 or -errno. */
int link_device_carrier(int device, bool is_on);

#endif
