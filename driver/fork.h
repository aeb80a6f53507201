/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork(2): the engine stays with the parent. The child starts one of its own when it uses the library;
 * descriptors of sessions that it inherited go on working, served by the parent.
 */
#ifndef HAWSER_DRIVER_FORK_H
#define HAWSER_DRIVER_FORK_H

/* Under the start lock: registers the handlers, once in a process and its children. 0 or -ENOMEM. */
int fork_prepare_once(void);

#endif
