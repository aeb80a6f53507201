/* SPDX-License-Identifier: Apache-2.0 */
/* Every scenario; the table in scenarios_more.c names them. */
#ifndef HAWSER_TEST_FAULT_SCENARIOS_H
#define HAWSER_TEST_FAULT_SCENARIOS_H

/* scenarios.c */
void run_stream(void);
void run_bulk(void);
void run_packets(void);
void run_everywhere(void);
void run_resolve(void);
void run_nonblock(void);
void run_two_paths(void);
void run_two_stripes(void);
void run_redial(void);
void run_path_lost(void);
void run_mode(void);
void run_abort(void);
void run_unaccepted(void);
void run_refusals(void);

/* scenarios_handle.c */
void run_handle(void);
void run_handle_blocking(void);
void run_handle_lends(void);
void run_handle_messages(void);
void run_handle_adopts(void);

/* scenarios_more.c */
void run_fork(void);
void run_pass(void);
void run_exit(void);
void run_control(void);

/* scenarios_networks.c */
void run_networks(void);
void run_networks_early(void);

#endif
