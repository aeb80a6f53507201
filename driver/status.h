/* SPDX-License-Identifier: Apache-2.0 */
/* All sessions of this process as one JSON document; control.h shows its shape. */
#ifndef HAWSER_DRIVER_STATUS_H
#define HAWSER_DRIVER_STATUS_H

#include "driver/engine.h"

/* Engine thread. *text is the caller's to free. 0 or -ENOMEM. Beyond limit_bytes sessions are left out. */
int status_write(struct engine *e, size_t limit_bytes, char **text, size_t *length);

#endif
