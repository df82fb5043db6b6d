//===----------------------------------------------------------------------===//
// Quartermaster: the parts of the wire probe
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

#ifndef PROBE_H
#define PROBE_H

enum { PROBE_STATUS = 5, PROBE_FIRST_LISTENER = 6 };

/// What the command line says about the service.
struct probe_service {
    const char *name;
    const char *transport;
    const char *stress;
    int listeners;
};

struct probe_service probe_service_from(int argc, char **argv);

/// Writes the dump; leaves no descriptor behind.
void probe_dump(const struct probe_service *service, int argc, char **argv);

/// Serves until the status channel ends or nothing happens for a minute; the value is the exit status.
int probe_serve(const struct probe_service *service);

/// The client side. With `stay` a connection is held until the process is ended.
int probe_touch(const char *type, const char *where, int stay);

#endif
