/*===----------------------------------------------------------------------===*
 * Quartermaster: a small disk that this process and its children alone see
 * SPDX-License-Identifier: Apache-2.0
 *===----------------------------------------------------------------------===*/

#define _GNU_SOURCE
#include "CSpawn.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>

int cspawn_mount_small_disk(const char *path, int kilobytes)
{
    char size[32];

    snprintf(size, sizeof size, "size=%dk", kilobytes);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return -1;
    return mount("tmpfs", path, "tmpfs", 0, size);
}
