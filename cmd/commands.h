/* SPDX-License-Identifier: Apache-2.0 */
/* The subcommands. argv[0] is the subcommand's name; each returns the exit status. */
#ifndef HAWSER_CMD_COMMANDS_H
#define HAWSER_CMD_COMMANDS_H

int bench_run(int argc, char **argv);
int cat_run(int argc, char **argv);
int demo_run(int argc, char **argv);
int status_run(int argc, char **argv);

#endif
