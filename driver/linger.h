/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exit(3): what the program has written still goes out. Descriptors that are open then count as closed
 * by it. Waits until every session has been delivered, each at most for its option exit_linger.
 */
#ifndef HAWSER_DRIVER_LINGER_H
#define HAWSER_DRIVER_LINGER_H

/* Under the start lock: registers the handler of exit(3), once. */
void linger_prepare_once(void);

#endif
